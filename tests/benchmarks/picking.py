"""What picked labels are worth, on ESC-10: accuracy of a logistic regression on embeddings, by what it learnt.

    python tests/benchmarks/picking.py SHARED/data/esc10 [FIRST NEXT]

FIRST labels (40) are picked in a first round, NEXT (20) in a second. The weights of mn04_as are fetched, or lie where
AUDIOTAG_CACHE says.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import audiotag
from audiotag.tagging import picking
from audiotag.tagging.picking import Part, Pick

FOLDS, SEEDS = range(1, 6), range(4)


def embedded(root: Path) -> tuple[list[Part], np.ndarray, np.ndarray, np.ndarray]:
    """Parts, embeddings, classes and folds of ESC-10's clips."""
    with (root / "meta" / "esc50.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (root / "audio" / row["filename"]).exists()]
    paths = [root / "audio" / row["filename"] for row in rows]
    found = audiotag.tagging.embed_files(audiotag.load("mn04_as"), paths)
    vectors = np.concatenate([each.embeddings.vectors for each in found])
    classes = np.array([row["category"] for row in rows])
    return [Part(path.name, 0.0, 5.0) for path in paths], vectors, classes, np.array([int(row["fold"]) for row in rows])


class Learner:
    """A logistic regression on the embeddings of a pool, of which some have labels; and how well it does elsewhere."""

    def __init__(self, pool: np.ndarray, test: np.ndarray, classes: np.ndarray, test_classes: np.ndarray) -> None:
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(pool)
        self._pool, self._test = scaler.transform(pool), scaler.transform(test)
        self._classes, self._test_classes = classes, test_classes

    def learn(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """Accuracy after learning some rows, and the scores of all of the pool."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=300).fit(self._pool[rows], self._classes[rows])
        return model.score(self._test, self._test_classes), model.predict_proba(self._pool)


def rows_of(picks: list[Pick], parts: list[Part]) -> np.ndarray:
    """Where the parts of picks are."""
    place = {part: row for row, part in enumerate(parts)}
    return np.array([place[pick.part] for pick in picks])


def accuracies(root: Path, count: int = 40, then: int = 20) -> dict[str, np.ndarray]:
    """Accuracies by the way of picking, one a fold and seed."""
    import pandas

    every, vectors, classes, folds = embedded(root)
    table: dict[str, list[float]] = {}

    def note(name: str, accuracy: float) -> None:
        table.setdefault(name, []).append(accuracy)

    for fold in FOLDS:
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        parts, pool = [every[row] for row in inside], vectors[inside]
        learner = Learner(pool, vectors[outside], classes[inside], classes[outside])
        for seed in SEEDS:
            random = np.random.default_rng(seed)
            first = rows_of(picking.diverse(parts, pool, count, {}, seed), parts)
            accuracy, scores = learner.learn(first)
            note(f"{count} by diversity", accuracy)
            note(f"{count} at random", learner.learn(random.permutation(len(parts))[:count])[0])
            known = {parts[row].path: [(0.0, 5.0)] for row in first}
            found = pandas.DataFrame(
                [
                    (*parts[row], str(label), score)
                    for row, each in enumerate(scores)
                    for label, score in enumerate(each)
                ],
                columns=["file", "start", "end", "label", "score"],
            )
            rest = np.setdiff1d(np.arange(len(parts)), first)
            for name, more in (
                ("by uncertainty", rows_of(picking.chosen(picking.doubtful(found), then, known), parts)),
                ("by diversity", rows_of(picking.diverse(parts, pool, then, known, seed), parts)),
                ("at random", random.permutation(rest)[:then]),
            ):
                note(f"{count} by diversity, {then} {name}", learner.learn(np.concatenate([first, more]))[0])
    return {name: np.array(values) for name, values in table.items()}


if __name__ == "__main__":
    for name, values in accuracies(Path(sys.argv[1]), *map(int, sys.argv[2:])).items():
        print(f"{name:35} {values.mean():.3f} ± {values.std() / len(values) ** 0.5:.3f}")
