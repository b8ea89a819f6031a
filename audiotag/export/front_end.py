"""The log-mel front end of an exported file: dense products of matrices, which every runtime computes well.

LiteRT's own Fourier transform is slow, ONNX' slower, and one product with the whole matrix of the transform costs more
than a small network. Here the transform is two products of matrices (Cooley and Tukey 1965). With fft = columns x rows,
sample n = rows n1 + n2 and bin k = k1 + columns k2,

    X[k] = sum over n2 of exp(-2 pi i n2 k2 / rows) (sum over n1 of kernel[n2, k1, n1] x[rows n1 + n2]),
    kernel[n2, k1, n1] = window[rows n1 + n2] exp(-2 pi i (n1 k1 / columns + n2 k1 / fft)).

The samples are real, so X[fft - k] is the conjugate of X[k] and k1 up to columns / 2 suffices. The window, and the turn
of phase between the two sums, are in the first kernel; samples beyond the window and bins that no band hears are left
out.
Time is the last axis throughout: every product then has long rows, and rearranging moves whole rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, mel_filterbank
from audiotag.frontend.filterbank import hann

if TYPE_CHECKING:
    import tensorflow as tf

_FRAMES_AT_ONCE = 128  # what is computed between the first product and the last stays in the processor's cache
# Copying a bin takes as long as multiplying it for so many bands, beginning a product as long as so many of a frame's
# multiplications.
_BANDS_OF_A_COPY = 16
_MULTIPLICATIONS_OF_A_START = 500
_JOINED_AT_ONCE = 5


@dataclass(frozen=True)
class _Transform:
    """The two products and the bank of a front end.

    Args:
        first: (rows, columns + 2, samples of a row): real, then imaginary parts of k1 = 0, 1 ...
        second: (2 x kept, 2 x rows): real, then imaginary parts of the k2 that hold a bin which a band hears.
        bank: (mels, kept x (columns / 2 + 1)): weights of the bins in the order of the second product.
    """

    first: np.ndarray
    second: np.ndarray
    bank: np.ndarray

    @property
    def samples(self) -> int:
        """Samples of a frame: the window, and what fills up the last column."""
        return self.first.shape[0] * self.first.shape[2]


def log_mel(config: LogMelConfig, samples: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function of TensorFlow that computes what the layer `LogMel` does, and converts to plain operators.

    Args:
        config: the front end.
        samples: length of the waveforms, samples at the front end's rate.

    Returns:
        A function (batch, samples) float32, full scale [-1, 1] -> (batch, frames, mels, 1) float32; any batch size.

    Raises:
        AudiotagError: `samples` is too short for a frame.
    """
    if samples < config.minimum_samples:
        raise AudiotagError(
            f"front end {config.name!r} needs at least {config.minimum_samples} samples, received {samples}: "
            "export with a longer input"
        )
    transform = _transform(config)
    count = config.frames(samples)

    def compute(waveforms: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        blocks = _blocks(waveforms, config, samples, transform.samples)
        pieces = -(-count // _FRAMES_AT_ONCE)
        edges = [count * piece // pieces for piece in range(pieces + 1)]
        parts = [
            _bands(_frames(blocks, first, after, transform.samples), transform, config)
            for first, after in pairwise(edges)
        ]
        spectrogram = tf.transpose(_joined(parts, axis=2), (1, 2, 0))
        return tf.expand_dims(spectrogram, -1)

    return compute


def _transform(config: LogMelConfig) -> _Transform:
    """The transform with the number of rows that takes the fewest multiplications a frame."""
    divisors = [rows for rows in range(1, config.fft + 1) if config.fft % rows == 0]
    return _of_rows(config, min(divisors, key=lambda rows: _multiplications(config, rows)))


def _multiplications(config: LogMelConfig, rows: int) -> int:
    """Multiplications of both products, a frame."""
    turns = config.fft // rows // 2 + 1
    return 2 * turns * (rows * -(-config.window // rows) + 2 * rows * len(_kept(config, rows)))


def _kept(config: LogMelConfig, rows: int) -> dict[int, list[int]]:
    """The k2 that hold a bin which a band hears, low bins first, and of each the bins of k1 = 0, 1 ...

    A bin that an earlier place holds is -1.
    """
    columns = config.fft // rows
    heard = set(np.flatnonzero(mel_filterbank(config).any(axis=1))) or {0}
    kept = {}
    for k2 in sorted(range(rows), key=lambda k2: min(k2, rows - 1 - k2)):
        bins = [min(k1 + columns * k2, config.fft - k1 - columns * k2) for k1 in range(columns // 2 + 1)]
        bins = [k if k in heard and k not in bins[:place] else -1 for place, k in enumerate(bins)]
        heard -= set(bins)
        if any(k >= 0 for k in bins):
            kept[k2] = bins
    return kept


def _of_rows(config: LogMelConfig, rows: int) -> _Transform:
    columns, taps = config.fft // rows, -(-config.window // rows)
    n1, n2, k1 = np.arange(taps), np.arange(rows)[:, None, None], np.arange(columns // 2 + 1)[:, None]
    window = np.zeros(rows * taps)
    window[: config.window] = hann(config)
    # Whole turns are taken off in whole numbers, where they cost no precision.
    turns = (n1 * k1 * rows + n2 * k1) % config.fft
    first = window.reshape(taps, rows).T[:, None] * np.exp(-2j * np.pi * turns / config.fft)
    kept = _kept(config, rows)
    second = np.exp(-2j * np.pi * (np.outer(list(kept), np.arange(rows)) % rows) / rows)
    # (a + bi)(c + di) = (ac - bd) + (ad + bc)i, with a row's real part c before its imaginary part d.
    second = np.concatenate(
        [np.stack([second.real, -second.imag], -1), np.stack([second.imag, second.real], -1)]
    ).reshape(2 * len(kept), 2 * rows)
    bank = np.concatenate([mel_filterbank(config), np.zeros((1, config.mels))])  # the last one is that of -1
    return _Transform(
        np.concatenate([first.real, first.imag], axis=1).astype(np.float32),
        second.astype(np.float32),
        bank[np.concatenate(list(kept.values()))].T.astype(np.float32),
    )


def _blocks(waveforms: tf.Tensor, config: LogMelConfig, samples: int, frame: int) -> tf.Tensor:
    """Padded signals cut into blocks of a hop: (batch, samples) -> (hop, batch, blocks)."""
    import tensorflow as tf

    signal, length = waveforms, samples
    if config.preemphasis:
        signal, length = signal[:, 1:] - config.preemphasis * signal[:, :-1], samples - 1
    count = config.frames(samples) - 1 - (-frame // config.hop)
    missing = max(count * config.hop - config.margin - length, 0)
    before, after = config.margin, missing
    if config.padding == "reflect":
        # More than the margin may follow: what lies beyond the last window has no weight.
        mirrored = min(missing, length - 1)
        signal = tf.concat([signal[:, config.margin : 0 : -1], signal, signal[:, -2 : -2 - mirrored : -1]], axis=1)
        before, after = 0, missing - mirrored
    if before or after:
        signal = tf.pad(signal, ((0, 0), (before, after)))
    if count * config.hop < config.margin + length:
        signal = signal[:, : count * config.hop]
    return tf.transpose(tf.reshape(signal, (-1, count, config.hop)), (2, 0, 1))


def _frames(blocks: tf.Tensor, first: int, after: int, frame: int) -> tf.Tensor:
    """Frames `first` to `after`: (hop, batch, blocks) -> (samples of a frame, batch, frames)."""
    import tensorflow as tf

    hop = blocks.shape[0]
    shifted = [
        blocks[: min(hop, frame - start), :, first + start // hop : after + start // hop]
        for start in range(0, frame, hop)
    ]
    return tf.concat(shifted, axis=0)


def _bands(frames: tf.Tensor, transform: _Transform, config: LogMelConfig) -> tf.Tensor:
    """Log-mel of some frames: (samples of a frame, batch, frames) -> (mels, batch, frames)."""
    import tensorflow as tf

    rows, turns, taps = transform.first.shape
    kept = len(transform.second) // 2
    x = tf.transpose(tf.reshape(frames, (taps, rows, -1)), (1, 0, 2))
    x = tf.reshape(tf.matmul(transform.first, x), (1, 2 * rows, -1))
    x = tf.square(tf.matmul(transform.second[None], x))
    energy = tf.reshape(x[:, :kept] + x[:, kept:], (1, kept * turns // 2, -1))
    if config.power == 1:
        energy = tf.sqrt(energy)
    mel = _joined([tf.matmul(weights, energy[:, low:high]) for weights, low, high in _products(transform.bank)], 1)
    mel = mel + config.log_floor if config.floor == "add" else tf.maximum(mel, config.log_floor)
    factor = 1.0 if config.log == "natural" else 10.0 / np.log(10.0)
    mel = tf.math.log(mel) * (factor / config.scale) - config.mean / config.scale
    return tf.reshape(mel, (config.mels, -1, frames.shape[2]))


def _joined(parts: list[tf.Tensor], axis: int) -> tf.Tensor:
    """Parts in one tensor, a few at a time: LiteRT's fast kernels take no more."""
    import tensorflow as tf

    while len(parts) > _JOINED_AT_ONCE:
        parts = [
            tf.concat(parts[first : first + _JOINED_AT_ONCE], axis) for first in range(0, len(parts), _JOINED_AT_ONCE)
        ]
    return tf.concat(parts, axis)


def _products(bank: np.ndarray) -> list[tuple[np.ndarray, int, int]]:
    """The bank in groups of bands that together cost least: weights (1, bands, high - low) of bins `low` to `high`.

    A group copies its range of bins and multiplies each of them for each of its bands.
    """
    hears = [np.flatnonzero(band) for band in bank]
    lowest = [bins[0] if len(bins) else len(bank[0]) for bins in hears]
    highest = [bins[-1] + 1 if len(bins) else 0 for bins in hears]
    # Least cost of the bands up to each, and where the last of its groups begins.
    best = [(0.0, 0)]
    for after in range(1, len(bank) + 1):
        low, high, found = len(bank[0]) - 1, 1, (np.inf, 0)
        for first in range(after - 1, -1, -1):
            low, high = min(low, lowest[first]), max(high, highest[first])
            cost = best[first][0] + (high - low) * (after - first + _BANDS_OF_A_COPY) + _MULTIPLICATIONS_OF_A_START
            found = min(found, (cost, first))
        best.append(found)
    groups, after = [], len(bank)
    while after:
        first = best[after][1]
        low, high = min(lowest[first:after]), max(highest[first:after])
        low, high = (low, high) if low < high else (0, 1)
        groups.append((bank[None, first:after, low:high], int(low), int(high)))
        after = first
    return groups[::-1]
