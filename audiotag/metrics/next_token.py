"""Bits that the next token needs: of a model, beside what is known without one; where tokens repeat and where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.metrics.bootstrap import Units, percentiles

BASELINES = ("uniform", "unigram", "copy last", "bigram")
LEVEL = 0.95


@dataclass(frozen=True)
class NextToken:
    """Bits a token of a model and of the baselines.

    Args:
        table: a row a predictor, the model first: predictor, bits_per_token, bits_per_second, at_repeats, at_changes
            (bits a token), low, high (ends of the interval of bits_per_token over clips; NaN of a single clip).
        better: bits a token that the model needs fewer than the bigram: mean, and the ends of its interval.
        repeats: share of tokens that are the same as the one before.
        clips: number of clips.
        tokens: number of tokens.
        resamples: of the bootstrap over clips.
    """

    table: pandas.DataFrame
    better: tuple[float, float, float]
    repeats: float
    clips: int
    tokens: int
    resamples: int


def compare(
    name: str,
    bits: np.ndarray,
    tokens: np.ndarray,
    training: np.ndarray,
    count: int,
    rate: float,
    resamples: int = 1000,
) -> NextToken:
    """Compare a model's bits with those of the baselines.

    Args:
        name: of the model, for the table.
        bits: of every token, (clips, steps).
        tokens: (clips, steps) int, whose bits they are.
        training: (clips, steps) int, from which the baselines are counted.
        count: number of different tokens.
        rate: tokens a second.
        resamples: of the bootstrap over clips.

    Raises:
        AudiotagError: arrays that do not fit each other.
    """
    if bits.shape != tokens.shape or tokens.ndim != 2 or not tokens.size:
        raise AudiotagError(f"bits are those of tokens (clips, steps), received {bits.shape} and {tokens.shape}")
    every = {name: bits, **{kind: baseline(kind, training, count)(tokens) for kind in BASELINES}}
    repeated = np.zeros(tokens.shape, bool)
    repeated[:, 1:] = tokens[:, 1:] == tokens[:, :-1]
    changed = ~repeated
    changed[:, 0] = False  # nothing is before the first
    units = Units("clip", np.arange(len(tokens)), len(tokens))
    rows = []
    for kind, values in every.items():
        low, high = _interval(values.mean(axis=1), units, resamples)
        mean = float(values.mean())
        at = [float(values[places].mean()) if places.any() else float("nan") for places in (repeated, changed)]
        rows.append((kind, mean, mean * rate, *at, low, high))
    columns = ("predictor", "bits_per_token", "bits_per_second", "at_repeats", "at_changes", "low", "high")
    gain = (every["bigram"] - bits).mean(axis=1)
    better = (float(gain.mean()), *_interval(gain, units, resamples))
    share = float(repeated[:, 1:].mean()) if tokens.shape[1] > 1 else float("nan")
    return NextToken(pandas.DataFrame(rows, columns=columns), better, share, len(tokens), tokens.size, resamples)


def baseline(kind: str, training: np.ndarray, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """What is known of the next token without a model, counted in training clips: tokens (clips, steps) to bits.

    - "uniform": every token alike.
    - "unigram": how often each is, one added to every count.
    - "copy last": the last token with the share of repeats, every other one alike. The first: uniform.
    - "bigram": how often each follows the last one, smoothed by the unigram (Witten and Bell 1991: a token that had T
      different followers in n places gives the unigram T / (n + T)). The first: how often each is first, smoothed so.

    Args:
        kind: one of `BASELINES`.
        training: (clips, steps) int.
        count: number of different tokens.
    """
    if kind not in BASELINES:
        raise AudiotagError(f"a baseline is one of {', '.join(BASELINES)}, received {kind!r}")
    if kind == "uniform":
        return lambda tokens: np.full(tokens.shape, np.log2(count))
    unigram = np.bincount(training.ravel(), minlength=count) + 1.0
    unigram /= unigram.sum()
    if kind == "unigram":
        return lambda tokens: -np.log2(unigram)[tokens]
    if kind == "copy last":
        return _copy_last(training, count)
    follows = np.zeros((count + 1, count))  # the last row: what clips begin with
    np.add.at(follows, (training[:, :-1], training[:, 1:]), 1)
    np.add.at(follows[-1], training[:, 0], 1)
    kinds, places = (follows > 0).sum(axis=1, keepdims=True), follows.sum(axis=1, keepdims=True)
    kinds = np.maximum(kinds, 1)  # a token that nothing ever followed
    bits = -np.log2((follows + kinds * unigram) / (places + kinds))

    def bigram(tokens: np.ndarray) -> np.ndarray:
        before = np.concatenate([np.full((len(tokens), 1), count), tokens[:, :-1]], axis=1)
        return bits[before, tokens]

    return bigram


def _copy_last(training: np.ndarray, count: int) -> Callable[[np.ndarray], np.ndarray]:
    same = (training[:, 1:] == training[:, :-1]).sum() + 1
    places = training[:, 1:].size + 2
    repeat, change = -np.log2(same / places), -np.log2((1 - same / places) / (count - 1))

    def bits(tokens: np.ndarray) -> np.ndarray:
        later = np.where(tokens[:, 1:] == tokens[:, :-1], repeat, change)
        return np.concatenate([np.full((len(tokens), 1), np.log2(count)), later], axis=1)

    return bits


def _interval(of_clips: np.ndarray, units: Units, resamples: int) -> tuple[float, float]:
    """Ends of the interval of a mean over clips."""
    drawn = units.draws(resamples, 0).astype(np.float64)
    low, high = percentiles((drawn @ of_clips / drawn.sum(axis=1))[:, None], LEVEL, units.reason)[:, 0]
    return float(low), float(high)
