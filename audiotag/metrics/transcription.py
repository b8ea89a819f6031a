"""How well notes are transcribed: F1 of onsets, of whole notes and of frames, recording by recording."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.metrics.bootstrap import Units, check_options, percentiles
from audiotag.notes import Grid, Note, draw
from audiotag.notes.rolls import FRAME, rows_of

ONSET_TOLERANCE = 0.05  # seconds
OFFSET_SHARE, OFFSET_TOLERANCE = 0.2, 0.05  # of the note's length, or seconds, whichever is more
FRAME_SECONDS = 0.01
KINDS = ("onset", "onset_offset", "frame")
"""What is counted: notes whose pitch and onset are right; whose offset is right too; pitches in frames of 10 ms."""

RATES = ("F1", "precision", "recall")
_SHARES = {"onset": None, "onset_offset": OFFSET_SHARE}


@dataclass(frozen=True)
class Transcriptions:
    """How well the notes of recordings were found.

    Args:
        recordings: a row a recording, indexed by its name: notes (how many there are), found, and F1, precision and
            recall of each kind of `KINDS`, such as onset_F1; NaN where there is nothing to find and nothing was found.
        means: of the same figures over the recordings.
        intervals: of the same, low and high end; NaN where there are too few recordings.
        reason: why there are no intervals; "" where there are.
        level: share of the resamples inside an interval.
        resamples: how many were drawn.
        computed_by: the package that matches notes, and its version.
    """

    recordings: pandas.DataFrame
    means: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    reason: str
    level: float
    resamples: int
    computed_by: str


def compare(
    truth: Mapping[str, Sequence[Note]],
    found: Mapping[str, Sequence[Note]],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Transcriptions:
    """Compare transcribed notes with the true ones, recording by recording, as papers about transcription do.

    A note is right where its pitch is and its onset within 50 ms; a whole note where its offset is too, within 50 ms or
    a fifth of its length. Each note is matched with one other at most, by mir_eval (Raffel et al., ISMIR 2014). Frames
    are compared every 10 ms, pitch by pitch. The means are over recordings, their intervals of a bootstrap over
    recordings (see `bootstrap`).

    Args:
        truth: the notes of every recording, by its name.
        found: what was transcribed of the same recordings.
        resamples: how many.
        level: share of the resamples inside an interval, above 0 and below 1.
        seed: of the draws.

    Raises:
        AudiotagError: other recordings in both, none at all, or mir_eval is not there.
    """
    check_options(resamples, level)
    if not truth or truth.keys() != found.keys():
        different = sorted(truth.keys() ^ found.keys())
        raise AudiotagError(
            "transcriptions are compared of the same recordings, at least one, "
            f"received {f'{different[0]!r} in one of both' if different else 'none'}"
        )
    package = _mir_eval()
    rows = {}
    for name in truth:
        row: dict[str, float] = {"notes": len(truth[name]), "found": len(found[name])}
        for kind, counts in count(truth[name], found[name], package).items():
            row |= {f"{kind}_{rate}": value for rate, value in zip(RATES, _rates(*counts), strict=True)}
        rows[name] = row
    table = pandas.DataFrame.from_dict(rows, orient="index").rename_axis("recording")
    columns = [f"{kind}_{rate}" for kind in KINDS for rate in RATES]
    means, intervals, reason = _means(table[columns].to_numpy(np.float64), resamples, level, seed)
    return Transcriptions(
        recordings=table,
        means=dict(zip(columns, means.tolist(), strict=True)),
        intervals={name: (float(low), float(high)) for name, (low, high) in zip(columns, intervals.T, strict=True)},
        reason=reason,
        level=level,
        resamples=resamples,
        computed_by=f"mir_eval {importlib.metadata.version('mir_eval')}",
    )


def mean_F1(truth: Mapping[str, Sequence[Note]], found: Mapping[str, Sequence[Note]], kind: str) -> float:
    """The mean over recordings of one F1 that `compare` gives, quicker where nothing else is asked.

    Args:
        truth: as of `compare`.
        found: likewise.
        kind: "onset" or "onset_offset".

    Raises:
        AudiotagError: no recording has a note, or mir_eval is not there.
    """
    package = _mir_eval()
    rates = [
        _rates(len(_matches(truth[name], found[name], _SHARES[kind], package)), len(found[name]), len(truth[name]))[0]
        for name in truth
    ]
    if np.isnan(rates).all():
        raise AudiotagError("notes are compared where there are some, received none: name another split")
    return float(np.nanmean(rates))


def count(truth: Sequence[Note], found: Sequence[Note], package: ModuleType) -> dict[str, tuple[int, int, int]]:
    """Of each kind, how much is right, was found and was to be found.

    Args:
        truth: the notes.
        found: those transcribed.
        package: mir_eval.
    """
    counts = {
        kind: (len(_matches(truth, found, share, package)), len(found), len(truth)) for kind, share in _SHARES.items()
    }
    seconds = max((note.offset for note in (*truth, *found)), default=0.0)
    grid = Grid(int(seconds / FRAME_SECONDS) + 2, FRAME_SECONDS)
    true, other = (draw(rows_of(notes), grid)[..., FRAME] > 0 for notes in (truth, found))
    return counts | {"frame": (int((true & other).sum()), int(other.sum()), int(true.sum()))}


def matches(truth: Sequence[Note], found: Sequence[Note]) -> list[tuple[int, int]]:
    """Which notes are right in pitch and onset: pairs of places in both; raises where mir_eval is not there."""
    return _matches(truth, found, None, _mir_eval())


def _matches(
    truth: Sequence[Note], found: Sequence[Note], share: float | None, package: ModuleType
) -> list[tuple[int, int]]:
    """Pairs of notes that are the same; share: of a note's length that its offset may be off, None: any is right."""
    if not truth or not found:
        return []
    return package.transcription.match_notes(
        *(_intervals_and_pitches(truth) + _intervals_and_pitches(found)),
        onset_tolerance=ONSET_TOLERANCE,
        offset_ratio=share,
        offset_min_tolerance=OFFSET_TOLERANCE,
    )


def _intervals_and_pitches(notes: Sequence[Note]) -> tuple[np.ndarray, np.ndarray]:
    """(notes, 2) seconds and (notes,) Hz."""
    pitches = np.array([note.pitch for note in notes], np.float64)
    return np.array([(note.onset, note.offset) for note in notes]), 440.0 * 2 ** ((pitches - 69) / 12)


def _rates(hits: int, found: int, wanted: int) -> tuple[float, float, float]:
    """F1, precision and recall; NaN where there is nothing, precision 0 where nothing was found."""
    if not found + wanted:
        return (np.nan,) * 3
    return 2 * hits / (found + wanted), hits / max(found, 1), hits / wanted if wanted else np.nan


def _means(values: np.ndarray, resamples: int, level: float, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Means over recordings (figures,), their intervals (2, figures), and why there are none."""
    units = Units("recording", np.arange(len(values)), len(values))
    drawn = units.draws(resamples, seed).astype(np.float64)
    defined = np.isfinite(values)
    filled = np.where(defined, values, 0.0)
    with np.errstate(invalid="ignore"):
        of_resamples = (drawn @ filled) / (drawn @ defined)
        means = filled.sum(axis=0) / defined.sum(axis=0)
    return means, percentiles(of_resamples, level, units.reason), units.reason


def _mir_eval() -> ModuleType:
    try:
        import mir_eval
    except ImportError as error:
        raise AudiotagError(f"notes are matched by mir_eval ({error}): pip install 'audiotag[notes]'") from error
    return mir_eval
