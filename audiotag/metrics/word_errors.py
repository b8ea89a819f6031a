"""How well texts are transcribed: rates of wrong words and characters, with intervals; and words where none is said."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.metrics.bootstrap import Units, check_options, percentiles

RATES = ("WER", "CER")
"""Rates of errors: of words and of characters, spaces among them."""

COUNTS = ("substitutions", "insertions", "deletions")


@dataclass(frozen=True)
class WordErrors:
    """How well the texts of clips were found.

    Args:
        clips: a row a clip: clip_id, speaker ("" where unknown), seconds, said, found, words (how many are
            said), substitutions, insertions and deletions of words, characters, character_errors.
        speakers: a row a speaker: speaker, clips, words, WER, CER; empty where nobody is known.
        rates: by name of `RATES`: errors of all clips together over what is said in all; NaN where nothing is said. A
            rate may be above 1.
        intervals: of the same, low and high end; NaN where there are too few clips.
        mean_of_speakers: mean of the speakers' WER; NaN where nobody is known.
        inserted_an_hour: words found in an hour of clips in which nothing is said; NaN without such clips.
        silent_hours: hours of such clips.
        reason: why there are no intervals; "" where there are.
        level: share of the resamples inside an interval.
        resamples: how many were drawn.
        computed_by: the package that aligns words, and its version.
    """

    clips: pandas.DataFrame
    speakers: pandas.DataFrame
    rates: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    mean_of_speakers: float
    inserted_an_hour: float
    silent_hours: float
    reason: str
    level: float
    resamples: int
    computed_by: str


@dataclass(frozen=True)
class Heard:
    """A clip whose text was found.

    Args:
        said: the true text, normalised; "" where nothing is said.
        found: what was transcribed.
        seconds: length of the recording.
        speaker: who speaks; "" where it is unknown.
    """

    said: str
    found: str
    seconds: float
    speaker: str = ""


def compare(clips: Mapping[str, Heard], *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> WordErrors:
    """Compare transcribed texts with the true ones, by the fewest words, or characters, to be changed (jiwer).

    The intervals are of a bootstrap over clips (see `bootstrap`): rates of the drawn clips together.

    Args:
        clips: by their id, at least one.
        resamples: how many.
        level: share of the resamples inside an interval, above 0 and below 1.
        seed: of the draws.

    Raises:
        AudiotagError: no clip, or jiwer is not there.
    """
    check_options(resamples, level)
    if not clips:
        raise AudiotagError("word errors are those of clips with a text, received none: name another split")
    package = _jiwer()
    rows = [{"clip_id": clip_id} | vars(heard) | _counts(heard, package) for clip_id, heard in clips.items()]
    table = pandas.DataFrame(rows)
    errors, said = _errors_and_said(table)
    units = Units("clip", np.arange(len(table)), len(table))
    drawn = units.draws(resamples, seed).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = _rates(errors.sum(axis=0), said.sum(axis=0))
        ends = percentiles(_rates(drawn @ errors, drawn @ said), level, units.reason)
    speakers, silent = _speakers(table), table[table["words"] == 0]
    hours = float(silent["seconds"].sum()) / 3600
    return WordErrors(
        clips=table,
        speakers=speakers,
        rates=dict(zip(RATES, rates.tolist(), strict=True)),
        intervals={name: (float(low), float(high)) for name, (low, high) in zip(RATES, ends.T, strict=True)},
        mean_of_speakers=float(speakers["WER"].mean()) if len(speakers) else np.nan,
        inserted_an_hour=float(silent["insertions"].sum()) / hours if hours else np.nan,
        silent_hours=hours,
        reason=units.reason,
        level=level,
        resamples=resamples,
        computed_by=f"jiwer {importlib.metadata.version('jiwer')}",
    )


def _counts(heard: Heard, package: ModuleType) -> dict[str, int]:
    words = package.process_words(heard.said, heard.found)
    characters = package.process_characters(heard.said, heard.found)
    return {
        "words": len(heard.said.split()),
        **{name: getattr(words, name) for name in COUNTS},
        "characters": len(heard.said),
        "character_errors": sum(getattr(characters, name) for name in COUNTS),
    }


def _errors_and_said(table: pandas.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Of words and characters, (clips, 2) float64 each."""
    errors = np.stack([table[list(COUNTS)].sum(axis=1), table["character_errors"]], axis=1)
    return errors.astype(np.float64), table[["words", "characters"]].to_numpy(np.float64)


def _rates(errors: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Errors over what is said; NaN where nothing is."""
    return np.where(said > 0, errors / said, np.nan)


def _speakers(table: pandas.DataFrame) -> pandas.DataFrame:
    rows = []
    for speaker, own in table[table["speaker"] != ""].groupby("speaker", sort=True):
        errors, said = (part.sum(axis=0) for part in _errors_and_said(own))
        if said[0]:
            counts = {"speaker": speaker, "clips": len(own), "words": int(said[0])}
            rows.append(counts | dict(zip(RATES, (errors / said).tolist(), strict=True)))
    return pandas.DataFrame(rows, columns=["speaker", "clips", "words", *RATES])


def _jiwer() -> ModuleType:
    try:
        import jiwer
    except ImportError as error:
        raise AudiotagError(f"words are compared by jiwer ({error}): pip install 'audiotag[speech]'") from error
    return jiwer
