"""Training clips from which nothing can be learnt are refused, and classes without a clip are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration
from audiotag.training import Recipe, train
from audiotag.training.classes import check_classes
from audiotag.training.recipe import resolve
from tests.in_process import ThisProcess
from tests.training.conftest import FRONT_END, RATE


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Data]:
    """Builds clips by their labels, `|` between them, all for training but for the last, which is for validation."""

    def run(cells: Sequence[str], names: Sequence[str], task: str = "multilabel") -> Data:
        clips = []
        for number, cell in enumerate(cells):
            noise = np.random.default_rng(number).uniform(-0.1, 0.1, RATE // 4).astype(np.float32)
            audio.write(tmp_path / "sounds" / f"{number}.wav", noise, RATE)
            split = "validation" if number == len(cells) - 1 else "train"
            clips.append(Clip(f"{number}", f"{number}.wav", tuple(filter(None, cell.split("|"))), split))
        declared = Declaration(
            name="noises", version="1", task=task, licence="CC0", citation="none", labels=Labels(tuple(names)),
            clips=tuple(clips), seconds=0.25, root=tmp_path / "sounds",
        )  # fmt: skip
        records.build(declared, tmp_path / "data", front_end=FRONT_END, engine=ThisProcess(), allow=["one-class"])
        return records.open(tmp_path / "data")

    return run


@pytest.mark.parametrize(
    ("cells", "names", "task", "message"),
    [
        (
            ("dog", "dog", "dog"),
            ("dog",),
            "multiclass",
            "all 2 clips of train of noises are labelled dog: add",
        ),
        (("dog", "dog", ""), ("dog",), "multilabel", "are labelled dog: add"),
        (("dog", "dog", "cat"), ("cat", "dog"), "multiclass", "are labelled dog: add"),
        (("dog|cat", "cat|dog", ""), ("cat", "dog"), "multilabel", "are labelled cat, dog: add"),
        (("", "", "dog"), ("dog",), "multilabel", "are labelled with nothing: add"),
    ],
)
def test_clips_that_are_all_labelled_the_same_are_refused(
    build: Callable[..., Data], tmp_path: Path, cells: Sequence[str], names: Sequence[str], task: str, message: str
) -> None:
    data = build(cells, names, task)
    with pytest.raises(AudiotagError, match=message):
        train(Recipe(data.path, epochs=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_class_and_clips_without_it_can_be_learnt(build: Callable[..., Data]) -> None:
    data = build(("dog", "", "dog"), ("dog",))
    assert check_classes(resolve(Recipe(data.path), data), data) == ""


def test_classes_without_a_training_clip_are_named(build: Callable[..., Data]) -> None:
    data = build(("dog", "cat|dog", "rain"), ("cat", "dog", "rain", "unicorn"))
    line = check_classes(resolve(Recipe(data.path), data), data)
    assert line == "Classes without a clip in the training splits (train): rain, unicorn"
