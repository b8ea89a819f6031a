"""Runs in a store: another machine goes on where one was killed, and evaluates into the same place."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
from rich.console import Console

from audiotag import evaluation, records, scorers, storage
from audiotag.errors import AudiotagError
from audiotag.report import show
from audiotag.storage import mirrors
from audiotag.training import Recipe, fitting, train

if TYPE_CHECKING:
    from tests.s3 import Faults

pytestmark = pytest.mark.usefixtures("eager", "blank_pictures")

TINY = {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4}
RUN = "s3://bucket/runs/tones"


class Killed(Exception):
    """Ends a run before anything more is sent."""


@pytest.fixture
def another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Nothing is known of what was fetched or written before."""

    def begin(name: str) -> None:
        monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path / name))
        monkeypatch.setattr(mirrors, "_mirrors", {})

    return begin


def test_a_key_that_leads_out_of_the_copy_is_refused(
    another_machine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    another_machine("first")
    copy = mirrors.Mirror(Path("bucket/run"))
    monkeypatch.setattr(copy, "_names", lambda: ["../../../evil.txt"])
    with pytest.raises(AudiotagError, match="must stay inside"):
        copy.fetch()
    assert not list(tmp_path.rglob("evil.txt"))


def stored(address: str) -> dict[str, bytes]:
    folder = storage.place(address)
    return {path.removeprefix(f"{folder.path}/"): folder.fs.cat_file(path) for path in folder.fs.find(folder.path)}


@pytest.mark.slow
def test_a_run_that_was_killed_on_one_machine_is_finished_on_another(
    s3: Faults,
    tones: records.Data,
    another_machine: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                killing.setattr(mirrors.Mirror, "send", lambda self: None)
                raise Killed

    recipe = Recipe(tones.path, epochs=2, batch_size=6, learning_rate=0.02, model="passt", model_options=TINY, seed=3)
    original = fitting._callbacks
    another_machine("first")
    s3.add("PUT", "recipe.toml", "503")
    with monkeypatch.context() as killing, pytest.raises(Killed):
        killing.setattr(fitting, "_callbacks", lambda *arguments: [*original(*arguments), Kill()])
        train(recipe, RUN)
    assert s3.waiting == []
    assert {"recipe.toml", "checkpoints/epoch-0001.npz"} <= stored(RUN).keys()
    assert "student.keras" not in stored(RUN)
    another_machine("second")
    run = train(recipe, RUN)
    assert str(run.path) == RUN
    whole = train(recipe, tmp_path / "whole")
    assert run.history == whole.history
    contents = stored(RUN)
    assert set(contents) >= {path.name for path in whole.path.iterdir() if path.is_file()}
    checkpoints = {path.name for path in (whole.path / "checkpoints").iterdir()}
    assert {name for name in contents if name.startswith("checkpoints/")} == {f"checkpoints/{n}" for n in checkpoints}
    (tmp_path / "student.keras").write_bytes(contents["student.keras"])
    ours, theirs = (keras.saving.load_model(folder / "student.keras") for folder in (tmp_path, whole.path))
    for weight, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)

    another_machine("third")
    report = evaluation.evaluate(RUN, split="validation", resamples=0)
    assert (str(report.out), str(report.subject.path)) == (RUN, RUN)
    contents = stored(RUN)
    pages = ("report.html", "metrics.json", "model_card.md")
    assert not [name for name in pages if str(tmp_path / "third").encode() in contents[name]]
    show(report, Console(file=(shown := io.StringIO()), width=200))
    assert f"{RUN}/report.html\ntensorboard --logdir {RUN}\n" in shown.getvalue()
    expected = scorers.predict(scorers.open(whole.path), tones, "validation").predictions
    np.testing.assert_array_equal(np.sort(report.predictions.scores, axis=0), np.sort(expected.scores, axis=0))
    tuned = evaluation.calibrate(RUN, split="validation")
    assert str(tuned.tagger) == f"{RUN}/tagger.keras"
    assert stored(RUN)["tagger.keras"] != contents["tagger.keras"]
    shutil.rmtree(tmp_path / "third")
    assert scorers.open(f"{RUN}/tagger.keras").labels.names == tones.labels.names
