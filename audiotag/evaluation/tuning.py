"""`calibrate`: a run's scores made probabilities and every class's threshold chosen, on the validation clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import run_folder
from audiotag.errors import AudiotagError, suggest
from audiotag.evaluation import calibrating
from audiotag.evaluation.sections.noise import built_in, listen, noise_folder
from audiotag.metrics import thresholds
from audiotag.metrics.predictions import Predictions
from audiotag.scorers.networks import predict

if TYPE_CHECKING:
    from audiotag.metrics.thresholds import Thresholds
    from audiotag.models import ModelCard
    from audiotag.records import Data
    from audiotag.tagging import AudioTagger
    from audiotag.tagging.calibration import Calibration

NONE = "none"
HELD_OUT = ("test", "eval", "evaluation")

_NOISE_WINDOWS = 20


@dataclass(frozen=True)
class Tuned:
    """What was fitted.

    Args:
        tagger: the file that holds it.
        source: what it was fitted on, for people; "" where everything was removed.
        calibration: None: none.
        thresholds: None: none.
        before: truth and uncalibrated scores of the clips it was fitted on; None where everything was removed.
        after: the same, calibrated.
        noise_hours: how much noise was heard, hours; 0 where the aim needs none.
    """

    tagger: Path
    source: str = ""
    calibration: Calibration | None = None
    thresholds: Thresholds | None = None
    before: Predictions | None = None
    after: Predictions | None = None
    noise_hours: float = 0.0


def calibrate(
    run: Path | str,
    method: str = "temperature",
    aim: str | None = None,
    *,
    noise: Path | str | None = None,
    data: Data | Path | str | None = None,
    split: str | None = None,
) -> Tuned:
    """Fit a calibration and thresholds on the validation clips of a run, and write them into its `tagger.keras`.

    Args:
        run: folder with `student.keras`.
        method: "temperature", "platt", "isotonic" (see `tagging.calibration`) or "none".
        aim: of the thresholds, see `thresholds.Aim`, or "none". Default: "f1"; "none" with method "none".
        noise: recordings in which none of the classes sounds, for false alarms. Default: silence and made noise.
        data: data set, open or its folder. Default: that of the run's recipe.
        split: expression of the splits to fit on. Default: what the run was validated on.

    Returns:
        What was fitted. The file is replaced whole or not at all.

    Raises:
        AudiotagError: no such run, method or aim; a split that the run was trained on or that is kept for the test.

    Example:
        >>> audiotag.evaluation.calibrate("runs/esc10-mn04", aim="precision=0.9").thresholds.values
    """
    from audiotag import models, records
    from audiotag.tagging import AudioTagger, loading
    from audiotag.tagging.calibration import METHODS

    run, aim = Path(run), (NONE if method == NONE else "f1") if aim is None else aim
    if method not in (*METHODS, NONE):
        raise AudiotagError(f"no calibration is named {method!r}: {suggest(method, (*METHODS, NONE))}")
    quiet = aim != NONE and thresholds.Aim.parse(aim).kind == "false-alarms"
    if noise is not None and not quiet:
        raise AudiotagError(f"noise is heard for the aim false-alarms=1, received the aim {aim}: leave --noise out")
    if not (run / run_folder.STUDENT).is_file():
        raise AudiotagError(
            f"a run folder holds {run_folder.STUDENT}, {run} does not: give the --out of `audiotag train`"
        )
    network, card = models.load(run / run_folder.STUDENT)
    parts = (network, card.labels, card.front_end, card.task, card.seconds, card.pad)
    if method == aim == NONE:
        loading.save(AudioTagger(*parts), run / run_folder.TAGGER)
        return Tuned(run / run_folder.TAGGER)
    if data is None:
        data = run_folder.data_folder(run)
    opened = records.open(data) if isinstance(data, str | Path) else data
    split = _split(run, opened, split)
    _check_same(card, opened)
    before = predict(network, opened, split)
    source = calibrating.source(opened, split, len(before.clip_ids))
    calibration = None if method == NONE else calibrating.fit(before, method, source)
    after = before if calibration is None else calibrating.calibrated(before, calibration)
    tagger, chosen, hours = AudioTagger(*parts, calibration=calibration), None, 0.0
    if quiet:
        scores, hours = _heard(tagger, noise)
        chosen = thresholds.choose(after, aim, scores, hours)
    elif aim != NONE:
        chosen = thresholds.choose(after, aim)
    if chosen is not None:
        options = {"thresholds": chosen.values.tolist(), "thresholds_from": f"{chosen.aim} on {source}"}
        tagger = AudioTagger(*parts, calibration=calibration, **options)
    loading.save(tagger, run / run_folder.TAGGER)
    return Tuned(run / run_folder.TAGGER, source, calibration, chosen, before, after, hours)


def _split(run: Path, data: Data, split: str | None) -> str:
    """The splits to fit on: none that the run was trained on, none that is kept for the test."""
    recipe = run_folder.recipe(run) if (run / run_folder.RECIPE).is_file() else {}
    split = recipe.get("validation", NONE) if split is None else split
    if split == NONE:
        raise AudiotagError(f"{run} was trained without a validation split: name one with --split")
    trained = data.select(recipe["train"]) if recipe.get("fingerprint") == data.fingerprint else []
    for name in data.select(split):
        if name.lower() in HELD_OUT or name in trained:
            kept = "was trained on" if name in trained else "is for the test"
            raise AudiotagError(
                f"calibration and thresholds are fitted on clips of their own, {name!r} {kept}: name another --split"
            )
    return split


def _check_same(card: ModelCard, data: Data) -> None:
    """Refuse a data set of other features, classes or task than the model's."""
    differences = {
        "front end": card.front_end.difference(data.front_end),
        "classes": card.labels.names != data.labels.names,
        "task": card.task != data.task,
    }
    for what, differs in differences.items():
        if differs:
            raise AudiotagError(
                f"a model is calibrated on its own front end, classes and task, {data.name} has another {what} than "
                f"{card.name}: name its data set with --data"
            )


def _heard(tagger: AudioTagger, noise: Path | str | None) -> tuple[np.ndarray, float]:
    """Scores of every window of noise (windows, classes), and how many hours that is."""
    if noise is None:
        sounds = built_in(tagger.sample_rate, tagger.seconds, _NOISE_WINDOWS)
    else:
        sounds = noise_folder(Path(noise), tagger.sample_rate, tagger.seconds)
    heard = listen(tagger.predict_on_batch, sounds, tagger.sample_rate)
    return heard.scores, heard.hours
