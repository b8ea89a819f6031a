"""Windows of a waveform or of a sound file of any length, in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audiotag import audio
from audiotag.clip_format import Pad

SECONDS_A_BLOCK = 60
SECONDS_A_BATCH = 160
LARGEST_BATCH = 16


@dataclass(frozen=True)
class Windows:
    """A batch of windows of one signal.

    Args:
        starts: first sample of each window, counted from the beginning of the signal: (windows,), int64.
        ends: sample after the last one that belongs to the signal: (windows,), int64.
        waveforms: (windows, samples), float32; filled up by the pad policy where the signal is shorter.
    """

    starts: np.ndarray
    ends: np.ndarray
    waveforms: np.ndarray


def windows_of(
    source: audio.Source | np.ndarray, sample_rate: int, *, window: int, hop: int, pad: Pad, whole: bool = False
) -> Iterator[Windows]:
    """Cut a signal into windows as `audio.windows` lays them: all of one length, the last one ending with the signal.

    A file is read once, in blocks of about a minute, so its length does not matter and need not be known; every window
    is the same as if the file had been read at once. Batch sizes are powers of two: few different shapes, so few
    compilations, and no filling.

    Args:
        source: sound file or `audio.Recording`, or waveform (samples,), float32, at `sample_rate`.
        sample_rate: Hz; a file of another rate is resampled.
        window: length of a window, samples.
        hop: distance between windows, samples.
        pad: what a signal shorter than one window is filled up with, as of `ClipFormat`.
        whole: repeat what the policy would leave as it is, for a model of one length.

    Raises:
        AudioError: the file cannot be read.
    """
    if isinstance(source, np.ndarray):
        blocks = iter([(audio.windows(len(source), window, hop), source)])
    else:
        blocks = _blocks_of_file(source, sample_rate, window, hop)
    largest = max(1, min(LARGEST_BATCH, SECONDS_A_BATCH * sample_rate // window))
    for starts, waveform in blocks:
        for group in _groups(starts, largest):
            rows = [waveform[start - starts[0] :][:window] for start in group]
            filled_rows = [filled(row, window, pad, sample_rate, whole) for row in rows]
            yield Windows(
                starts=np.array(group),
                ends=np.array([start + len(row) for start, row in zip(group, rows, strict=True)]),
                waveforms=np.stack(filled_rows),
            )


def filled(row: np.ndarray, window: int, pad: Pad, sample_rate: int, whole: bool) -> np.ndarray:
    """A window of which the signal may give only a part; arguments as of `windows_of`."""
    if len(row) == window:
        return row
    if pad == "none" or (pad == "zero_under_1s" and len(row) >= sample_rate):
        return audio.fit(row, window, "repeat") if whole else row
    return audio.fit(row, window, "repeat" if pad == "repeat" else "zero")


def _blocks_of_file(
    source: audio.Source, sample_rate: int, window: int, hop: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Starts of some windows in a row, and the waveform from the first of them to at least the end of the last."""
    parts, first, end, after = [], 0, 0, 0  # the samples first … end - 1 are held; windows before `after` are done
    for part in audio.stream(source, sample_rate):
        parts.append(part)
        end += len(part)
        if end - after < SECONDS_A_BLOCK * sample_rate + window:
            continue
        held = np.concatenate(parts)
        # None of these is the last one, which is moved back and may be left out.
        starts = list(range(after, end - window, hop))
        yield starts, held[starts[0] - first :]
        after = starts[-1] + hop
        # The last window begins at least here.
        kept = min(after, end - window)
        parts, first = [held[kept - first :]], kept
    if starts := [start for start in audio.windows(end, window, hop) if start > after - hop or not after]:
        yield starts, np.concatenate(parts)[starts[0] - first :]


def _groups(starts: list[int], largest: int) -> Iterator[list[int]]:
    """Consecutive groups whose sizes are powers of two, at most `largest`."""
    first = 0
    while first < len(starts):
        size = 1 << (min(len(starts) - first, largest).bit_length() - 1)
        yield starts[first : first + size]
        first += size
