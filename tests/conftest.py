"""Fixtures for every test: a quiet TensorFlow, and the test data that lies beside the project."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

pytest_plugins = ["tests.small_data"]


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Path of a file or folder of test data; the test is skipped where it is not there."""
    places = [Path(__file__).resolve().parents[2] / "shared"]
    if named := os.environ.get("AUDIOTAG_TEST_DATA"):
        places = [Path(named), Path(named).parent, *places]

    def find(relative: str) -> Path:
        for place in places:
            if (place / relative).exists():
                return place / relative
        pytest.skip(f"{relative} is not there: set AUDIOTAG_TEST_DATA to the folder of golden, weights and data")

    return find


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test before said about quietness."""
    monkeypatch.setattr("audiotag.progress._quiet", False)
