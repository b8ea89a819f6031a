"""When a sound begins and ends: scores of every step of time in a recording of any length, and the events in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.frontend.layer import LogMel
from audiotag.models.frames import FrameSteps, frame_level, frame_steps
from audiotag.tagging.results import Tag
from audiotag.tagging.waveform_model import WaveformModel, window_and_hop, windows

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


@dataclass(frozen=True)
class EventOptions:
    """Which runs of steps are events; the fields are the arguments of `AudioTagger.events`.

    Raises:
        AudiotagError: a value out of range.
    """

    threshold: float = THRESHOLD
    smooth: float = 0.0
    min_duration: float = 0.0
    gap: float = 0.0
    top: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise AudiotagError(f"threshold must be a score from 0 to 1, received {self.threshold}")
        for name in ("smooth", "min_duration", "gap"):
            if not 0 <= (seconds := getattr(self, name)) < float("inf"):
                raise AudiotagError(f"{name} must be seconds, 0 or more, received {seconds}")
        if self.top is not None and self.top < 1:
            raise AudiotagError(f"top must be at least 1, or None for all labels; received {self.top}")


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
        logits = frame_level(network)
        waveforms = keras.Input((None,), dtype="float32", name="waveform")
        activation = layers.Activation(model.task.activation, dtype="float32", name="scores")
        network = keras.Model(waveforms, activation(logits(LogMel(model.front_end)(waveforms))), name=logits.name)
        if keras.config.backend() == "tensorflow":
            network.jit_compile = False  # as of the tagger: XLA would compile at every new length
        _networks[model] = network, frame_steps(logits)
    return _networks[model]


def frame_scores(
    model: WaveformModel,
    source: str | Path | np.ndarray,
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
    samples, _ = window_and_hop(model, window, hop)
    distance = steps.distance * model.front_end.hop
    if hop is None:
        # Windows that begin on the grid, and leave no step between them out.
        count = min(steps.count(model.front_end.frames(samples)), samples // distance)
        hop = max(count, 1) * distance / model.sample_rate
    starts, scores, end = [], [], 0
    for part in windows(model, source, window, hop, sample_rate):
        starts.extend(part.starts.tolist())
        scores.extend(network.predict_on_batch(part.waveforms))
        end = int(part.ends[-1])
    _, first = steps.seconds(model.front_end)
    stitched = stitch(starts, scores, distance)
    centres = first + np.arange(len(stitched)) * distance / model.sample_rate
    # What lies beyond the end is the filling of a short signal.
    count = max(int(np.sum(centres < end / model.sample_rate)), 1)
    edges = (centres[1:count] + centres[: count - 1]) / 2
    bounds = np.concatenate([[0.0], edges, [end / model.sample_rate]])
    return FrameScores(bounds[:-1], bounds[1:], stitched[:count])


def stitch(starts: Iterable[int], scores: list[np.ndarray], distance: int) -> np.ndarray:
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
    model: WaveformModel, source: str | Path | np.ndarray, options: EventOptions, **lengths: float | None
) -> list[Tag]:
    """The events of a file or waveform: scores smoothed, compared with the threshold, joined, and short ones dropped.

    Args:
        model: what names the sounds.
        source: sound file, or mono waveform (samples,) in [-1, 1].
        options: which runs of steps are events.
        lengths: window, hop and sample_rate, as of `AudioTagger.events`, and so are order and errors.
    """
    frames = frame_scores(model, source, **lengths)
    distance, _ = network_of(model)[1].seconds(model.front_end)
    scores = _smoothed(frames.scores, options.smooth / distance)
    best: dict[str, list[Tag]] = {}
    for index in np.flatnonzero(scores.max(axis=0) >= options.threshold):
        name = model.labels.names[index]
        for first, last in _joined(_runs(scores[:, index] >= options.threshold), frames, options.gap):
            start, end = float(frames.starts[first]), float(frames.ends[last])
            if end - start >= options.min_duration - _ROUNDING:
                tag = Tag(name, float(scores[first : last + 1, index].max()), start, end)
                best.setdefault(name, []).append(tag)
    labels = sorted(best, key=lambda name: -max(tag.score for tag in best[name]))[: options.top]
    return sorted((tag for name in labels for tag in best[name]), key=lambda tag: (tag.start, -tag.score))


def _smoothed(scores: np.ndarray, width: float) -> np.ndarray:
    """The running median over the odd number of steps that is nearest to `width`."""
    from scipy.ndimage import median_filter

    size = 2 * round((width - 1) / 2) + 1
    return median_filter(scores, (size, 1), mode="nearest") if size > 1 else scores


def _runs(active: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last step of every run of active steps."""
    changes = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    for first, after in zip(changes[::2], changes[1::2], strict=True):
        yield int(first), int(after) - 1


def _joined(runs: Iterable[tuple[int, int]], frames: FrameScores, gap: float) -> list[tuple[int, int]]:
    """Runs of steps, those joined that at most `gap` seconds lie between."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and frames.starts[first] - frames.ends[joined[-1][1]] <= gap + _ROUNDING:
            first = joined.pop()[0]
        joined.append((first, last))
    return joined
