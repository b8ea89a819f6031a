"""The labels of the windows of a file or waveform of any length, by any model of waveforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.tagging.results import Tag
from audiotag.tagging.waveform_model import WaveformModel, windows


def scores(model: WaveformModel, source: str | Path | np.ndarray, **lengths: float | None) -> tuple:
    """Scores of every window; arguments and result as of `AudioTagger.scores`."""
    parts = [(part.starts, model.predict_on_batch(part.waveforms)) for part in windows(model, source, **lengths)]
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def tag(
    model: WaveformModel,
    source: str | Path | np.ndarray,
    top: int | None = 5,
    threshold: float | None = None,
    **lengths: float | None,
) -> list[Tag]:
    """The best labels of every window.

    Args:
        model: what names the sounds.
        source: sound file, or mono waveform (samples,) in [-1, 1].
        top: labels a window; None: all.
        threshold: smallest score that is given back; see `least_scores`.
        lengths: window, hop and sample_rate, as of `AudioTagger.tag`.

    Returns:
        Tags, window by window, best first in each.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range.
    """
    if top is not None and top < 1:
        raise AudiotagError(f"top must be at least 1, or None for all labels; received {top}")
    least, tags = least_scores(model, threshold), []
    for part in windows(model, source, **lengths):
        for start, end, row in zip(part.starts, part.ends, model.predict_on_batch(part.waveforms), strict=True):
            begin, finish = float(start) / model.sample_rate, float(end) / model.sample_rate
            order = np.argsort(-row, kind="stable")
            for index in order[row[order] >= least[order]][:top]:
                tags.append(Tag(model.labels.names[index], float(row[index]), begin, finish))
    return tags


def least_scores(model: WaveformModel, threshold: float | None = None) -> np.ndarray:
    """Smallest score of each label that `tag` gives back: (classes,), float64.

    Args:
        model: what names the sounds.
        threshold: of all labels, 0 to 1. None: the model's own thresholds, or 0 where it has none.
    """
    if threshold is None:
        return np.zeros(len(model.labels)) if model.thresholds is None else np.array(model.thresholds)
    if not 0 <= threshold <= 1:
        raise AudiotagError(f"threshold must be a score from 0 to 1, received {threshold}")
    return np.full(len(model.labels), float(threshold))
