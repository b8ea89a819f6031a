"""When a sound begins and ends: scores of every step of time in a recording of any length, and the events in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import layers

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.models.frames import FrameSteps, frame_level, frame_steps
from audiotag.tagging.event_decoding import EventDecoding, smoothed, sounding
from audiotag.tagging.groups import NONE, Groups
from audiotag.tagging.tags import Tag, check_top
from audiotag.tagging.waveform_model import (
    WaveformModel,
    of_windows,
    on_waveforms,
    pad_of_vectors,
    speed_of,
    whole,
    window_and_hop,
)

# Of mn04_as on 140 ESC-10 clips in 12 s of faint noise, steps of 0.32 s: F1 is 0.77 at 0.15 and 0.2, 0.76 at 0.25 and
# 0.3, 0.70 at 0.5; events of other classes are 45 at 0.15, 25 at 0.2, 15 at 0.25 (tests/benchmarks/event_threshold.py).
THRESHOLD = 0.25

_ROUNDING = 1e-6  # seconds: differences of times that are equal but for rounding

# Beside the models, not in them: Keras would take an attribute for a part of the model and save it too.
_networks: WeakKeyDictionary[WaveformModel, tuple[keras.Model, FrameSteps]] = WeakKeyDictionary()


@dataclass(frozen=True)
class FrameScores:
    """Scores of every step of a recording; every instant belongs to the step whose centre is nearest.

    Args:
        starts: beginning of each step, seconds: (steps,), float64; the first is 0.
        ends: end of each step, seconds: (steps,), float64; the last is the end of the recording.
        scores: (steps, classes), float32.
    """

    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray


def network_of(model: WaveformModel) -> tuple[keras.Model, FrameSteps]:
    """The network from waveforms (batch, samples) to scores (batch, steps, classes), and where its steps lie.

    Args:
        model: an `AudioTagger`, or a scorer of one, whose weights it shares; made once for each.

    Raises:
        AudiotagError: it has no network of log-mel, or one that keeps no time.
    """
    if model not in _networks:
        network = getattr(model, "network", None)
        if network is None or model.front_end is None:
            raise AudiotagError(
                f"events are found by a Keras network of log-mel, {model.limits.name} is none: tag its windows instead"
            )
        frames = frame_level(network)
        scores = layers.Activation(model.task.activation, dtype="float32", name="scores")(frames.output)
        scored = keras.Model(frames.input, scores, name=frames.name)
        _networks[model] = on_waveforms(model, scored), frame_steps(frames)
    return _networks[model]


def frame_scores(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    *,
    window: float | None = None,
    hop: float | None = None,
    sample_rate: int | None = None,
) -> FrameScores:
    """Scores of every step of a file or waveform; arguments as of `AudioTagger.events`.

    The steps of all windows lie on one grid, which begins with the first window's. Where windows overlap, their scores
    are averaged; a window that begins between two steps of the grid counts for both, in proportion. Steps that no
    window covers (a hop longer than the window) score 0.
    """
    network, steps = network_of(model)
    speed = speed_of(model, source)
    samples, _ = window_and_hop(model, None if window is None else window / speed)
    distance = steps.distance * model.front_end.hop
    if hop is None:
        # Windows that begin on the grid, and leave no step between them out.
        count = min(steps.count(model.front_end.frames(samples)), samples // distance)
        hop = max(count, 1) * distance / model.sample_rate * speed
    pad = pad_of_vectors(model)
    starts, ends, scores = whole(of_windows(model, network.predict_on_batch, source, window, hop, sample_rate, pad))
    _, first = steps.seconds(model.front_end)
    stitched = stitch(starts, scores, distance)
    centres = first + np.arange(len(stitched)) * distance / model.sample_rate
    # What lies beyond the end is the filling of a short signal.
    end = ends[-1] / model.sample_rate
    centres = centres[: max(int(np.sum(centres < end)), 1)]
    bounds = np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [end]]) * speed
    return FrameScores(bounds[:-1], bounds[1:], stitched[: len(centres)])


def stitch(starts: Iterable[int], scores: Sequence[np.ndarray], distance: int) -> np.ndarray:
    """The steps of windows on one grid.

    Args:
        starts: first sample of each window.
        scores: of each window, (steps, classes).
        distance: of two steps, samples.

    Returns:
        (steps, classes), float32: the mean of what the windows say of each step; 0 where none says anything.
    """
    places = [divmod(start, distance) for start in starts]
    length = max(place + len(rows) + (rest > 0) for (place, rest), rows in zip(places, scores, strict=True))
    sums, weights = np.zeros((length, scores[0].shape[1]), np.float32), np.zeros((length, 1), np.float32)
    for (place, rest), rows in zip(places, scores, strict=True):
        for shift, share in ((0, 1 - rest / distance), (1, rest / distance)):
            if share:
                covered = slice(place + shift, place + shift + len(rows))
                sums[covered] += np.float32(share) * rows
                weights[covered] += np.float32(share)
    return sums / np.maximum(weights, np.finfo(np.float32).tiny)


def events(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    threshold: float | None = None,
    smooth: float | None = None,
    min_duration: float = 0.0,
    gap: float = 0.0,
    top: int | None = None,
    window: float | None = None,
    hop: float | None = None,
    sample_rate: int | None = None,
    among: np.ndarray | None = None,
    groups: Groups = NONE,
    end_threshold: float | None = None,
) -> list[Tag]:
    """Name the sounds of a file or waveform of any length, each with its beginning and end.

    The network scores every step of time (`audiotag.models.frames.frame_level`; 0.32 s for an MN, 0.04 s for a crnn).
    An event begins with a step whose score of a label reaches the threshold, and lasts while scores reach
    `end_threshold`. Thresholds and medians are those that
    `audiotag calibrate` has chosen on strong labels, where it has; the tagger's calibration and its thresholds of
    whole clips are not used: a step hears less than a clip.

    Args:
        model: what names the sounds: an `AudioTagger`, whose method this is, or a scorer of one.
        source: sound file, an `audio.Recording` of it, or mono waveform (samples,) in [-1, 1].
        threshold: smallest score of a step with which an event begins, 0 to 1. None: those of the tagger's own decoding
            of events, else 0.25.
        smooth: length of a running median over the scores, seconds, taken as the nearest odd number of steps; 0, as
            all below two steps: none. None: those of the tagger's own decoding, else 0.
        min_duration: events shorter than this are dropped, seconds.
        gap: events of one label that lie this near to each other become one, seconds; before short ones go.
        top: labels that are kept, by the best score of their events; None: all.
        window: seconds; None: the model's own length.
        hop: seconds from window to window; None: the longest by which windows join without a gap.
        sample_rate: rate of the waveform, Hz; None: the model's. A file states its own.
        among: labels that may be given back, (classes and groups,) bool; None: all.
        groups: labels that are one together, as of `Groups`; their thresholds and medians are the least of theirs.
        end_threshold: smallest score of a step with which an event lasts, 0 to 1; of labels whose threshold is lower,
            this. None: the threshold.

    Returns:
        Events in the order of their beginning; `score` is the largest score of a step in the event.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range, or a network that keeps no time.

    Example:
        >>> audiotag.load("mn04_as").events("street.wav", min_duration=0.5)
        [Tag(label='Dog', score=0.83, start=1.44, end=2.08)]
    """
    check_options(threshold, smooth, min_duration, gap, top, end_threshold)
    thresholds, ends, medians = (
        groups.joined(each, np.min) for each in decoding(model, threshold, smooth, end_threshold)
    )
    names = groups.labels(model.labels).names
    frames = frame_scores(model, source, window=window, hop=hop, sample_rate=sample_rate)
    distance, _ = network_of(model)[1].seconds(model.front_end)
    joined = groups.joined(frames.scores, np.max)
    scores = smoothed(joined, medians, distance * speed_of(model, source))
    best: dict[str, list[Tag]] = {}
    reached = scores.max(axis=0) >= thresholds
    for index in np.flatnonzero(reached if among is None else reached & among):
        name = names[index]
        for first, last in _runs(sounding(scores[:, index], thresholds[index], ends[index]), frames, gap):
            start, end = float(frames.starts[first]), float(frames.ends[last])
            if end - start >= min_duration - _ROUNDING:
                tag = Tag(name, float(scores[first : last + 1, index].max()), start, end)
                best.setdefault(name, []).append(tag)
    labels = sorted(best, key=lambda name: -max(tag.score for tag in best[name]))[:top]
    return sorted((tag for name in labels for tag in best[name]), key=lambda tag: (tag.start, -tag.score))


def decoding(
    model: WaveformModel, threshold: float | None, smooth: float | None, end_threshold: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds with which events begin and last, and medians (seconds), of all classes; arguments as of `events`.

    They are those that are asked for, the tagger's own, or the usual.

    Raises:
        AudiotagError: events would end above every threshold with which they begin.
    """
    tagger = getattr(model, "tagger", model)
    own = getattr(tagger, "step_decoding", None)
    usual = (own.thresholds, own.smooth) if isinstance(own, EventDecoding) else (THRESHOLD, 0.0)
    asked = (threshold, smooth)
    chosen = (usual if value is None else value for value, usual in zip(asked, usual, strict=True))
    thresholds, medians = (np.broadcast_to(np.float32(value), len(model.labels)) for value in chosen)
    if end_threshold is None:
        return thresholds, thresholds, medians
    if end_threshold > thresholds.max():
        raise AudiotagError(
            f"an event ends below the score with which it begins, which is {thresholds.max():g} at most: end_threshold "
            f"must be at most that, received {end_threshold}"
        )
    return thresholds, np.minimum(thresholds, np.float32(end_threshold)), medians


def check_options(
    threshold: float | None,
    smooth: float | None = 0.0,
    min_duration: float = 0.0,
    gap: float = 0.0,
    top: int | None = None,
    end_threshold: float | None = None,
) -> None:
    """Refuse options of `events` that are out of range."""
    for name, score in (("threshold", threshold), ("end_threshold", end_threshold)):
        if score is not None and not 0 <= score <= 1:
            raise AudiotagError(f"{name} must be a score from 0 to 1, received {score}")
    for name, seconds in (("smooth", smooth or 0.0), ("min_duration", min_duration), ("gap", gap)):
        if not 0 <= seconds < float("inf"):
            raise AudiotagError(f"{name} must be seconds, 0 or more, received {seconds}")
    check_top(top)


def _runs(active: np.ndarray, frames: FrameScores, gap: float) -> list[tuple[int, int]]:
    """First and last step of every run of active steps, those joined that at most `gap` seconds lie between."""
    runs: list[tuple[int, int]] = []
    changes = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    for first, after in changes.reshape(-1, 2).tolist():
        if runs and frames.starts[first] - frames.ends[runs[-1][1]] <= gap + _ROUNDING:
            first = runs.pop()[0]
        runs.append((first, after - 1))
    return runs
