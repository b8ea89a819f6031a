"""The labels of the windows of a file or waveform of any length, by any model of waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError, suggest
from audiotag.labels import Labels
from audiotag.tagging.groups import NONE, Groups
from audiotag.tagging.waveform_model import WaveformModel, of_windows, speed_of, whole


@dataclass(frozen=True)
class Tag:
    """One label of one window, or one event.

    Args:
        label: class name.
        score: the tagger's score, 0 to 1; of an event the largest of its steps.
        start: beginning of the window or event, seconds of the recording's own time, whatever speed it is played at.
        end: end of the window or event, or of the signal if that comes first, in the same.
    """

    label: str
    score: float
    start: float
    end: float


def scores(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    *,
    window: float | None = None,
    hop: float | None = None,
    sample_rate: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of every window of a file or waveform; arguments as of `tag`.

    Returns:
        First sample of each window at the model's sample rate (windows,), int64;
        scores (windows, classes), float32.
    """
    starts, _, rows = whole(of_windows(model, model.predict_on_batch, source, window, hop, sample_rate))
    return starts, rows


def tag(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    top: int | None = 5,
    window: float | None = None,
    hop: float | None = None,
    sample_rate: int | None = None,
    threshold: float | None = None,
    among: np.ndarray | None = None,
    groups: Groups = NONE,
) -> list[Tag]:
    """Name the sounds of a file or waveform of any length.

    The last window is moved back to end with the signal. A signal shorter than a window is filled up by the model's
    pad policy. A window in which no label reaches its threshold has no tag.

    Args:
        model: what names the sounds: an `AudioTagger`, whose method this is, or a scorer.
        source: sound file (any rate, any number of channels), an `audio.Recording` of it, whose channel and speed are
            then chosen, or mono waveform (samples,) in [-1, 1]. A file is played at the speed of the model's training.
        top: labels a window; None: all.
        window: seconds of the recording; None: the model's own length.
        hop: seconds from window to window; None: the window.
        sample_rate: rate of the waveform, Hz; None: the model's. A file states its own.
        threshold: smallest score that is given back, 0 to 1. None: for each label the model's own threshold, or 0
            where it has none.
        among: labels that may be given back, (classes and groups,) bool, see `kept`; None: all.
        groups: labels that are one together, as of `Groups`; the threshold of one is the least of theirs.

    Returns:
        Tags, window by window, best first in each.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range.

    Example:
        >>> tagger.tag("street.wav", top=1)
        [Tag(label='Dog', score=0.83, start=0.0, end=10.0)]
    """
    check_top(top)
    least, tags = groups.joined(least_scores(model, threshold), np.min), []
    names = groups.labels(model.labels).names
    least = least if among is None else np.where(among, least, np.inf)
    rate = model.sample_rate / speed_of(model, source)
    for starts, ends, rows in of_windows(model, model.predict_on_batch, source, window, hop, sample_rate):
        for start, end, row in zip(
            (starts / rate).tolist(), (ends / rate).tolist(), groups.joined(rows, np.max), strict=True
        ):
            order = np.argsort(-row, kind="stable")
            best = order[row[order] >= least[order]][:top]
            tags += [Tag(names[index], float(row[index]), start, end) for index in best]
    return tags


def check_top(top: int | None) -> None:
    """Refuse to give back fewer labels than one; None is all of them."""
    if top is not None and top < 1:
        raise AudiotagError(f"top must be at least 1, or None for all labels; received {top}")


def least_scores(model: WaveformModel, threshold: float | None = None) -> np.ndarray:
    """Smallest score of each label that `tag` gives back: (classes,), float64."""
    if threshold is None:
        return np.zeros(len(model.labels)) if model.thresholds is None else np.array(model.thresholds)
    if not 0 <= threshold <= 1:
        raise AudiotagError(f"threshold must be a score from 0 to 1, received {threshold}")
    return np.full(len(model.labels), float(threshold))


def kept(labels: Labels, only: Sequence[str] = (), without: Sequence[str] = ()) -> np.ndarray:
    """Which labels are given back: (classes,) bool.

    Args:
        labels: of the model.
        only: names; none: all.
        without: names that are left out of these.

    Raises:
        AudiotagError: a name that the model does not know, or nothing is left.
    """
    for name in (*only, *without):
        if name not in labels.names:
            raise AudiotagError(f"no label is named {name!r}: {suggest(name, labels.names)}")
    among = np.array([(not only or name in only) and name not in without for name in labels.names])
    if not among.any():
        raise AudiotagError("no label is left of those that are kept: leave out fewer")
    return among
