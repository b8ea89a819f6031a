"""Clips of one sound, found by the log-mel whatever their level and a small shift in time.

A fingerprint chooses the pairs that may be one sound; the textures of both say whether they are.
"""

from __future__ import annotations

import numpy as np

_TEXTURE_BANDS, _BANDS = 32, 16
_SMOOTHED = 0.25  # seconds
_FLAT = 0.05  # nepers of energy: where less moves, it is the rounding of a steady sound
_LOWEST, _FREQUENCIES = 1.0, 32  # Hz, and how many frequencies of the course of a band from there on
_BLOCK = 2048
_SHARED = 2 / 3


def textures(log_mel: np.ndarray, frames_per_second: float, nepers: float) -> np.ndarray:
    """What moves faster than a quarter of a second: noise that is another's by chance never, and its copy's always.

    Envelopes, on and off, and the colour of the sound are not in it, which are alike in sounds of one class. Frames
    count the same, loud or soft, but for those in which nothing moves.

    Args:
        log_mel: (batch, frames, mels), float32.
        frames_per_second: of the log-mel.
        nepers: of energy that 1 of the log-mel is.

    Returns:
        (batch, frames, bands), float32.
    """
    values = _smooth(_in_bands(log_mel, _TEXTURE_BANDS) * np.float32(nepers), 3)
    values -= _smooth(values, max(round(_SMOOTHED * frames_per_second), 5) | 1)
    values -= values.mean(axis=2, keepdims=True)  # what begins in all bands at once
    norms = np.linalg.norm(values, axis=2, keepdims=True)
    return values / (norms + np.float32(_FLAT * values.shape[2] ** 0.5))


def fingerprints(texture: np.ndarray, frames_per_second: float) -> np.ndarray:
    """How much the bands of textures vary, and how fast, which a shift in time changes little.

    Args:
        texture: (batch, frames, bands).
        frames_per_second: of the log-mel.

    Returns:
        (batch, values), float16: logarithms of the magnitudes of the bands' spectra, from 1 Hz on.
    """
    courses = _in_bands(texture, _BANDS)
    first = max(round(_LOWEST * courses.shape[1] / frames_per_second), 1)
    spectra = np.abs(np.fft.rfft(courses, axis=1)[:, first : first + _FREQUENCIES])
    if not spectra.shape[1]:  # too short to vary
        return np.zeros((len(texture), 1), np.float16)
    floor = 0.01 * spectra.mean(axis=(1, 2), keepdims=True) + 1e-6
    return np.log(spectra + floor).reshape(len(texture), -1).astype(np.float16)


def candidates(prints: np.ndarray, least: float, most: int) -> np.ndarray:
    """Pairs of clips whose fingerprints are alike, the most alike first; blocks of them are in memory at a time.

    Args:
        prints: (clips, values).
        least: cosine, of what is above the mean of all clips, from which on a pair is one.
        most: how many pairs are given at most.

    Returns:
        Rows of both clips, (pairs, 2) int64, the first less than the second.
    """
    values = prints.astype(np.float32)
    if len(values) > 2:  # what all clips have in common tells none from another
        values -= values.mean(axis=0)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    pairs, cosines = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    for first in range(0, len(values), _BLOCK):
        for second in range(first, len(values), _BLOCK):
            block = values[first : first + _BLOCK] @ values[second : second + _BLOCK].T
            if first == second:
                block[np.tril_indices(len(block))] = -1.0
            rows, columns = np.nonzero(block >= least)
            pairs = np.concatenate([pairs, np.stack([rows + first, columns + second], axis=1)])
            cosines = np.concatenate([cosines, block[rows, columns]])
            if len(pairs) > most:
                kept = np.argpartition(-cosines, most)[:most]
                pairs, cosines = pairs[kept], cosines[kept]
                least = max(least, float(cosines.min()))
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], -cosines))]


def similarity(first: np.ndarray, second: np.ndarray, least_frames: float) -> tuple[float, int]:
    """The correlation of two textures at the shift where it is highest: near 1 for copies, near 0 for other sounds.

    Args:
        first: (frames, bands).
        second: the same shape.
        least_frames: in which something moves, that both must share; so must they two thirds of all that they have.

    Returns:
        The correlation, and the shift: frame t of the first is frame t + shift of the second.
    """
    frames, length = len(first), 2 * len(first)
    spectra = np.fft.rfft(first, length, axis=0).conj() * np.fft.rfft(second, length, axis=0)
    products = np.fft.irfft(spectra.sum(axis=1), length)
    energies = [
        np.concatenate([[0.0], np.square(part, dtype=np.float64).sum(axis=1).cumsum()]) for part in (first, second)
    ]
    shifts = np.arange(-(frames // 2), frames // 2 + 1)
    begin, end = np.maximum(-shifts, 0), np.minimum(frames, frames - shifts)
    overlaps = energies[0][end] - energies[0][begin], energies[1][end + shifts] - energies[1][begin + shifts]
    enough = np.ones(len(shifts), bool)
    for overlap, energy in zip(overlaps, energies, strict=True):
        enough &= overlap >= max(_SHARED * energy[-1], least_frames)
    if not enough.any():
        return 0.0, 0
    correlations = np.where(enough, products[shifts % length] / np.sqrt(np.maximum(overlaps[0] * overlaps[1], 1)), 0)
    best = int(correlations.argmax())
    return float(np.clip(correlations[best], 0.0, 1.0)), int(shifts[best])


def agreement(first: np.ndarray, second: np.ndarray, shift: int, tolerance: int) -> float:
    """The largest correlation, but for its sign, of two waveforms near a shift.

    Args:
        first: (samples,).
        second: the same shape.
        shift: sample t of the first is about sample t + shift of the second.
        tolerance: how far the shift may be off, samples.

    Returns:
        0 to 1: of copies near 1, even where noise was added or the level changed.
    """
    samples, length = len(first), 2 * len(first)
    spectra = np.fft.rfft(first, length).conj() * np.fft.rfft(second, length)
    products = np.fft.irfft(spectra, length)
    best = 0.0
    near = np.arange(max(shift - tolerance, 1 - samples), min(shift + tolerance, samples - 1) + 1)
    begin, end = max(-shift, 0), min(samples, samples - shift)
    energy = float(np.square(first[begin:end], dtype=np.float64).sum())
    energy *= float(np.square(second[begin + shift : end + shift], dtype=np.float64).sum())
    if energy and len(near):
        best = float(np.abs(products[near % length]).max()) / energy**0.5
    return min(best, 1.0)


def _in_bands(log_mel: np.ndarray, bands: int) -> np.ndarray:
    """Mel bands averaged together: (batch, frames, `bands` or, where they do not divide, some more)."""
    together = max(log_mel.shape[2] // bands, 1)
    kept = log_mel[:, :, : log_mel.shape[2] // together * together]
    return kept.reshape(*kept.shape[:2], -1, together).mean(axis=3)


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Means of so many frames, an odd number, around each; (batch, frames, bands)."""
    around = ((0, 0), (width // 2 + 1, width // 2), (0, 0))
    sums = np.pad(values, around, mode="edge").cumsum(axis=1, dtype=np.float64)
    return ((sums[:, width:] - sums[:, :-width]) / width).astype(np.float32)
