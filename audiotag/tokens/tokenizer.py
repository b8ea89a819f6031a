"""The tokenizer: k-means of vectors of steps, learnt once, and kept in a file that says what it was learnt from."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from audiotag import storage
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.task import Task
from audiotag.tokens.vectors import StepVectors

NOTES = "notes"
"""Source of a tokenizer of notes, which has learnt nothing: see `note_tokens`."""

_ARRAYS = ("mean", "scale", "centroids", "log_mels")
_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Tokenizer:
    """From vectors to tokens: the nearest of some centroids.

    Args:
        clip_format: of the clips that it was learnt from; its classes are the tokens.
        rate: tokens a second; of notes the mean.
        steps: tokens of a clip, or of notes of a row.
        source: what the vectors are made of, as of `StepVectors`, and so the next; or "notes".
        layer: of a model; "" of log-mel.
        checksum: of the model's weights; "" of log-mel.
        seed: of k-means.
        mean: of the vectors that it was learnt from, (dim,) float32.
        scale: their deviation, by which they are divided, (dim,) float32.
        centroids: of the scaled vectors, (tokens, dim) float32.
        log_mels: the mean log-mel of the steps of every token, (tokens, mels) float32: for previews.
    """

    clip_format: ClipFormat
    rate: float
    steps: int
    source: str
    layer: str
    checksum: str
    seed: int
    mean: np.ndarray
    scale: np.ndarray
    centroids: np.ndarray
    log_mels: np.ndarray

    @property
    def of_notes(self) -> bool:
        """Whether the tokens are those of notes, not of sounds."""
        return self.source == NOTES

    @property
    def settings(self) -> dict[str, Any]:
        """All but the arrays, ready for JSON."""
        kept = {name: getattr(self, name) for name in ("rate", "steps", "source", "layer", "checksum", "seed")}
        return {"clip_format": self.clip_format.to_dict(), **kept}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what decides which token a sound is."""
        digest = hashlib.sha256(storage.fingerprint(self.settings).encode())
        for name in ("mean", "scale", "centroids"):
            digest.update(np.ascontiguousarray(getattr(self, name), "<f4").tobytes())
        return digest.hexdigest()

    def vectors(self) -> StepVectors:
        """What makes the vectors; a model is opened.

        Raises:
            AudiotagError: the model is not there or has other weights than when the tokenizer was learnt, or the tokens
                are those of notes.
        """
        if self.of_notes:
            raise AudiotagError(
                "tokens of notes are made of notes, not of sound: `audiotag continue` takes such a model"
            )
        made = StepVectors(self.clip_format.front_end, self.rate, self.source, self.layer or None)
        if made.checksum != self.checksum:
            raise AudiotagError(
                f"the tokens are those of {self.source} as it was, its weights have changed since: learn tokens again"
            )
        return made

    def tokens(self, vectors: np.ndarray) -> np.ndarray:
        """The nearest centroids: (…, dim) float32 -> (…,) int32; of equally near ones the first."""
        scaled = ((vectors - self.mean) / self.scale).astype(np.float64).reshape(-1, len(self.mean))
        centroids = self.centroids.astype(np.float64)
        distances = (centroids**2).sum(axis=1) - 2 * scaled @ centroids.T
        return distances.argmin(axis=1).astype(np.int32).reshape(vectors.shape[:-1])

    def with_log_mels(self, log_mels: np.ndarray) -> Tokenizer:
        """The same with the mean log-mels of its tokens."""
        return replace(self, log_mels=log_mels.astype(np.float32))

    def write(self, path: Path) -> None:
        """Write it, without pickle, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        settings = np.frombuffer(json.dumps(self.settings).encode(), np.uint8)
        with storage.write_atomically(path, "wb") as file:
            np.savez(file, settings=settings, **arrays)

    @classmethod
    def read(cls, path: Path) -> Tokenizer:
        """The tokenizer of a file.

        Raises:
            AudiotagError: no such file, or a damaged one.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in _ARRAYS}
                settings = json.loads(archive["settings"].tobytes())
            return cls(ClipFormat.from_dict(settings.pop("clip_format")), **settings, **arrays)
        except FileNotFoundError as error:
            raise AudiotagError(
                f"there is no tokenizer {path}: give the --out of a finished `audiotag tokens`"
            ) from error
        except _BROKEN as error:
            raise AudiotagError(f"{path} is no tokenizer, or is damaged ({error}): learn tokens again") from error


def learn(vectors: np.ndarray, count: int, seed: int, made: StepVectors, clip_format: ClipFormat) -> Tokenizer:
    """Learn tokens by k-means (scikit-learn) of vectors, each number of which is scaled to deviation 1.

    Args:
        vectors: (steps, dim) float32, of training clips alone.
        count: number of tokens, at least 2.
        seed: of k-means.
        made: what made the vectors.
        clip_format: of the clips.

    Raises:
        AudiotagError: fewer different vectors than tokens.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    if count < 2:
        raise AudiotagError(f"there are at least 2 tokens, received {count}")
    different = len(np.unique(vectors, axis=0))
    if different < count:
        raise AudiotagError(
            f"the training clips have {different} different steps, too few for {count} tokens: ask for fewer, or give "
            "more clips"
        )
    mean, scale = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 1e-6, scale, 1.0)
    # Threads would add up in the order in which they end.
    with threadpool_limits(1):
        found = KMeans(count, n_init=1, random_state=seed).fit((vectors - mean) / scale)
    width = len(str(count - 1))
    labels = Labels(tuple(f"token {number:0{width}d}" for number in range(count)))
    of_tokens = replace(clip_format, labels=labels, task=Task.TOKENS)
    parts = (array.astype(np.float32) for array in (mean, scale, found.cluster_centers_))
    no_log_mels = np.zeros((count, clip_format.front_end.mels), np.float32)
    steps = made.count(clip_format.frames)
    return Tokenizer(of_tokens, made.rate, steps, made.source, made.layer, made.checksum, seed, *parts, no_log_mels)
