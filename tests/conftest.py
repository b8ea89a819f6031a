"""Fixtures for every test: a quiet TensorFlow, and the test data that lies beside the project."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from kept_process import KeptProcess, ThisProcess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# PyTorch's threads wait for each other in a loop: where workers share the cores, ten times the time of what they do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A network is made of many small objects: looking for rubbish at every 700th costs a tenth of its building.
gc.set_threshold(20_000, 10, 10)

# How long an example takes is a matter of the machine.
hypothesis.settings.register_profile("audiotag", deadline=None)
hypothesis.settings.load_profile("audiotag")

pytest_plugins = ["tests.small_data", "tests.small_runs", "tests.small_speech", "tests.order", "tests.s3"]


# Keras draws the seeds of its weights from here: a test that passes has passed for good, whatever ran before it.
@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest) -> None:
    """A fixture draws the same weights in every run."""
    random.seed(f"{request.node.nodeid} {fixturedef.argname}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """A test draws the same weights in every run."""
    random.seed(item.nodeid)


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


@pytest.fixture(scope="session")
def kept_process() -> Iterator[Callable[..., KeptProcess]]:
    """The process of a backend, or of one without audiotag: `kept_process("torch").call(function, ...)`.

    What asks for the backend of the tests' own process is run there.
    """
    started: dict[tuple[str, bool], KeptProcess] = {}

    def process(backend: str, audiotag: bool = True) -> KeptProcess | ThisProcess:
        if audiotag and backend == os.environ.get("KERAS_BACKEND", "tensorflow"):
            return ThisProcess()
        if (backend, audiotag) not in started:
            started[backend, audiotag] = KeptProcess(backend, audiotag)
        return started[backend, audiotag]

    yield process
    for each in started.values():
        each.close()


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    """TensorFlow runs `predict` and training steps as they are written: tracing takes longer than a step or two."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """MN and DyMN end after block 7: blocks of every activation, with and without gates, are among them.

    For what a head, a layer or a file does, which more blocks after them would only make dearer.
    """
    from audiotag.models import mn

    monkeypatch.setattr(mn, "BLOCKS", mn.BLOCKS[:7])


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[None]:
    """Whatever is drawn for TensorBoard is one small square: drawing is most of an evaluation's time."""
    from audiotag.report.tensorboard import pictures, png

    square = png.content(png.new(figsize=(0.1, 0.1)))
    with pytest.MonkeyPatch.context() as patch:
        for module in (png, pictures):
            patch.setattr(module, "content", lambda figure: square)
        patch.setattr(png, "draw", lambda chart: square)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_views() -> Iterator[None]:
    """Where a test trains, no examples are drawn and made into sounds, which takes longer than the training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audiotag.training.views.show", lambda *all_of: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def memory() -> Iterator[None]:
    """A module leaves none of its networks behind."""
    yield
    if keras := sys.modules.get("keras"):
        keras.backend.clear_session()
        # What is left are the modules of TensorFlow and its like: never to be walked through again.
        gc.freeze()


@pytest.fixture(autouse=True)
def quietness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is shown again, whatever the test before asked for."""
    monkeypatch.setattr("audiotag.progress._quiet", False)
