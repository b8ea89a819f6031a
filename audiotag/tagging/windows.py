"""Windows of a waveform or of a sound file of any length, in batches that fit into memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


def windows_of(source: Path | np.ndarray, sample_rate: int, *, window: int, hop: int, pad: Pad) -> Iterator[Windows]:
    """Cut a signal into windows as `audio.windows` lays them: all of one length, the last one ending with the signal.

    A file is read in blocks of about a minute, so its length does not matter; every window is the same as if the file
    had been read at once. Batch sizes are powers of two: few different shapes, so few compilations, and no filling.

    Args:
        source: sound file, or waveform (samples,), float32, at `sample_rate`.
        sample_rate: Hz; a file of another rate is resampled.
        window: length of a window, samples.
        hop: distance between windows, samples.
        pad: what a signal shorter than one window is filled up with; "none" leaves it as short as it is.

    Raises:
        AudioError: the file cannot be read.
    """
    if isinstance(source, Path):
        blocks = _blocks_of_file(source, sample_rate, window, hop)
    else:
        blocks = iter([(audio.windows(len(source), window, hop), source)])
    largest = max(1, min(LARGEST_BATCH, SECONDS_A_BATCH * sample_rate // window))
    for starts, waveform in blocks:
        for group in _groups(starts, largest):
            rows = [waveform[start - starts[0] :][:window] for start in group]
            filled = [row if pad == "none" or len(row) == window else audio.fit(row, window, pad) for row in rows]
            yield Windows(
                starts=np.array(group),
                ends=np.array([start + len(row) for start, row in zip(group, rows, strict=True)]),
                waveforms=np.stack(filled),
            )


def _blocks_of_file(path: Path, sample_rate: int, window: int, hop: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """Starts of some windows in a row, and the waveform from the first of them to the end of the last."""
    info = audio.info(path)
    starts = audio.windows(info.samples * sample_rate // info.sample_rate, window, hop)
    first = 0
    while first < len(starts):
        last = bisect_right(starts, starts[first] + SECONDS_A_BLOCK * sample_rate)
        block = starts[first:last]
        yield block, audio.read(path, sample_rate, start=block[0] / sample_rate, end=(block[-1] + window) / sample_rate)
        first = last


def _groups(starts: list[int], largest: int) -> Iterator[list[int]]:
    """Consecutive groups whose sizes are powers of two, at most `largest`."""
    first = 0
    while first < len(starts):
        size = 1 << (min(len(starts) - first, largest).bit_length() - 1)
        yield starts[first : first + size]
        first += size
