"""What is evaluated: what each source scored, and all of it as one; the folds of a cross-validation are several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from audiotag import run_folder, scorers
from audiotag.errors import AudiotagError
from audiotag.evaluation import calibrating
from audiotag.metrics import per_class
from audiotag.metrics.predictions import DEFAULT_THRESHOLD, Predictions
from audiotag.records import Data, Declaration
from audiotag.scorers.predicting import Predicted

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Scored:
    """What one source scored.

    Args:
        predicted: truth and scores.
        data: the data set; None: the truth came with the scores.
        split: expression of the splits; "" without a data set.
        run: the run folder, where the source is one.
    """

    predicted: Predicted
    data: Data | None
    split: str
    run: Path | None

    @property
    def scorer(self) -> scorers.Scorer | None:
        """What scores further sounds; None: a table of scores cannot."""
        subject = self.predicted.subject
        return subject if isinstance(subject, scorers.Scorer) else None

    @property
    def network(self) -> keras.Model | None:
        """The Keras network, where there is one that takes the log-mel of the records."""
        scorer = self.scorer
        if scorer is None or scorer.network is None or scorer.input.front_end.difference(self.data.front_end):
            return None
        return scorer.network

    def own(self, name: str) -> Any:
        """What its scorer has of its own: "calibration", "thresholds", "thresholds_from"; None where it has none."""
        return getattr(self.predicted.subject, name, None)


@dataclass(frozen=True)
class Evaluation:
    """What the sections of a report measure.

    Args:
        scored: the sources: one, or the folds of a cross-validation.
        predictions, clips, table, summary, calibration: of all their clips, as of `Report`.
        uncalibrated: the predictions before the calibration; None where there is none.
        columns, noise_folder, recordings: as of `evaluate`.
    """

    scored: tuple[Scored, ...]
    predictions: Predictions
    uncalibrated: Predictions | None
    clips: pandas.DataFrame
    table: pandas.DataFrame
    summary: dict[str, Any]
    calibration: str
    columns: Sequence[str] | None = None
    noise_folder: Path | None = None
    recordings: Declaration | Path | None = None


def pool(scored: Sequence[Scored], **options: Any) -> Evaluation:
    """All clips of all sources, measured together.

    Args:
        scored: the sources.
        options: further fields of `Evaluation`.

    Raises:
        AudiotagError: other classes, another task, or a clip that two of them scored.
    """
    parts = [each.predicted for each in scored]
    _check_alike(parts)
    _check_apart(parts)
    thresholds, _, _ = thresholds_of(scored)
    predictions = replace(_joined([part.predictions for part in parts]), thresholds=thresholds)
    uncalibrated = [part.uncalibrated for part in parts if part.uncalibrated is not None]
    table, own = per_class.per_class(predictions), [each.own("calibration") for each in scored]
    calibrations = ["none" if calibration is None else calibration.describe() for calibration in own]
    return Evaluation(
        scored=tuple(scored),
        predictions=predictions,
        uncalibrated=_joined(uncalibrated) if len(uncalibrated) == len(parts) else None,
        clips=pandas.concat([part.clips for part in parts], ignore_index=True),
        table=table,
        summary=per_class.summary(predictions, table),
        calibration="; ".join(dict.fromkeys(calibrations)),
        **options,
    )


def thresholds_of(scored: Sequence[Scored]) -> tuple[np.ndarray, str, list[str]]:
    """The thresholds of all classes, where they come from, and a note about them."""
    subject, positions, notes = scored[0].predicted.subject, scored[0].predicted.positions, []
    if any(getattr(each.predicted.subject, "thresholds", None) is not None for each in scored):
        if len(scored) == 1:
            return np.asarray(subject.thresholds)[positions], subject.thresholds_from or "the model's own", []
        notes = ["the runs have thresholds of their own, which differ from fold to fold: 0.5 is taken for all"]
    return np.full(len(positions), DEFAULT_THRESHOLD), f"{DEFAULT_THRESHOLD} for every class", notes


def fitted_on_these(scored: Sequence[Scored]) -> list[str]:
    """A note where the epoch, the calibration or the thresholds were chosen on the clips that they are measured on."""
    notes = []
    for each in scored:
        recipe = {} if each.run is None else run_folder.recipe(each.run)
        monitor = recipe.get("monitor", run_folder.LAST)
        if monitor != run_folder.LAST and each.data.fingerprint == recipe.get("fingerprint"):
            watched = each.data.select(recipe["validation"])
            if shared := [name for name in each.data.select(each.split) if name in watched]:
                notes.append(
                    f"the best epoch was chosen by {monitor} on {', '.join(shared)}, measured here: new clips will "
                    "fare worse (--monitor last keeps the last epoch instead)"
                )
        calibration = each.own("calibration")
        fitted = {
            "the calibration was": "" if calibration is None else calibration.fitted_on,
            "the thresholds were": each.own("thresholds_from") or "",
        }
        for what, source in fitted.items():
            if each.data is not None and (shared := calibrating.shared_splits(source, each.data, each.split)):
                notes.append(f"{what} fitted on {', '.join(shared)}, measured here: new clips will fare worse")
    return list(dict.fromkeys(notes))


def _check_alike(parts: Sequence[Predicted]) -> None:
    """Refuse sources of other classes or another task than the first."""
    ours = parts[0].predictions
    for part in parts[1:]:
        theirs = part.predictions
        if (ours.labels.names, ours.task) != (theirs.labels.names, theirs.task):
            raise AudiotagError(
                f"subjects are evaluated together on the same classes and task, {parts[0].subject.path} has "
                f"{len(ours.labels)} classes ({ours.task}), {part.subject.path} {len(theirs.labels)} ({theirs.task}): "
                "evaluate them one by one"
            )


def _check_apart(parts: Sequence[Predicted]) -> None:
    """Refuse a clip that two sources scored."""
    first_of: dict[str, Predicted] = {}
    for part in parts:
        for clip_id in part.predictions.clip_ids.tolist():
            if (first := first_of.setdefault(clip_id, part)) is not part:
                raise AudiotagError(
                    f"subjects that are evaluated together score clips of their own, {clip_id!r} is scored by "
                    f"{first.subject.path} and {part.subject.path}: name runs of different folds, or compare the two "
                    "with `audiotag compare`"
                )


def _joined(parts: Sequence[Predictions]) -> Predictions:
    if len(parts) == 1:
        return parts[0]
    of_each = {name: [getattr(part, name) for part in parts] for name in ("clip_ids", "targets", "scores")}
    if any(part.known is not None for part in parts):
        of_each["known"] = [part.judged for part in parts]
    if any(part.recordings is not None for part in parts):
        of_each["recordings"] = [part.clip_ids if part.recordings is None else part.recordings for part in parts]
    return replace(parts[0], **{name: np.concatenate(values) for name, values in of_each.items()})
