"""Scores of steps against events whose times are known: segment- and event-based F1, and PSDS."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import warnings
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records.example import EventRow
from audiotag.report.formats import percent
from audiotag.tagging.event_decoding import EventDecoding, smoothed
from audiotag.tagging.events import THRESHOLD, FrameScores

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


def judge(
    truth: dict[str, tuple[EventRow, ...]],
    scores: dict[str, FrameScores],
    labels: Labels,
    decoding: EventDecoding | None = None,
) -> SoundEvents:
    """Compare scores of steps with events; for both F1 a step belongs to one from `AudioTagger.events`' threshold.

    Segment- and event-based F1: Mesaros et al., "Metrics for polyphonic sound event detection" (Applied Sciences 6,
    2016). PSDS: Bilen et al. (arXiv 1910.08440), its curve exact over all thresholds as Ebbers et al. compute it
    (arXiv 2201.13148). Events of one class that overlap or touch count as one; what lies beyond a clip is cut off.

    Args:
        truth: events of every clip, by clip id.
        scores: of the steps of the same clips; they reach from 0 to the end of the clip.
        labels: vocabulary.
        decoding: thresholds of both F1, and medians over the scores before anything is measured. None: as `THRESHOLD`
            says, and none.

    Raises:
        AudiotagError: no event in any clip, or `sed_scores_eval` cannot be imported.
    """
    package = scorer()
    distance = step_of(scores)
    thresholds = (THRESHOLD,) * len(labels) if decoding is None else decoding.thresholds
    if decoding is not None:
        scores = {
            clip_id: replace(steps, scores=smoothed(steps.scores, decoding.smooth, distance))
            for clip_id, steps in scores.items()
        }
    seconds = {clip_id: float(steps.ends[-1]) for clip_id, steps in scores.items()}
    counts, named = found_in(truth, seconds, len(labels))
    compared = {"scores": tables(scores, np.flatnonzero(counts).tolist()), "ground_truth": named}
    # The package finds what is above, audiotag what reaches the threshold.
    limits = {str(index): float(np.nextafter(thresholds[index], -1.0)) for index in np.flatnonzero(counts)}
    segments = {"audio_durations": seconds, "segment_length": SEGMENT}
    collars = collars_of_events()
    measures = (("segment", package.segment_based, segments), ("event", package.collar_based, collars))
    table, means = pandas.DataFrame({"class": labels.names, "events": counts}).rename_axis("index"), {}
    for kind, module, options in measures:
        *_, by_class = module.fscore(**compared, threshold=limits, **options)
        rates = pandas.DataFrame({int(index): _rates(each) for index, each in by_class.items()}).T
        rates = rates.add_prefix(f"{kind}_")
        table = table.join(rates)
        totals = {key: sum(each[key] for each in by_class.values()) for key in ("tps", "fps", "n_ref")}
        means |= {f"macro_{kind}_F1": float(rates[f"{kind}_F1"].mean()), f"micro_{kind}_F1": _rates(totals)["F1"]}
    for name, scenario in PSDS.items():
        means[name], by_class = _psds(package, compared, seconds, scenario)
        table[name] = pandas.Series(by_class)
    without_events = tuple(table["class"][counts == 0])
    return SoundEvents(table, means, without_events, _parameters(distance, decoding), len(scores))


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


def collars_of_events() -> dict[str, float]:
    """Options of the package for event-based F1."""
    return {"onset_collar": COLLAR, "offset_collar": COLLAR, "offset_collar_rate": OFFSET_SHARE}


def step_of(scores: dict[str, FrameScores]) -> float:
    """Distance of two steps, seconds."""
    steps = next(iter(scores.values()))
    middle = len(steps.starts) // 2
    return float(steps.ends[middle] - steps.starts[middle])


def found_in(
    truth: dict[str, tuple[EventRow, ...]], seconds: dict[str, float], classes: int
) -> tuple[np.ndarray, dict[str, list[tuple[float, float, str]]]]:
    """How many events there are of every class, (classes,), and those of every clip as the package takes them.

    Names are free, the package's columns are not: it refuses a backslash, and "macro_average" is its own. A class is
    therefore its index.

    Raises:
        AudiotagError: no event in any clip.
    """
    events = {clip_id: _apart(rows, seconds[clip_id]) for clip_id, rows in truth.items()}
    counts = np.bincount([index for rows in events.values() for _, _, index in rows], minlength=classes)
    if not counts.any():
        raise AudiotagError("sound events need strong labels, no clip has an event: choose another split")
    return counts, {clip_id: [(on, off, str(index)) for on, off, index in rows] for clip_id, rows in events.items()}


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


def tables(scores: dict[str, FrameScores], classes: list[int]) -> dict[str, pandas.DataFrame]:
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


def _parameters(distance: float, decoding: EventDecoding | None) -> dict[str, str]:
    shown = {
        "step of time": f"{distance:g} s",
        "threshold of both F1": f"{THRESHOLD:g}",
        "segment": f"{SEGMENT:g} s",
        "onset collar": f"{COLLAR:g} s",
        "offset collar": f"{COLLAR:g} s, or {percent(OFFSET_SHARE)} of the event's length where that is more",
    }
    if decoding is not None:
        lowest, highest = min(decoding.thresholds), max(decoding.thresholds)
        shown["threshold of both F1"] = f"{lowest:.3g} to {highest:.3g}, of each class"
        shown["running median"] = f"{min(decoding.smooth):g} to {max(decoding.smooth):g} s, of each class"
        shown["both were chosen on"] = decoding.fitted_on
    symbols = {"dtc_threshold": "DTC", "gtc_threshold": "GTC", "cttc_threshold": "CTTC"}
    symbols |= {"alpha_ct": "alpha_CT", "alpha_st": "alpha_ST", "max_efpr": "up to"}
    for name, scenario in PSDS.items():
        listed = ", ".join(f"{symbols[key]} {value:g}" for key, value in scenario.items())
        shown[name] = f"{listed} false alarms an hour"
    return shown | {"computed by": f"sed_scores_eval {importlib.metadata.version('sed_scores_eval')}"}
