"""`calibrate`: a model's scores made probabilities and every class's threshold chosen, on the validation clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import records, run_folder, scorers, storage
from audiotag.errors import AudiotagError, suggest
from audiotag.evaluation import calibrating, event_tuning, note_tuning
from audiotag.evaluation.event_tuning import TunedEvents
from audiotag.evaluation.note_tuning import TunedNotes
from audiotag.evaluation.sections.noise import scores_of_noise
from audiotag.metrics import thresholds
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.thresholds import Thresholds
from audiotag.records import Data
from audiotag.records.strong_labels import has_strong_labels
from audiotag.scorers import Scorer, calibrations
from audiotag.tagging.calibration import METHODS, Calibration

if TYPE_CHECKING:
    from audiotag.scorers.opening import Source

NONE = "none"
HELD_OUT = ("test", "eval", "evaluation")

_NOISE_WINDOWS = 20


@dataclass(frozen=True)
class Tuned:
    """What was fitted.

    Args:
        tagger: the file that holds it: a tagger's, or `<name>.calibration.json`.
        source: what it was fitted on, for people; "" where everything was removed.
        calibration: None: none.
        thresholds: None: none.
        before: truth and uncalibrated scores of the clips it was fitted on; None where everything was removed.
        after: the same, calibrated.
        noise_hours: how much noise was heard, hours; 0 where the aim needs none.
        steps: thresholds and medians of steps, or thresholds of notes; None: the clips have no strong labels, or the
            model no steps.
        notes: why nothing was chosen for steps although the clips have strong labels.
    """

    tagger: Path
    source: str = ""
    calibration: Calibration | None = None
    thresholds: Thresholds | None = None
    before: Predictions | None = None
    after: Predictions | None = None
    noise_hours: float = 0.0
    steps: TunedEvents | TunedNotes | None = None
    notes: tuple[str, ...] = ()


def calibrate(
    model: Source | Sequence[Source],
    method: str = "temperature",
    aim: str | None = None,
    *,
    noise: Path | str | None = None,
    data: Data | Path | str | None = None,
    split: str | None = None,
    **stated: Any,
) -> Tuned:
    """Fit a calibration and thresholds on validation clips, and keep them where `scorers.open` finds them.

    Those of a run are written into its `tagger.keras`, those of a tagger's file into that file, those of any other
    model into `<name>.calibration.json` beside it (of published weights, a function or an ensemble: in the current
    folder). Where the clips have strong labels and a run or a tagger's file keeps time, thresholds and medians of steps
    are chosen too (`event_tuning.choose`), for `AudioTagger.events`; of notes thresholds of their onsets and of what
    lasts (`note_tuning.choose`), for `AudioTagger.transcribe`.

    Args:
        model: whatever `scorers.open` takes, or a scorer that it gave.
        method: "temperature", "platt", "isotonic" (see `tagging.calibration`) or "none".
        aim: of the thresholds, see `thresholds.Aim`, or "none". Default: "f1"; "none" with method "none".
        noise: recordings in which none of the classes sounds, for false alarms. Default: silence and made noise.
        data: data set, open or its folder. Default: that of the run's recipe.
        split: expression of the splits to fit on. Default: what the run was validated on.
        stated: options of `scorers.open` for a model that does not state them itself.

    Returns:
        What was fitted. The file is replaced whole or not at all.

    Raises:
        AudiotagError: no such model, method or aim; a split that the run was trained on or that is kept for the test.

    Example:
        >>> audiotag.evaluation.calibrate("runs/esc10-mn04", aim="precision=0.9").thresholds.values
    """
    aim = (NONE if method == NONE else "f1") if aim is None else aim
    if method not in (*METHODS, NONE):
        raise AudiotagError(f"no calibration is named {method!r}: {suggest(method, (*METHODS, NONE))}")
    quiet = aim != NONE and thresholds.Aim.parse(aim).kind == "false-alarms"
    if noise is not None and not quiet:
        raise AudiotagError(f"noise is heard for the aim false-alarms=1, received the aim {aim}: leave --noise out")
    data = records.open(data) if isinstance(data, str | Path) else data
    scorer = scorers.open(model, data, **stated)
    if not isinstance(scorer, scorers.Scorer):
        raise AudiotagError(f"{scorer.path} is a table of scores, which cannot be changed: calibrate the model")
    decoding = None if scorer.tagger is None else scorer.tagger.step_decoding
    scorer = calibrations.with_calibration(scorer, None)
    if method == aim == NONE:
        return Tuned(_written(scorer))
    run = scorer.path if scorer.kind == "run" else None
    if data is None and run is None:
        raise AudiotagError(f"{scorer.name} is calibrated on a data set: name one with --data, and --split")
    data = records.open(run_folder.data_folder(run)) if data is None else data
    split = _split(scorer.name, run, data, split)
    _check_same(scorer, data)
    recordings = None if data.waveforms else data.recordings
    before = scorers.predict(scorer, data, split, source=recordings).predictions
    source = calibrating.source(data, split, len(before.clip_ids))
    calibration = None if method == NONE else calibrating.fit(before, method, source)
    after = before if calibration is None else calibrating.calibrated(before, calibration)
    steps, notes = _steps(scorer, data, split, source)
    decoding = decoding if steps is None else steps.decoding
    fitted = partial(calibrations.with_calibration, scorer, calibration, step_decoding=decoding)
    calibrated, chosen, hours = fitted(), None, 0.0
    if quiet:
        folder = None if noise is None else Path(noise)
        windows = scores_of_noise(calibrated, folder, data, scorer.seconds, _NOISE_WINDOWS)
        hours = windows.hours
        chosen = thresholds.choose(after, aim, windows.scores, hours)
    elif aim != NONE:
        chosen = thresholds.choose(after, aim)
    if chosen is not None:
        origin = f"{chosen.aim} on {source}"
        calibrated = fitted(chosen.values.tolist(), origin)
    return Tuned(_written(calibrated), source, calibration, chosen, before, after, hours, steps, notes)


def _steps(
    scorer: Scorer, data: Data, split: str, source: str
) -> tuple[TunedEvents | TunedNotes | None, tuple[str, ...]]:
    """What is chosen for steps, and why nothing is although the clips have strong labels."""
    if scorer.tagger is None or not has_strong_labels(data, split):
        return None, ()
    if scorer.calibration_file is None:
        return None, ("thresholds of steps are kept in a run or a tagger's file: none were chosen",)
    if difference := scorer.input.front_end.difference(data.front_end):
        return None, (f"thresholds of steps were not chosen, the log-mel of {data.name} is another: {difference}",)
    try:
        choose = note_tuning.choose if data.task.of_notes else event_tuning.choose
        return choose(scorer.network, data, split, source), ()
    except AudiotagError as error:
        return None, (f"thresholds of steps were not chosen: {error}",)


def _written(scorer: Scorer) -> Path:
    path = calibrations.write(scorer)
    storage.send_back(path)
    return storage.origin(path)


def _split(name: str, run: Path | None, data: Data, split: str | None) -> str:
    """The splits to fit on: none that the run was trained on, none that is kept for the test."""
    recipe = {} if run is None else run_folder.recipe(run)
    recipe = recipe if recipe.get("fingerprint") == data.fingerprint else {}
    split = recipe.get("validation", NONE) if split is None else split
    if split == NONE:
        raise AudiotagError(
            f"{run or name} was not validated on a split of {data.name}: name one to fit on with --split "
            f"({', '.join(data.splits)})"
        )
    trained = data.select(recipe["train"]) if recipe else []
    for part in data.select(split):
        if part.lower() in HELD_OUT or part in trained:
            kept = "was trained on" if part in trained else "is for the test"
            raise AudiotagError(
                f"calibration and thresholds are fitted on clips of their own, {part!r} {kept}: name another --split"
            )
    return split


def _check_same(scorer: Scorer, data: Data) -> None:
    """Refuse a data set of other classes, task or speed of recordings than the model's."""
    compared = [("classes", scorer.labels.names, data.labels.names)]
    compared += [(what, getattr(scorer, what), getattr(data, what)) for what in ("task", "speed")]
    for what, own, wanted in compared:
        if own != wanted:
            raise AudiotagError(
                f"a model is calibrated on its own classes, task and speed, {data.name} has another {what} than "
                f"{scorer.name}: name its data set with --data"
            )
