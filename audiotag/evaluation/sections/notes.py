"""How well the notes of recordings are transcribed, with intervals over recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.evaluation.calibrating import shared_splits
from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.note_scores import transcriptions
from audiotag.metrics.transcription import (
    FRAME_SECONDS,
    KINDS,
    OFFSET_SHARE,
    OFFSET_TOLERANCE,
    ONSET_TOLERANCE,
    Transcriptions,
)
from audiotag.notes.rolls import SHORTEST
from audiotag.report.formats import count, figure, percent
from audiotag.report.section import Section, Table
from audiotag.tagging.note_decoding import NoteDecoding

_TITLE = "Notes"
_SPOKEN = {"onset": "onsets", "onset_offset": "onsets with offsets", "frame": "frames"}


def measure(evaluation: Evaluation) -> Section | None:
    """How well a network transcribes a split of a data set of notes; None where it is none."""
    scored = evaluation.scored[0]
    network, data = scored.network, scored.data
    if len(evaluation.scored) > 1 or network is None or data is None or not data.task.of_notes:
        return None
    tagger = scored.scorer.tagger
    decoding = (tagger and tagger.step_decoding) or NoteDecoding()
    try:
        result = transcriptions(network, data, scored.split, decoding)
    except AudiotagError as error:
        return Section(_TITLE, notes=(f"notes were not measured: {error}",), values={"notes": None})
    made = section(result, decoding)
    if shared := shared_splits(decoding.fitted_on, data, scored.split):
        seen = f"thresholds of notes were chosen on {', '.join(shared)}, measured here: new recordings will fare worse"
        made = replace(made, notes=(*made.notes, seen))
    return made


def section(result: Transcriptions, decoding: NoteDecoding) -> Section:
    """The section of a comparison; decoding: of the notes that were found."""
    shown = {kind: f"{kind}_F1" for kind in KINDS}
    chosen = f"chosen on {decoding.fitted_on}" if decoding.fitted_on else "the usual ones"
    listed = ", ".join(f"{_SPOKEN[kind]} {_with_interval(result, name)}" for kind, name in shown.items())
    return Section(
        _TITLE,
        how="F1 of transcribed notes, the mean over recordings. 1 is perfect.",
        conclusions=(f"notes, F1: {listed}",),
        scalars={name: result.means[name] for name in shown.values()},
        tables=(Table.of(result.recordings.reset_index()),),
        facts={
            "recordings": count(len(result.recordings)),
            "notes": count(int(result.recordings["notes"].sum())),
            "onset tolerance": f"{ONSET_TOLERANCE:g} s",
            "offset tolerance": f"{OFFSET_TOLERANCE:g} s, or {percent(OFFSET_SHARE)} of the note where that is more",
            "frames": f"every {FRAME_SECONDS:g} s, of the transcribed notes",
            "thresholds": f"{decoding.onset_threshold:g} of onsets, {decoding.frame_threshold:g} of frames, {chosen}",
            "shortest note": f"{SHORTEST:g} s",
            "intervals": result.reason or f"{percent(result.level)}, of {count(result.resamples)} draws of recordings",
            "computed by": result.computed_by,
        },
        values={"notes": result},
    )


def _with_interval(result: Transcriptions, name: str) -> str:
    low, high = result.intervals[name]
    interval = "" if np.isnan(low) else f" ({figure(low)} to {figure(high)})"
    return f"{figure(result.means[name])}{interval}"
