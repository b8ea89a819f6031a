"""How well onsets and offsets are found: segment- and event-based F1, and PSDS, against strong labels."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import warnings
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pandas

from audiotag import progress
from audiotag.clip_format import describe_speed
from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.labels import Labels
from audiotag.models.frames import FrameSteps, frame_level, frame_steps
from audiotag.records import Data
from audiotag.records.clips import clips_of
from audiotag.records.example import EventRow
from audiotag.records.strong_labels import has_strong_labels, strong_labels
from audiotag.report.formats import count, figure, heading, percent
from audiotag.report.section import Section, Table
from audiotag.scorers.inputs import of_size
from audiotag.tagging.events import THRESHOLD, FrameScores
from audiotag.task import Task

_TITLE = "Beginnings and ends"

COLLAR, OFFSET_SHARE = 0.2, 0.2  # an onset or offset may be wrong by so many seconds, or this share of the event
SEGMENT = 1.0  # seconds, of the segment-based F1

# The two scenarios of DCASE task 4: quick to react, and not mistaken for another class (dcase.community, 2021).
_BOTH = {"alpha_st": 1.0, "max_efpr": 100.0}
PSDS = {
    "PSDS1": {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "alpha_ct": 0.0} | _BOTH,
    "PSDS2": {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3, "alpha_ct": 0.5} | _BOTH,
}


@dataclass(frozen=True)
class SoundEvents:
    """How well the events of a split were found in time.

    Args:
        classes: a row a class, indexed by its index: class, events (how many were to be found), segment_F1,
            segment_precision, segment_recall, event_F1, event_precision, event_recall, PSDS1, PSDS2 (the area under
            the class's PSD-ROC). A class without events has NaN, and its false alarms count nowhere.
        means: macro_segment_F1, micro_segment_F1, macro_event_F1, micro_event_F1, PSDS1, PSDS2.
        without_events: names of the classes without events.
        parameters: what was counted as found, for people, in the order of showing.
        clips: how many were compared; those without any event are silence to stay silent in.
        weakly_labelled: clips left out, since they have labels but no events: nobody said when they sound.
    """

    classes: pandas.DataFrame
    means: dict[str, float]
    without_events: tuple[str, ...]
    parameters: dict[str, str]
    clips: int
    weakly_labelled: int = 0


def measure(evaluation: Evaluation) -> Section | None:
    """How well a network finds the events of a split whose strong labels are known; None where there are none.

    Notes have a section of their own.
    """
    scored = evaluation.scored[0]
    network, data = scored.network, scored.data
    if (
        len(evaluation.scored) > 1
        or network is None
        or data.task.of_notes
        or scored.scorer.labels.names != data.labels.names
    ):
        return None
    if reason := note(network, data, scored.split):
        return Section(_TITLE, notes=(reason,), values={"sound_events": None})
    result = compare(network, data, scored.split)
    return None if result is None else section(result)


def section(result: SoundEvents) -> Section:
    """The section of a comparison."""
    weak = {"clips left out, whose events have no times": str(result.weakly_labelled)} if result.weakly_labelled else {}
    listed = ", ".join(f"{heading(name)} {figure(value)}" for name, value in result.means.items())
    return Section(
        _TITLE,
        how="How well sounds are found in time, not only in the clip. 1 is perfect.",
        conclusions=(f"onsets and offsets: {listed}",),
        scalars=result.means,
        tables=(Table.of(result.classes),),
        facts={"clips": count(result.clips)} | weak | result.parameters,
        values={"sound_events": result},
    )


def compare(network: keras.Model, data: Data, split: str, batch_size: int = 32) -> SoundEvents | None:
    """Compare what a network says of every step with the strong labels of a split.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, classes).
        data: an open data set.
        split: expression of splits.
        batch_size: clips at a time.

    Returns:
        None where the split has no strong labels.

    Raises:
        AudiotagError: a score that is not finite, or the reason that `note` gives.
    """
    if not has_strong_labels(data, split):
        return None
    truth, scores = strong_labels(data, split), frame_scores(network, data, split, batch_size)
    clips = clips_of(data, split)
    labelled = dict(zip(clips["clip_id"], clips["labels"] != "", strict=True))
    judged = {clip_id: events for clip_id, events in truth.items() if events or not labelled[clip_id]}
    result = judge(judged, {clip_id: scores[clip_id] for clip_id in judged}, data.labels)
    if data.speed != 1:
        played = {"times": f"of the sound that is heard, played at {describe_speed(data.speed)}"}
        result = replace(result, parameters=result.parameters | played)
    return replace(result, weakly_labelled=len(truth) - len(judged))


def note(network: keras.Model, data: Data, split: str) -> str:
    """Why a split with strong labels cannot be measured; "" where it can, or where there is nothing to measure."""
    if not has_strong_labels(data, split):
        return ""
    try:
        frame_steps(frame_level(network))
        scorer()
    except AudiotagError as error:
        return f"onsets and offsets were not measured: {error}"
    return ""


def judge(truth: dict[str, tuple[EventRow, ...]], scores: dict[str, FrameScores], labels: Labels) -> SoundEvents:
    """Compare scores of steps with events; for both F1 a step belongs to one from `AudioTagger.events`' threshold.

    Segment- and event-based F1: Mesaros et al., "Metrics for polyphonic sound event detection" (Applied Sciences 6,
    2016). PSDS: Bilen et al. (arXiv 1910.08440), its curve exact over all thresholds as Ebbers et al. compute it
    (arXiv 2201.13148). Events of one class that overlap or touch count as one; what lies beyond a clip is cut off.

    Args:
        truth: events of every clip, by clip id.
        scores: of the steps of the same clips; they reach from 0 to the end of the clip.
        labels: vocabulary.

    Raises:
        AudiotagError: no event in any clip, or `sed_scores_eval` cannot be imported.
    """
    package = scorer()
    seconds = {clip_id: float(steps.ends[-1]) for clip_id, steps in scores.items()}
    events = {clip_id: _apart(rows, seconds[clip_id]) for clip_id, rows in truth.items()}
    counts = np.bincount([index for rows in events.values() for _, _, index in rows], minlength=len(labels))
    if not counts.any():
        raise AudiotagError("sound events need strong labels, no clip has an event: choose another split")
    # Names are free, the package's columns are not: it refuses a backslash, and "macro_average" is its own.
    named = {clip_id: [(on, off, str(index)) for on, off, index in rows] for clip_id, rows in events.items()}
    compared = {"scores": _tables(scores, np.flatnonzero(counts).tolist()), "ground_truth": named}
    # The package finds what is above, audiotag what reaches the threshold.
    limit = float(np.nextafter(THRESHOLD, -1.0))
    segments = {"audio_durations": seconds, "segment_length": SEGMENT}
    collars = {"onset_collar": COLLAR, "offset_collar": COLLAR, "offset_collar_rate": OFFSET_SHARE}
    measures = (("segment", package.segment_based, segments), ("event", package.collar_based, collars))
    table, means = pandas.DataFrame({"class": labels.names, "events": counts}).rename_axis("index"), {}
    for kind, module, options in measures:
        *_, by_class = module.fscore(**compared, threshold=limit, **options)
        rates = pandas.DataFrame({int(index): _rates(each) for index, each in by_class.items()}).T
        rates = rates.add_prefix(f"{kind}_")
        table = table.join(rates)
        totals = {key: sum(each[key] for each in by_class.values()) for key in ("tps", "fps", "n_ref")}
        means |= {f"macro_{kind}_F1": float(rates[f"{kind}_F1"].mean()), f"micro_{kind}_F1": _rates(totals)["F1"]}
    for name, scenario in PSDS.items():
        means[name], by_class = _psds(package, compared, seconds, scenario)
        table[name] = pandas.Series(by_class)
    without_events = tuple(table["class"][counts == 0])
    return SoundEvents(table, means, without_events, _parameters(scores), len(scores))


def frame_scores(network: keras.Model, data: Data, split: str, batch_size: int = 32) -> dict[str, FrameScores]:
    """Scores of every step of every clip of a split, untouched (variant 0), with a progress bar.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, classes), one that keeps time
            (`audiotag.models.frames.frame_level`).
        data: an open data set.
        split: expression of splits: "test", "fold5", "fold1..4".
        batch_size: clips at a time.

    Returns:
        By clip id, in the order of the records: the steps of the clip, from 0 to `data.seconds`, and their scores,
        sigmoid (multilabel) or softmax (multiclass), float64.

    Raises:
        AudiotagError: a network that keeps no time or has another number of classes, or a score that is not finite.
    """
    frames = frame_level(network)
    if frames.output_shape[-1] != len(data.labels):
        raise AudiotagError(
            f"a model must give one logit a class, {frames.output_shape[-1]} for {len(data.labels)} classes: "
            "evaluate it on the data set it was trained for"
        )
    bounds, run = _bounds(frame_steps(frames), data), of_size(frames.predict_on_batch, batch_size)
    scores: dict[str, FrameScores] = {}
    title = f"Predicting every step of {data.name} {split}"
    with progress.bar(title, data.count(split, variants=0), "clips") as advance:
        for batch in data.batches(split, batch_size=batch_size):
            logits = run(batch["log_mel"])[:, : len(bounds) - 1]
            for clip_id, steps in zip(batch["clip_id"], logits, strict=True):
                if not np.isfinite(steps).all():
                    raise AudiotagError(f"scores must be finite, those of the steps of clip {clip_id!r} are not")
                scores[clip_id] = FrameScores(bounds[:-1], bounds[1:], Task(data.task).probabilities(steps))
            advance(len(logits))
    return scores


def _bounds(steps: FrameSteps, data: Data) -> np.ndarray:
    """Where the steps of a clip begin and end, (steps + 1,) seconds; steps centred beyond the end are left out."""
    distance, first = steps.seconds(data.front_end)
    centres = first + np.arange(steps.count(data.frames)) * distance
    centres = centres[: max(int(np.sum(centres < data.seconds)), 1)]
    return np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [data.seconds]])


def scorer() -> ModuleType:
    """The package `sed_scores_eval`, imported in quiet.

    Raises:
        AudiotagError: it is not there, or cannot be imported.
    """
    # dcase_util, which comes with it, imports pkg_resources, which setuptools 82 removed, and needs nothing of it here.
    missing = importlib.util.find_spec("pkg_resources") is None
    if missing:
        sys.modules["pkg_resources"] = ModuleType("pkg_resources")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("sed_scores_eval")
    except ImportError as error:
        raise AudiotagError(f"sound events need sed_scores_eval ({error}): pip install 'audiotag[sed]'") from error
    finally:
        if missing:
            del sys.modules["pkg_resources"]


def _apart(rows: tuple[EventRow, ...], seconds: float) -> list[EventRow]:
    """Events within a clip, those of one class that overlap or touch joined."""
    joined: list[EventRow] = []
    for onset, offset, index in sorted(rows, key=lambda row: (row[2], row[0])):
        onset, offset = max(onset, 0.0), min(offset, seconds)
        if offset <= onset:
            continue
        if joined and joined[-1][2] == index and onset <= joined[-1][1]:
            before, until, _ = joined.pop()
            onset, offset = before, max(offset, until)
        joined.append((onset, offset, index))
    return joined


def _tables(scores: dict[str, FrameScores], classes: list[int]) -> dict[str, pandas.DataFrame]:
    """A table a clip as the package takes it: a row a step, with onset, offset and the scores of some classes."""

    class Table(pandas.DataFrame):
        """Gives copies: the package's compiled code refuses the read-only arrays of pandas 3."""

        @property
        def _constructor(self) -> type[Table]:
            return Table

        def to_numpy(self, *arguments: Any, **options: Any) -> np.ndarray:
            return super().to_numpy(*arguments, **options).copy()

    names = ["onset", "offset", *map(str, classes)]
    return {
        clip_id: Table(np.column_stack([steps.starts, steps.ends, steps.scores[:, classes]]), columns=names)
        for clip_id, steps in scores.items()
    }


def _rates(counts: dict[str, float]) -> dict[str, float]:
    """F1, precision (0 where nothing was found) and recall of counts."""
    hits, false_alarms, wanted = (float(counts[key]) for key in ("tps", "fps", "n_ref"))
    reported = hits + false_alarms
    return {"F1": 2 * hits / (wanted + reported), "precision": hits / max(reported, 1.0), "recall": hits / wanted}


def _psds(
    package: ModuleType, compared: dict[str, Any], seconds: dict[str, float], scenario: dict[str, float]
) -> tuple[float, dict[int, float]]:
    """The score over all classes, and that of each class by its index."""
    alone = len(next(iter(compared["scores"].values())).columns) == 3
    if alone and "cttc_threshold" in scenario:  # nothing to be mistaken for
        scenario = {key: value for key, value in scenario.items() if key != "cttc_threshold"} | {"alpha_ct": 0.0}
    score, by_class, *_ = package.intersection_based.psds(**compared, audio_durations=seconds, **scenario)
    return float(score), {int(index): float(area) for index, area in by_class.items()}


def _parameters(scores: dict[str, FrameScores]) -> dict[str, str]:
    steps = next(iter(scores.values()))
    middle = len(steps.starts) // 2
    shown = {
        "step of time": f"{steps.ends[middle] - steps.starts[middle]:g} s",
        "threshold of both F1": f"{THRESHOLD:g}",
        "segment": f"{SEGMENT:g} s",
        "onset collar": f"{COLLAR:g} s",
        "offset collar": f"{COLLAR:g} s, or {percent(OFFSET_SHARE)} of the event's length where that is more",
    }
    symbols = {"dtc_threshold": "DTC", "gtc_threshold": "GTC", "cttc_threshold": "CTTC"}
    symbols |= {"alpha_ct": "alpha_CT", "alpha_st": "alpha_ST", "max_efpr": "up to"}
    for name, scenario in PSDS.items():
        listed = ", ".join(f"{symbols[key]} {value:g}" for key, value in scenario.items())
        shown[name] = f"{listed} false alarms an hour"
    return shown | {"computed by": f"sed_scores_eval {importlib.metadata.version('sed_scores_eval')}"}
