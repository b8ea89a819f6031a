"""Fixtures of model tests: the published architectures in PyTorch, to be judged by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from kept_process import module_of


@pytest.fixture(scope="session")
def torch_reference() -> Callable[[str], ModuleType]:
    """A module of torch_reference/ by name."""
    return lambda name: module_of(Path(__file__).parent / "torch_reference" / f"{name}.py")
