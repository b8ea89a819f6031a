"""How well the texts of clips are transcribed, with intervals over clips; by speaker; and words where none is said."""

from __future__ import annotations

import keras
import numpy as np
import pandas

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.word_errors import RATES, Heard, WordErrors, compare
from audiotag.models.characters import character_level
from audiotag.models.frames import frame_steps
from audiotag.records import Data
from audiotag.records.clips import clips_of
from audiotag.report.formats import count, percent
from audiotag.report.section import Section, Table
from audiotag.speech import greedy, normalised
from audiotag.speech.text import spelled

_TITLE = "Speech"
_SPOKEN = {"WER": "words", "CER": "characters"}
_WORST = 10


def measure(evaluation: Evaluation) -> Section | None:
    """How well networks transcribe their splits of a data set of speech together; None where it is none."""
    if any(each.network is None or each.data is None or not each.data.task.of_speech for each in evaluation.scored):
        return None
    try:
        heard: dict[str, Heard] = {}
        for each in evaluation.scored:
            heard |= transcribed(each.network, each.data, each.split)
        result = compare(heard)
    except AudiotagError as error:
        return Section(_TITLE, notes=(f"texts were not measured: {error}",), values={"speech": None})
    return section(result)


def section(result: WordErrors) -> Section:
    """The section of a comparison."""
    listed = ", ".join(f"{_SPOKEN[name]} {_with_interval(result, name)}" for name in RATES)
    conclusions, scalars = [f"wrong {listed}"], dict(result.rates)
    if np.isfinite(result.inserted_an_hour):
        conclusions.append(f"where nothing is said, {result.inserted_an_hour:.1f} words an hour are found")
        scalars["inserted_an_hour"] = result.inserted_an_hour
    tables = [Table.of(_worst(result), "Clips with the most errors", sortable=False)]
    if len(result.speakers) > 1:
        scalars["WER_mean_of_speakers"] = result.mean_of_speakers
        conclusions.append(
            f"wrong words, mean of {len(result.speakers)} speakers: {percent(result.mean_of_speakers, 2)}"
        )
        tables.insert(0, Table.of(result.speakers, "Speakers"))
    return Section(
        _TITLE,
        how="Words and characters that are wrong, missing or too many, of those that are said. 0 is perfect.",
        conclusions=tuple(conclusions),
        scalars=scalars,
        tables=tuple(tables),
        facts={
            "clips": count(len(result.clips)),
            "words": count(int(result.clips["words"].sum())),
            "clips in which nothing is said": f"{result.silent_hours * 60:.1f} minutes",
            "decoded": "the likeliest character of every step",
            "intervals": result.reason or f"{percent(result.level)}, of {count(result.resamples)} draws of clips",
            "computed by": result.computed_by,
        },
        values={"speech": result},
    )


def transcribed(network: keras.Model, data: Data, split: str, batch_size: int = 16) -> dict[str, Heard]:
    """Transcribe the clips of a split from their records: what is said and what was found, by clip id.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, classes), with the "ctc" head.
        data: an open data set of speech.
        split: expression of splits.
        batch_size: clips at a time.

    Raises:
        AudiotagError: a network that transcribes no texts.
    """
    characters = character_level(network)
    steps, rows = frame_steps(characters), clips_of(data, split).set_index("clip_id")
    distance = steps.seconds(data.front_end)[0]
    heard: dict[str, Heard] = {}
    with progress.bar(f"Transcribing {data.name} {split}", len(rows), "clips") as advance:
        for log_mel, target, clip_ids, _ in data.read(split, batch_size=batch_size, variants=0, steps=steps, keys=True):
            logits = characters.predict_on_batch(log_mel.numpy())
            lasting = (target["steps"].numpy()[..., 0] >= 0).sum(axis=1)
            for key, of_clip, length in zip(clip_ids.numpy(), logits, lasting, strict=True):
                row = rows.loc[key.decode()]
                found = normalised(spelled(greedy(_logarithms(of_clip[:length])).characters, data.labels))
                heard[row.name] = Heard(row["text"], found, length * distance, str(row.get("speaker", "")))
            advance(len(logits))
    return heard


def _logarithms(logits: np.ndarray) -> np.ndarray:
    """Of probabilities, of logits (steps, 1 + classes)."""
    from scipy.special import log_softmax

    return log_softmax(np.asarray(logits, np.float64), axis=-1)


def _worst(result: WordErrors) -> pandas.DataFrame:
    errors = result.clips[["substitutions", "insertions", "deletions"]].sum(axis=1)
    wrong = result.clips.assign(errors=errors)[errors > 0].sort_values("errors", ascending=False, kind="stable")
    return wrong[["clip_id", "errors", "said", "found"]].head(_WORST)


def _with_interval(result: WordErrors, name: str) -> str:
    low, high = result.intervals[name]
    interval = "" if np.isnan(low) else f" ({percent(low, 2)} to {percent(high, 2)})"
    return f"{percent(result.rates[name], 2)}{interval}"
