"""Processes that are kept for many cases: on another backend of Keras, or where audiotag cannot be imported."""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import jax_weights

# Whichever comes first, a saved file opens: the backends take the two orders in turn.
IMPORTS = {"tensorflow": ("audiotag", "keras"), "jax": ("keras", "audiotag"), "torch": ("audiotag", "keras")}
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Without optimisation XLA compiles in a third of the time; the numbers are those of the same operations.
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    # Several of these processes share the machine with the tests' own.
    "OMP_NUM_THREADS": "1",
}


class KeptProcess:
    """Starts with its first case and serves until it is closed.

    Args:
        backend: `tensorflow`, `jax` or `torch`.
        audiotag: False where importing audiotag raises, as where it is not installed.
    """

    def __init__(self, backend: str, audiotag: bool = True) -> None:
        self.executor = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_prepare, initargs=(backend, audiotag)
        )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives there. Its file is read there anew; arguments and result travel as pickles."""
        return self.executor.submit(_run, function.__code__.co_filename, function.__name__, arguments).result()

    def close(self) -> None:
        """Ends the process at once: taking down Keras and its backend in good order lasts half as long as a start."""
        self.executor.submit(os._exit, 0)
        self.executor.shutdown()


class ThisProcess:
    """Answers as a `KeptProcess` of this process' backend would."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives here."""
        return _run(function.__code__.co_filename, function.__name__, arguments)


def module_of(file: Path | str) -> ModuleType:
    """A Python file by its path, whatever `sys.path` holds; read once a process."""
    name = f"kept_{abs(hash(str(file)))}"
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, file)
        sys.modules[name] = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def outcomes(tests: list[str]) -> dict[str, str]:
    """Tests run by pytest in this process: `passed`, `skipped` or what went wrong, by the name of the test."""
    import pytest

    results: dict[str, str] = {}

    class Collector:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call" or not report.passed:
                results[report.nodeid.split("::")[-1]] = report.longreprtext if report.failed else report.outcome

    pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *tests], plugins=[Collector()])
    return results


def _prepare(backend: str, audiotag: bool) -> None:
    os.environ |= {**ENVIRONMENT, "KERAS_BACKEND": backend}
    parent = multiprocessing.parent_process()
    # The pool alone would wait for ever for a test process that was killed.
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    if not audiotag:
        sys.modules["audiotag"] = None  # importing it raises
    for name in IMPORTS[backend] if audiotag else ("keras",):
        importlib.import_module(name)
    keras = sys.modules["keras"]
    assert keras.config.backend() == backend
    if backend == "jax":
        jax_weights.draw_with_numpy()


def _run(file: str, name: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return getattr(module_of(file), name)(*arguments)
    finally:
        sys.modules["keras"].backend.clear_session()
        gc.freeze()
