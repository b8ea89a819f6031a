"""Where a calibration and thresholds are kept: in a tagger's own file, or in a small file beside any other model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.scorers.scorer import Scorer
from audiotag.tagging.calibration import Calibration
from audiotag.tagging.event_decoding import EventDecoding
from audiotag.tagging.note_decoding import NoteDecoding

SUFFIX = ".calibration.json"


def file_of(scorer: Scorer) -> Path:
    """The file that holds a scorer's calibration: that of the tagger; else `<name>.calibration.json` beside the model,
    and of what is no file (published weights, a function, an ensemble) in the current folder.
    """
    if scorer.calibration_file is not None:
        return scorer.calibration_file
    folder = scorer.path.resolve().parent if scorer.path.exists() else Path()
    return folder / f"{scorer.name}{SUFFIX}"


def with_calibration(
    scorer: Scorer,
    calibration: Calibration | None,
    thresholds: Sequence[float] | None = None,
    thresholds_from: str = "",
    step_decoding: EventDecoding | NoteDecoding | None = None,
) -> Scorer:
    """The same scorer with this calibration, these thresholds and this decoding of steps, instead of its own.

    Events and notes are decoded by its tagger, where it has one.
    """
    tagger, changes = scorer.tagger, {"calibration": calibration, "thresholds_from": thresholds_from}
    if tagger is not None:
        form = tagger.clip_format
        parts = (tagger.network, form.labels, form.front_end, form.task, form.seconds, form.pad)
        own = {"speed": form.speed, "step_decoding": step_decoding}
        tagger = type(tagger)(*parts, thresholds=thresholds, **own, **changes)
    values = None if thresholds is None else np.array(thresholds, np.float64)
    return replace(scorer, tagger=tagger, thresholds=values, **changes)


def write(scorer: Scorer) -> Path:
    """Write a scorer's calibration and thresholds where `scorers.open` finds them again, whole or not at all.

    Returns:
        The file; where there is nothing to write and it is one of its own, it is removed.
    """
    path = file_of(scorer)
    if scorer.calibration_file is not None:
        from audiotag import models

        return models.save(scorer.tagger, path)
    if scorer.calibration is None and scorer.thresholds is None:
        path.unlink(missing_ok=True)
        return path
    fields = {
        "model": scorer.name,
        "sha256": scorer.sha256,
        "labels": list(scorer.labels.names),
        "calibration": scorer.calibration and scorer.calibration.to_dict(),
        "thresholds": None if scorer.thresholds is None else scorer.thresholds.tolist(),
        "thresholds_from": scorer.thresholds_from,
    }
    storage.write_json(path, fields)
    return path


def picked_up(scorer: Scorer) -> Scorer:
    """The scorer with the calibration that lies beside it, if there is one.

    Raises:
        AudiotagError: the file is damaged, or was written for another model or other classes.
    """
    path = file_of(scorer)
    if scorer.calibration_file is not None or not path.is_file():
        return scorer
    fields = storage.read_json(path)
    try:
        fits = fields["labels"] == list(scorer.labels.names) and fields["sha256"] == scorer.sha256
        parts = (fields["calibration"] and Calibration.from_dict(fields["calibration"]), fields["thresholds"])
        calibrated = with_calibration(scorer, *parts, fields["thresholds_from"])
    except (KeyError, TypeError, AttributeError) as error:
        raise AudiotagError(f"{path} is not a calibration ({error!r}): delete it, or calibrate again") from error
    if not fits:
        raise AudiotagError(
            f"{path} was fitted for another model or other classes than those of {scorer.name}: delete it, or run "
            "`audiotag calibrate` again"
        )
    note = f"calibration and thresholds of {scorer.name} are those of {path}"
    return replace(calibrated, notes=(*scorer.notes, note))
