"""How long the bootstrap of an AudioSet-sized evaluation takes, beside a loop of scikit-learn.

    python tests/benchmarks/bootstrap.py [clips] [classes] [resamples]

Default: 20 000 clips, 527 classes, 1000 resamples; with 0.7 %, 30 % and half of the pairs positive. Prints seconds of
`bootstrap` (all its metrics), by the clock and of processor time; seconds of average_precision_score and roc_auc_score
in a loop over such draws (a few resamples and classes measured, the rest extrapolated); the ratio of processor times;
and the memory that the bootstrap adds.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from audiotag.labels import Labels
from audiotag.metrics import bootstrap, ranking
from audiotag.metrics.predictions import Predictions

MEASURED = (2, 20)  # resamples and classes of scikit-learn's loop


def simulated(clips: int, classes: int, share: float) -> Predictions:
    """Scores that tell the classes apart, some of them equal."""
    random = np.random.default_rng(0)
    targets = (random.random((clips, classes)) < share).astype(np.uint8)
    scores = (1 / (1 + np.exp(-random.normal(size=targets.shape) - 1.5 * targets))).round(4)
    labels = Labels(tuple(f"class {index}" for index in range(classes)))
    names = np.array([f"clip {row}" for row in range(clips)])
    return Predictions(names, targets, scores, labels, "multilabel")


def loop_of_scikit_learn(found: Predictions, resamples: int) -> float:
    """Processor seconds of the loop, extrapolated to all classes and resamples."""
    measured, classes = MEASURED
    counts = bootstrap.units_of(found, "clip").draws(measured, seed=0)
    began = time.process_time()
    for drawn in counts:
        rows = np.arange(len(drawn)).repeat(drawn)
        for k in range(classes):
            truth, scores = found.targets[rows, k], found.scores[rows, k]
            average_precision_score(truth, scores)
            roc_auc_score(truth, scores)
    return (time.process_time() - began) / (measured * classes) * resamples * found.targets.shape[1]


class Memory:
    """Most memory that this process holds while the block runs, beyond what it held before, MB."""

    def __enter__(self) -> Memory:
        self._over, self.most, self._before = threading.Event(), 0.0, self._held()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, self._held() - self._before)

    @staticmethod
    def _held() -> float:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main(clips: int = 20_000, classes: int = 527, resamples: int = 1000) -> None:
    """Print a line a share of positives."""
    ranking.weighted(ranking.rank(np.ones(1, bool), np.ones(1)), np.ones((1, 1), np.uint8))  # compiles
    print(f"{clips} clips, {classes} classes, {resamples} resamples")
    print("positives  clock s  processor s  scikit-learn s (extrapolated)  ratio  memory MB")
    for share in (0.007, 0.3, 0.5):
        found = simulated(clips, classes, share)
        with Memory() as memory:
            clock, processor = time.perf_counter(), time.process_time()
            bootstrap.bootstrap(found, resamples=resamples)
            clock, processor = time.perf_counter() - clock, time.process_time() - processor
        slow = loop_of_scikit_learn(found, resamples)
        figures = f"{clock:7.1f}  {processor:11.1f}  {slow:29.0f}  {slow / processor:5.0f}  {memory.most:9.0f}"
        print(f"{share:9.1%}  {figures}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
