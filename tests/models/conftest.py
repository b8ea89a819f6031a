"""Fixtures of model tests: the published architectures in PyTorch, to be judged by; networks that tests share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from kept_process import module_of


@pytest.fixture(scope="session")
def torch_reference() -> Callable[[str], ModuleType]:
    """A module of torch_reference/ by name."""
    return lambda name: module_of(Path(__file__).parent / "torch_reference" / f"{name}.py")


@pytest.fixture(scope="session")
def published(shared) -> Callable[..., object]:
    """A network with the weights of one of `CASES` of backend_check.py, built once; only to be read."""
    from audiotag import models

    cases = module_of(Path(__file__).with_name("backend_check.py")).CASES

    @cache
    def network(name: str) -> object:
        architecture, classes, weights, options = cases[name]
        return models.build(architecture, classes=classes, weights=shared(weights), **options)

    return network


@pytest.fixture
def few_channels(monkeypatch: pytest.MonkeyPatch) -> int:
    """PANNs begin with this many channels instead of 64."""
    from audiotag.models import panns

    monkeypatch.setattr(panns, "FIRST_CHANNELS", 8)
    return panns.FIRST_CHANNELS
