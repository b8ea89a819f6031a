"""Fixtures of model tests: the published architectures in PyTorch, to be judged by."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def torch_reference() -> Callable[[str], ModuleType]:
    """A module of torch_reference/ by name; the test is skipped where PyTorch is not installed."""
    pytest.importorskip("torch")

    def load(name: str) -> ModuleType:
        path = Path(__file__).parent / "torch_reference" / f"{name}.py"
        specification = importlib.util.spec_from_file_location(f"torch_reference_{name}", path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return load
