"""How well the notes of recordings are transcribed, with intervals over recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.evaluation.calibrating import shared_splits
from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.note_scores import found_notes, true_notes
from audiotag.metrics.transcription import (
    FRAME_SECONDS,
    KINDS,
    OFFSET_SHARE,
    OFFSET_TOLERANCE,
    ONSET_TOLERANCE,
    Transcriptions,
    compare,
    matches,
)
from audiotag.notes import Grid, Note, draw
from audiotag.notes.note import HIGHEST, LOWEST, PITCHES, name_of
from audiotag.notes.rolls import FRAME, SHORTEST, rows_of
from audiotag.report.chart import Axis, Plot, nice_ticks
from audiotag.report.formats import count, figure, percent
from audiotag.report.section import Section, Table
from audiotag.tagging.note_decoding import NoteDecoding

_TITLE = "Notes"
_SHOWN, _COLUMN, _DIM = 20.0, 0.02, 0.45  # seconds of a picture, and of a column of it; of a note that is wrong
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
        truth, found = true_notes(data, scored.split), found_notes(network, data, scored.split, decoding)
        result = compare(truth, found)
    except AudiotagError as error:
        return Section(_TITLE, notes=(f"notes were not measured: {error}",), values={"notes": None})
    made = replace(section(result, decoding), figures=pictures(result, truth, found))
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


def pictures(
    result: Transcriptions, truth: Mapping[str, Sequence[Note]], found: Mapping[str, Sequence[Note]]
) -> tuple[Plot, ...]:
    """The true notes above the found ones, of the recording of the least F1 of onsets; those that are wrong are dimmer.

    Args:
        result: of their comparison.
        truth: notes by recording.
        found: likewise.
    """
    scores = result.recordings["onset_F1"].dropna()
    if scores.empty:
        return ()
    name = str(scores.idxmin())
    pairs = matches(truth[name], found[name])
    shown = (
        ("true_notes", "true", truth[name], {true for true, _ in pairs}, "not found"),
        ("found_notes", "found", found[name], {other for _, other in pairs}, "not there"),
    )
    title = f"{name}, F1 of onsets {figure(scores.min())}: {{}} notes of its first seconds; dimmer ones are {{}}"
    return tuple(_roll(kind, title.format(what, dim), own, right) for kind, what, own, right, dim in shown)


def _roll(kind: str, title: str, notes: Sequence[Note], right: set[int]) -> Plot:
    """Time to the right, pitch upwards."""
    grid = Grid(round(_SHOWN / _COLUMN), _COLUMN)
    bright, dim = (
        draw(rows_of(note for place, note in enumerate(notes) if (place in right) is shown), grid)[..., FRAME]
        for shown in (True, False)
    )
    image = np.maximum(bright, _DIM * dim)
    cs = [pitch for pitch in range(LOWEST, HIGHEST + 1) if pitch % 12 == 0]
    pitches = Axis("pitch", 0, PITCHES, [pitch - LOWEST + 0.5 for pitch in cs], [name_of(pitch) for pitch in cs])
    return Plot(kind, title, Axis("seconds", 0, _SHOWN, nice_ticks(_SHOWN)), pitches, image=image)


def _with_interval(result: Transcriptions, name: str) -> str:
    low, high = result.intervals[name]
    interval = "" if np.isnan(low) else f" ({figure(low)} to {figure(high)})"
    return f"{figure(result.means[name])}{interval}"
