"""Drawing what comes next: token by token, from the most probable ones alone (top-p, arXiv 1904.09751)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models.decoder import CachedDecoder

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        top_p: from the most probable tokens that together have this probability, above 0, at most 1.
        temperature: divides the logits, above 0; the lower, the more the most probable ones are drawn.
        seed: of the draws, 0 or more.
    """

    top_p: float = 0.9
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for rule, holds, received in (
            ("top_p is above 0 and at most 1", 0 < self.top_p <= 1, self.top_p),
            ("temperature is above 0", 0 < self.temperature < float("inf"), self.temperature),
            ("seed is 0 or more", self.seed >= 0, self.seed),
        ):
            if not holds:
                raise AudiotagError(f"{rule}, received {received}")


def probabilities(logits: np.ndarray, sampling: Sampling) -> np.ndarray:
    """With which probabilities a token is drawn: (tokens,) float64, 0 of those that are left out."""
    scaled = np.asarray(logits, np.float64) / sampling.temperature
    shares = np.exp(scaled - scaled.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    before = np.cumsum(shares[order]) - shares[order]
    kept = np.zeros(len(shares))
    kept[order[before < sampling.top_p]] = shares[order[before < sampling.top_p]]
    return kept / kept.sum()


def continued(
    network: keras.Model, prompt: np.ndarray, count: int, context: int, sampling: Sampling | None = None
) -> np.ndarray:
    """Tokens that go on where a prompt ends.

    Args:
        network: of tokens, see `models.decoder`.
        prompt: (tokens,) int; may be empty.
        count: how many are drawn.
        context: longest sequence that the network was trained on. Of a longer past its last half is kept.
        sampling: how they are drawn. Default: the defaults.

    Returns:
        (count,) int32.
    """
    sampling = sampling or Sampling()
    random, begin = np.random.default_rng(sampling.seed), network.output_shape[-1]
    past = list(map(int, prompt))
    cache, waiting = CachedDecoder(network, context), _recent(past, context, begin)
    for _ in range(count):
        if cache.place + len(waiting) > context:
            cache, waiting = CachedDecoder(network, context), _recent(past, context // 2 + 1, begin)
        logits = cache(np.array([waiting]))[0, -1]
        drawn = int(random.choice(len(logits), p=probabilities(logits, sampling)))
        past.append(drawn)
        waiting = [drawn]
    return np.array(past[len(prompt) :], np.int32)


def _recent(past: list[int], length: int, begin: int) -> list[int]:
    """The beginning of a sequence and the last tokens: `length` at most, together."""
    return [begin, *past[max(len(past) - length + 1, 0) :]]
