"""From tokens back to sound: pieces of stored clips that have the same tokens, cross-faded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.records import clips
from audiotag.tokens.data import TokenData

FADE = 0.03
"""Seconds of a cross-fade."""

NEAREST = 5
"""Clips that the pieces of a continuation are cut from."""


@dataclass(frozen=True)
class Piece:
    """A piece of a stored clip.

    Args:
        clip_id: the clip.
        first: its first token in the clip.
        tokens: how many.
    """

    clip_id: str
    first: int
    tokens: int


class Store:
    """Clips whose tokens are known.

    Args:
        data: open tokens.
        split: expression of the splits to take pieces from.
    """

    def __init__(self, data: TokenData, split: str) -> None:
        self.clip_ids, self.tokens = data.rows(split)
        centroids = data.tokenizer.centroids.astype(np.float64)
        self._distances = ((centroids[:, None] - centroids[None]) ** 2).sum(axis=-1)
        edge = np.full((len(self.tokens), 1), -1, np.int32)  # no piece goes on into the next clip
        self._flat = np.concatenate([edge, self.tokens, edge], axis=1).ravel()
        self._width = self.tokens.shape[1] + 2

    def pieces(self, tokens: np.ndarray, before: np.ndarray) -> list[Piece]:
        """Pieces that have the tokens, the longest first: where one ends, the longest that goes on begins.

        They are cut from the `NEAREST` clips whose tokens are most like those before, so that one place is heard and
        not many. Of equally long ones the one with the longest same past is taken, and of those the first. A token
        that none of these clips has is replaced by the nearest that one has.

        Args:
            tokens: (n,) int.
            before: those that come before them, (any,) int.
        """
        clips = self._near(before)
        there = np.unique(self.tokens[clips])
        wanted = there[self._distances[:, there].argmin(axis=1)][np.concatenate([before, tokens]).astype(int)]
        place, end, pieces = len(before), len(wanted), []
        near = np.repeat(clips, self._width)
        while place < end:
            found, length = self._longest(wanted[place:], near)
            begin = self._with_past(found, wanted[:place])
            row, column = divmod(int(begin), self._width)
            pieces.append(Piece(str(self.clip_ids[row]), column - 1, length))
            place += length
        return pieces

    def longest_run(self, tokens: np.ndarray) -> int:
        """Most tokens in a row that a stored clip has in the same order."""
        starts = range(len(tokens))
        return max((self._longest(tokens[start:])[1] for start in starts if tokens[start] in self.tokens), default=0)

    def _near(self, before: np.ndarray) -> np.ndarray:
        """Which clips are most like some tokens, (clips,) bool: by the cosine of counts, rare tokens counting more."""
        size = len(self._distances)
        counts = np.stack([np.bincount(row, minlength=size) for row in (before.astype(int), *self.tokens)])
        rarity = np.log((1 + len(self.tokens)) / (1 + (counts[1:] > 0).sum(axis=0)))
        weighed = np.sqrt(counts) * rarity
        lengths = np.linalg.norm(weighed, axis=1) + 1e-12
        likeness = weighed[1:] @ weighed[0] / (lengths[1:] * lengths[0])
        near = np.zeros(len(likeness), bool)
        near[np.argsort(-likeness, kind="stable")[:NEAREST]] = True
        return near

    def _longest(self, tokens: np.ndarray, near: np.ndarray | None = None) -> tuple[np.ndarray, int]:
        """Places, `near` ones if that is given, where most of the first tokens stand in a row, and how many do."""
        found, length = np.flatnonzero((self._flat == tokens[0]) & (True if near is None else near)), 1
        while length < len(tokens):
            further = found[self._flat[found + length] == tokens[length]]
            if not len(further):
                break
            found, length = further, length + 1
        return found, length

    def _with_past(self, found: np.ndarray, past: np.ndarray) -> int:
        """The first of the places that most of the past stands before."""
        for back in range(1, len(past) + 1):
            further = found[self._flat[found - back] == past[-back]]
            if not len(further):
                break
            found = further
        return found[0]


def sounds(data: TokenData, source: str | None = None) -> Callable[[str], np.ndarray]:
    """A function that gives the waveform of a clip, at the front end's rate.

    Args:
        data: open tokens.
        source: root folder of the recordings. Default: where the data set found them.

    Raises:
        AudiotagError: neither the data set keeps waveforms nor its recordings are there.
    """
    records = data.source()
    if records.waveforms:
        return lambda clip_id: next(clips.stored(records, [clip_id])).waveform
    from audiotag import storage

    root = records.recordings if source is None else storage.place(source)
    if root is None:
        raise AudiotagError(
            f"pieces of sound are cut from the recordings of {records.name}, which are not there: say with --source "
            "where they lie, or build it with --keep-waveforms"
        )
    return clips.recorded(records, root, records.sample_rate)


def joined(
    start: np.ndarray,
    pieces: Sequence[Piece],
    waveform_of: Callable[[str], np.ndarray],
    samples_a_token: int,
    fade: int,
) -> np.ndarray:
    """A sound, then pieces of clips: (samples,) float32. Each overlaps the one before by `fade` samples.

    Args:
        start: (samples,) float32: what comes first, as long as a cross-fade or longer.
        pieces: in their order.
        waveform_of: from a clip id to its waveform.
        samples_a_token: samples.
        fade: samples of a cross-fade, of equal power.
    """
    fade = min(fade, len(start), samples_a_token)
    rise = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    total = np.zeros(len(start) + sum(piece.tokens for piece in pieces) * samples_a_token, np.float32)
    total[: len(start)] = start
    end = len(start)
    for piece in pieces:
        whole = waveform_of(piece.clip_id)
        first, length = piece.first * samples_a_token, piece.tokens * samples_a_token
        # What lies before the piece in its clip is under the fade; at the clip's beginning there is silence.
        part = np.zeros(fade + length, np.float32)
        cut = whole[max(first - fade, 0) : first + length]
        at = max(fade - first, 0)
        part[at : at + len(cut)] = cut
        total[end - fade : end] *= rise[::-1]
        part[:fade] *= rise
        total[end - fade : end + length] += part
        end += length
    return total
