"""Clips of one sound, found by the log-mel whatever their level and a small shift in time.

Fingerprints choose the pairs that may be one sound, without comparing all of them; the textures of both say whether
they are.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_BANDS = 32
_SMOOTHED = 0.25  # seconds
_FLAT = 0.05  # nepers of energy: where less moves, it is the rounding of a steady sound
_MOVING = 0.5  # length of a frame of a texture from which on more moves than that
_STRONGEST, _APART = 3, 0.06  # bands of a frame that make its half of a word, and seconds between both halves
_WORDS = 256
_NO_WORD = np.uint64(2**64 - 1)
_LOW, _HALF = np.uint64(2**32 - 1), np.uint64(32)
_NEIGHBOURS = 8  # clips after a clip, among those that have one word, with which it is compared
_BLOCK = 2048  # clips whose pairs are counted at once
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
    values = _smooth(_in_bands(log_mel, _BANDS) * np.float32(nepers), 3)
    values -= _smooth(values, max(round(_SMOOTHED * frames_per_second), 5) | 1)
    values -= values.mean(axis=2, keepdims=True)  # what begins in all bands at once
    norms = np.linalg.norm(values, axis=2, keepdims=True)
    return values / (norms + np.float32(_FLAT * values.shape[2] ** 0.5))


def fingerprints(texture: np.ndarray, frames_per_second: float) -> np.ndarray:
    """Words that copies of a sound have in common, wherever in the clips they stand.

    A word is which bands move most in a frame, and whether up or down, and the same a moment later. Noise and a shift
    by less than a frame change many words and leave others; there are words between two frames too, so that no shift
    is by more than a quarter. A clip keeps those of the least hash: copies keep the same ones.

    Args:
        texture: (batch, frames, bands).
        frames_per_second: of the log-mel.

    Returns:
        (batch, 256) uint64 in rising order: the word's hash in the upper half, its time in half frames in the lower;
        all bits are set where a clip has fewer words.
    """
    between = (texture[:, 1:] + texture[:, :-1]) / 2
    texture = np.insert(texture, np.arange(1, texture.shape[1]), between, axis=1)
    strongest = min(_STRONGEST, texture.shape[2])
    bands = np.sort(np.argpartition(-np.abs(texture), strongest - 1, axis=2)[:, :, :strongest], axis=2)
    signs = np.take_along_axis(texture, bands, axis=2) > 0
    kinds = (2 * bands + signs).astype(np.uint64)
    halves = np.zeros(texture.shape[:2], np.uint64)
    for band in range(strongest):
        halves = halves * np.uint64(2 * texture.shape[2]) + kinds[:, :, band]
    apart = max(round(2 * _APART * frames_per_second), 1)
    words = _hash(_hash(halves[:, :-apart]) + halves[:, apart:])
    moving = (np.linalg.norm(texture, axis=2) > _MOVING)[:, : words.shape[1]]
    placed = np.where(moving, words & ~_LOW | np.arange(words.shape[1], dtype=np.uint64), _NO_WORD)
    placed.sort(axis=1)
    again = placed[:, 1:] >> _HALF == placed[:, :-1] >> _HALF
    placed[:, 1:][again] = _NO_WORD
    placed.sort(axis=1)
    prints = np.full((len(placed), _WORDS), _NO_WORD)
    prints[:, : placed.shape[1]] = placed[:, :_WORDS]
    return prints


def _hash(values: np.ndarray) -> np.ndarray:
    """SplitMix64's: every bit of the result depends on every bit of the value."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)


def candidates(prints: np.ndarray, least: int, most: int, between: int | None = None) -> np.ndarray:
    """Pairs of clips that have words in common at one shift in time, those with the most first.

    Pairs are those of neighbours in the list of a word's clips: what many clips have tells none from another, and
    costs no more for that.

    Args:
        prints: (clips, words).
        least: words in common, all at one shift or half a frame beside it, from which on a pair is one.
        most: how many pairs are given at most.
        between: pairs are of a clip before this row and one from it on alone, of two sets one after the other. Default:
            of any two.

    Returns:
        Rows of both clips, (pairs, 2) int64, the first less than the second.
    """
    clip, time, goes_on = _index(prints)
    order = np.argsort(clip, kind="stable")
    ends = np.searchsorted(clip[order], np.arange(0, len(prints) + _BLOCK, _BLOCK))
    pairs, shared = np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
    for begin, end in pairwise(ends):
        rows, counts = _in_common(order[begin:end], clip, time, goes_on)
        wanted = counts >= least
        if between is not None:
            wanted &= (rows[:, 0] < between) & (rows[:, 1] >= between)
        pairs = np.concatenate([pairs, rows[wanted]])
        shared = np.concatenate([shared, counts[wanted]])
        best = np.lexsort((pairs[:, 1], pairs[:, 0], -shared))[:most]
        pairs, shared = pairs[best], shared[best]
    return pairs


def _index(prints: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The words that several clips have, word after word: clip, time, and whether the next one is the same word."""
    entries = (prints & ~_LOW).ravel()
    entries |= np.arange(prints.size, dtype=np.uint64)
    entries = entries[prints.ravel() != _NO_WORD]
    entries.sort()
    same = entries[1:] >> _HALF == entries[:-1] >> _HALF
    goes_on, follows = (np.append(*both)[: len(entries)] for both in ((same, False), (False, same)))
    several = goes_on | follows
    places = (entries[several] & _LOW).astype(np.int64)
    time = (prints.ravel()[places] & _LOW).astype(np.int32)
    return (places // prints.shape[1]).astype(np.int32), time, goes_on[several]


def _in_common(
    entries: np.ndarray, clip: np.ndarray, time: np.ndarray, goes_on: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The words that the clips of some entries of the index share with later clips.

    Args:
        entries: places in the index.
        clip: of the index, as are time and goes_on.
        time: likewise.
        goes_on: likewise.

    Returns:
        Rows of both clips, (pairs, 2) int64; and the most words that they share at one shift and the next, (pairs,).
    """
    codes, others = [np.zeros(0, np.int64)], entries
    last, clips = int(time.max(initial=0)), int(clip.max(initial=0)) + 1
    span = 2 * last + 2  # of shifts, with one that no pair has
    for _ in range(_NEIGHBOURS):
        further = goes_on[others]
        entries, others = entries[further], others[further] + 1
        pair = clip[entries].astype(np.int64) * clips + clip[others]
        codes.append(pair * span + last + time[entries] - time[others])
    codes, counts = np.unique(np.concatenate(codes), return_counts=True)
    later = np.append(codes[1:] == codes[:-1] + 1, False)[: len(codes)]
    together = counts + np.where(later, np.append(counts[1:], 0)[: len(codes)], 0)
    pair = codes // span
    firsts = np.flatnonzero(np.diff(pair, prepend=-1))
    most = np.maximum.reduceat(together, firsts) if len(firsts) else together
    return np.stack(np.divmod(pair[firsts], clips), axis=1), most


def similarity(first: np.ndarray, second: np.ndarray, least_frames: float) -> tuple[float, int]:
    """The correlation of two textures at the shift where it is highest: near 1 for copies, near 0 for other sounds.

    Args:
        first: (frames, bands).
        second: (its frames, bands).
        least_frames: in which something moves, that both must share. Of all that moves they must share two thirds too:
            both, or the shorter one where their lengths differ.

    Returns:
        The correlation, and the shift: frame t of the first is frame t + shift of the second.
    """
    lengths = np.array([len(first), len(second)])
    frames, length = int(lengths.max()), 2 * int(lengths.max())
    first, second = (np.pad(part, ((0, frames - len(part)), (0, 0))) for part in (first, second))
    spectra = np.fft.rfft(first, length, axis=0).conj() * np.fft.rfft(second, length, axis=0)
    products = np.fft.irfft(spectra.sum(axis=1), length)
    energies = [
        np.concatenate([[0.0], np.square(part, dtype=np.float64).sum(axis=1).cumsum()]) for part in (first, second)
    ]
    furthest = frames // 2 if lengths[0] == lengths[1] else frames - 1
    shifts = np.arange(-furthest, furthest + 1)
    begin, end = np.maximum(-shifts, 0), np.minimum(frames, frames - shifts)
    overlaps = energies[0][end] - energies[0][begin], energies[1][end + shifts] - energies[1][begin + shifts]
    enough = np.ones(len(shifts), bool)
    for overlap, energy, own in zip(overlaps, energies, lengths, strict=True):
        shared = _SHARED * energy[-1] if own == lengths.min() else 0.0
        enough &= overlap >= max(shared, least_frames)
    if not enough.any():
        return 0.0, 0
    correlations = np.where(enough, products[shifts % length] / np.sqrt(np.maximum(overlaps[0] * overlaps[1], 1)), 0)
    best = int(correlations.argmax())
    return float(np.clip(correlations[best], 0.0, 1.0)), int(shifts[best])


def agreement(first: np.ndarray, second: np.ndarray, shift: int, tolerance: int) -> float:
    """The largest correlation, but for its sign, of two waveforms near a shift.

    Args:
        first: (samples,).
        second: (its samples,).
        shift: sample t of the first is about sample t + shift of the second.
        tolerance: how far the shift may be off, samples.

    Returns:
        0 to 1: of copies near 1, even where noise was added or the level changed.
    """
    samples = max(len(first), len(second))
    first, second = (np.pad(part, (0, samples - len(part))) for part in (first, second))
    length = 2 * samples
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
