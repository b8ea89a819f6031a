"""From scores to a report: metrics, intervals, slices, folds, calibration, and where thresholds come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import run_folder
from audiotag.evaluation import calibrating, pooling
from audiotag.evaluation.sections import slices
from audiotag.metrics import per_class
from audiotag.metrics.bootstrap import Unit, bootstrap
from audiotag.metrics.reliability import reliability
from audiotag.report.report import Report, Subject

if TYPE_CHECKING:
    from audiotag.evaluation.pooling import Heard
    from audiotag.metrics.predictions import Predictions
    from audiotag.records import Data

EVEN = 0.5
"""Threshold of every class where nobody chose any."""


def assemble(
    heard: Sequence[Heard], out: Path, columns: Sequence[str] | None, resamples: int, unit: Unit, command: str
) -> Report:
    """The report of what the scores alone say.

    Args:
        heard: the subjects: one, or the folds of a cross-validation.
        out: folder of the report.
        columns: columns of the clips to slice by. None: `slices.sliceable`.
        resamples: of the bootstrap; 0: no intervals.
        unit: what the bootstrap draws.
        command: what asks for this evaluation.
    """
    first = heard[0].predicted
    pooled = pooling.pool(heard)
    clips, subject = pooled.clips, first.subject
    thresholds, thresholds_from, told = _thresholds(heard)
    found = replace(pooled.predictions, thresholds=thresholds)
    table = per_class.per_class(found)
    fold_of = pooling.folds(heard)
    chosen = slices.sliceable(clips) if columns is None else columns
    described = Subject(subject.name, subject.kind, subject.path, subject.about, getattr(subject, "network", None))
    if len(heard) > 1:
        described = Subject(out.resolve().name, "runs", out, {"runs": ", ".join(str(one.run) for one in heard)})
    return Report(
        out=out,
        subject=described,
        data_set=_describe(heard[0].data, found),
        split="+".join(dict.fromkeys(one.split for one in heard if one.split)),
        command=command,
        predictions=found,
        clips=clips,
        thresholds=thresholds,
        thresholds_from=thresholds_from,
        calibration=_calibration(heard),
        table=table,
        summary=per_class.summary(found, table),
        intervals=bootstrap(found, unit, resamples=resamples) if resamples else None,
        slices=slices.slices(found, clips, chosen),
        folds=None if fold_of is None else slices.folds(found, fold_of),
        reliability=reliability(found),
        uncalibrated=None if pooled.uncalibrated is None else reliability(pooled.uncalibrated),
        notes=(*pooled.notes, *told),
        hyperparameters=run_folder.hyperparameters(heard[0].run) if heard[0].run is not None else {},
    )


def _thresholds(heard: Sequence[Heard]) -> tuple[np.ndarray, str, list[str]]:
    """The thresholds of all classes, where they come from, and what the reader must know about them."""
    first = heard[0].predicted
    own = [getattr(one.predicted.subject, "thresholds", None) for one in heard]
    even = np.full(len(first.predictions.labels), EVEN)
    if all(one is None for one in own):
        return even, f"{EVEN} for every class", _fitted_on_these(heard)
    if len(heard) > 1:
        told = "the runs have thresholds of their own, which differ from fold to fold: 0.5 is taken for all"
        return even, f"{EVEN} for every class", [told, *_fitted_on_these(heard)]
    return own[0][first.positions], first.subject.thresholds_from or "the model's own", _fitted_on_these(heard)


def _fitted_on_these(heard: Sequence[Heard]) -> list[str]:
    """A note where calibration or thresholds were fitted on the clips that they are measured on."""
    notes = []
    for one in heard:
        calibration = getattr(one.predicted.subject, "calibration", None)
        fitted = {
            "the calibration was": "" if calibration is None else calibration.fitted_on,
            "the thresholds were": getattr(one.predicted.subject, "thresholds_from", ""),
        }
        for what, source in fitted.items():
            if one.data is not None and (shared := calibrating.shared_splits(source, one.data, one.split)):
                notes.append(f"{what} fitted on {', '.join(shared)}, measured here: new clips will fare worse")
    return list(dict.fromkeys(notes))


def _calibration(heard: Sequence[Heard]) -> str:
    found = [getattr(one.predicted.subject, "calibration", None) for one in heard]
    described = dict.fromkeys("none" if one is None else one.describe() for one in found)
    return "; ".join(described)


def _describe(data: Data | None, found: Predictions) -> dict[str, str]:
    """Facts about the data set, for people."""
    if data is None:
        return {"name": "a table of labels", "task": found.task, "classes": str(len(found.labels))}
    return {
        "name": data.name,
        "version": str(data.manifest.description["version"]),
        "task": data.task,
        "classes": str(len(data.labels)),
        "clips": f"{sum(data.splits.values())} of {data.seconds:g} s",
        "front end": data.front_end.describe(),
        "licence": data.manifest.licence,
        "citation": data.manifest.citation,
        "fingerprint": data.fingerprint,
    }
