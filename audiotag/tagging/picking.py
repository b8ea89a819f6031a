"""Which parts of recordings are most worth labelling: what a model doubts, one of every kind, or what is alike."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audiotag.errors import AudiotagError, suggest

if TYPE_CHECKING:
    import pandas

Spans = Mapping[str, Sequence[tuple[float, float]]]
"""Beginnings and ends, seconds, by recording."""


class Part(NamedTuple):
    """A part of a recording: its path, and its beginning and end in seconds."""

    path: str
    start: float
    end: float


@dataclass(frozen=True)
class Pick:
    """A part that is worth labelling.

    Args:
        part: which.
        score: how much: bits (`doubtful`), parts of its kind (`diverse`), or a cosine (`similar`).
        reason: the same for people.
    """

    part: Part
    score: float
    reason: str


def doubtful(found: pandas.DataFrame, labels: Sequence[str] = ()) -> list[Pick]:
    """Parts in the order of their doubt: the largest entropy of a label's score, 1 bit at 0.5 and 0 at 0 and 1.

    Args:
        found: a row a tag, as of `results.read`.
        labels: those whose scores count; none: all.

    Raises:
        AudiotagError: a label that is in none of the results.
    """
    for label in labels:
        if label not in set(found["label"]):
            raise AudiotagError(f"no result names the label {label!r}: {suggest(label, sorted(set(found['label'])))}")
    found = found[found["label"].isin(labels)] if labels else found
    scores = found["score"].to_numpy(np.float64)
    found = found.assign(bits=_entropy(scores)).sort_values(
        ["bits", "file", "start", "label"], ascending=[False, True, True, True]
    )
    best = found.drop_duplicates(["file", "start", "end"])
    return [
        Pick(Part(row.file, row.start, row.end), row.bits, f"{row.label} {row.score:.2f}")
        for row in best.itertuples(index=False)
    ]


def _entropy(scores: np.ndarray) -> np.ndarray:
    inside = np.clip(scores, 1e-12, 1 - 1e-12)
    return -inside * np.log2(inside) - (1 - inside) * np.log2(1 - inside)


def diverse(parts: Sequence[Part], vectors: np.ndarray, most: int, labelled: Spans, seed: int = 0) -> list[Pick]:
    """Parts of as many kinds as are asked for, the most frequent kind first; none of a kind that has a label.

    Kinds are clusters of k-means, as many as there are parts with labels and parts asked for; of each the part that is
    nearest to its centre stands for it (TypiClust, arXiv 2202.02794, clusters so too).

    Args:
        parts: of which to pick.
        vectors: their embeddings, (parts, dim).
        most: how many.
        labelled: what has labels.
        seed: of the first centres.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    directions = _directions(vectors)
    known = np.array([_overlaps(part, labelled) for part in parts])
    count = min(most + int(known.sum()), len(np.unique(directions, axis=0)))
    with threadpool_limits(1):  # sums of several threads come in no order
        clusters = KMeans(count, n_init=1, random_state=seed).fit(directions)
        distances = clusters.transform(directions)
    sizes = np.bincount(clusters.labels_, minlength=count)
    new = np.setdiff1d(np.arange(count), clusters.labels_[known])
    order = new[np.argsort(-sizes[new], kind="stable")]
    picks = []
    for cluster in order[:most].tolist():
        members = np.flatnonzero(clusters.labels_ == cluster)
        nearest = members[distances[members, cluster].argmin()]
        picks.append(Pick(parts[nearest], float(sizes[cluster]), f"stands for {sizes[cluster]} alike"))
    return picks


def similar(parts: Sequence[Part], vectors: np.ndarray, names: Sequence[str], examples: np.ndarray) -> list[Pick]:
    """Parts in the order of the cosine between their embedding and that of the nearest example.

    Args:
        parts: of which to pick.
        vectors: their embeddings, (parts, dim).
        names: of the examples, for people.
        examples: their embeddings, (examples, dim).
    """
    directions = _directions(np.concatenate([vectors, examples]))
    cosines = directions[: len(parts)] @ directions[len(parts) :].T
    nearest, best = cosines.argmax(axis=1), cosines.max(axis=1)
    return [
        Pick(parts[row], float(best[row]), f"like {names[nearest[row]]}") for row in np.argsort(-best, kind="stable")
    ]


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, of numbers that count the same: their means and deviations over all of them taken out."""
    values = vectors.astype(np.float64)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def chosen(picks: Iterable[Pick], most: int, labelled: Spans, *, spread: bool = True) -> list[Pick]:
    """The first of some picks; none that has a label or overlaps one that was chosen before.

    Args:
        picks: the best first.
        most: how many at most.
        labelled: what has labels.
        spread: every recording has its turn before one comes again, and none comes twice in a row while there are
            others.
    """
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path, spans in labelled.items():
        taken[path].extend(spans)
    result: list[Pick] = []
    for pick in _in_turn(picks) if spread else picks:
        if len(result) == most:
            break
        if not _overlaps(pick.part, taken):
            taken[pick.part.path].append((pick.part.start, pick.part.end))
            result.append(pick)
    return result


def _in_turn(picks: Iterable[Pick]) -> Iterable[Pick]:
    waiting: dict[str, deque[Pick]] = defaultdict(deque)
    for pick in picks:
        waiting[pick.part.path].append(pick)
    turns = [(0, -queue[0].score, path) for path, queue in waiting.items()]
    heapq.heapify(turns)
    last = ""
    while turns:
        turn = heapq.heappop(turns)
        if turn[2] == last and turns:
            turn = heapq.heapreplace(turns, turn)
        count, _, last = turn
        yield waiting[last].popleft()
        if waiting[last]:
            heapq.heappush(turns, (count + 1, -waiting[last][0].score, last))


def _overlaps(part: Part, spans: Spans) -> bool:
    return any(part.start < end and start < part.end for start, end in spans.get(part.path, ()))
