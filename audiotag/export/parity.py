"""Parity: the outputs of an exported file in its own runtime, beside those of the model that it was made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.export.clips import Clips
from audiotag.metrics.per_class import summary
from audiotag.metrics.predictions import Predictions
from audiotag.scorers.exported import SCORES, Card
from audiotag.scorers.truth import Truth

Outputs = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Waveforms (batch, samples) to outputs by name."""


@dataclass(frozen=True)
class Tolerance:
    """How far the scores of an exported file may be from those of the model.

    Args:
        largest: difference of any score of any clip, and of any further output as a share of its largest value.
        mean: absolute difference, over all scores.
    """

    largest: float
    mean: float


TOLERANCES = {
    "float32": Tolerance(1e-3, 1e-4),
    "float16": Tolerance(5e-2, 1e-3),
    "dynamic": Tolerance(0.25, 1e-2),
    "int8": Tolerance(0.5, 2e-2),
}
"""By precision."""


@dataclass(frozen=True)
class Parity:
    """What was measured.

    Args:
        clips: number of clips.
        source: where they come from.
        precision: of the exported file.
        largest: largest absolute difference of a score.
        mean: mean absolute difference of the scores.
        agreement: share of clips whose best class is the same.
        figures: "mAP" (multilabel) or "accuracy" (multiclass) of the model and of the exported file; empty where nobody
            says what is right.
        others: of each further output the largest difference, as a share of its largest value.
    """

    clips: int
    source: str
    precision: str
    largest: float
    mean: float
    agreement: float
    figures: dict[str, tuple[float, float]]
    others: dict[str, float]

    @property
    def tolerance(self) -> Tolerance:
        """What is allowed."""
        return TOLERANCES[self.precision]

    def check(self, name: str) -> None:
        """Refuse what differs by more than its precision allows.

        Raises:
            AudiotagError: with the differences and what is allowed.
        """
        allowed = self.tolerance
        # Not "above": what is not a number is refused too.
        largest = max(self.largest, *self.others.values()) if self.others else self.largest
        if not (largest <= allowed.largest and self.mean <= allowed.mean):
            raise AudiotagError(
                f"scores of {self.precision} differ by at most {allowed.largest:g}, on average {allowed.mean:g}, those "
                f"of {name} by {largest:.2g}, on average {self.mean:.2g}, on {self.clips} clips of {self.source}: "
                "nothing was written; choose another precision"
                + (", or other --clips to fit it to" if self.precision == "int8" else "")
            )

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, with what is allowed, ready for JSON."""
        return dataclasses.asdict(self) | {"tolerance": dataclasses.asdict(self.tolerance)}


def measure(model: Outputs, artefact: Outputs, clips: Clips, card: Card, batch: int) -> Parity:
    """Compare two functions of waveforms on the same clips.

    Args:
        model: what was exported.
        artefact: the exported file.
        clips: what both are given.
        card: what the exported file says about itself.
        batch: clips at a time.
    """
    first, second = {}, {}
    with progress.bar("Proving the export", len(clips.waveforms), "clips", transient=True) as advance:
        for start in range(0, len(clips.waveforms), batch):
            part = clips.waveforms[start : start + batch]
            for outputs, function in ((first, model), (second, artefact)):
                for name, values in function(part).items():
                    outputs.setdefault(name, []).append(values)
            advance(len(part))
    first, second = ({name: np.concatenate(parts) for name, parts in each.items()} for each in (first, second))
    scores = np.abs(first[SCORES].astype(np.float64) - second[SCORES])
    best = [outputs[SCORES].argmax(axis=1) for outputs in (first, second)]
    figure = "accuracy" if card.task.exclusive else "mAP"
    measured = tuple(_figure(figure, outputs[SCORES], clips.right) for outputs in (first, second))
    return Parity(
        clips=len(clips.waveforms),
        source=clips.source,
        precision=card.precision,
        largest=float(scores.max()),
        mean=float(scores.mean()),
        agreement=float((best[0] == best[1]).mean()),
        figures={} if clips.right is None else {figure: measured},
        others={name: _share(first[name], second[name]) for name in first if name != SCORES},
    )


def _share(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(np.float64) - second).max() / np.abs(first).max())


def _figure(name: str, scores: np.ndarray, right: Truth | None) -> float:
    if right is None:
        return float("nan")
    # Quantised scores may lie beyond by a rounding.
    predictions = Predictions(
        right.clip_ids, right.targets, np.clip(scores, 0, 1).astype(np.float64), right.labels, right.task, right.known
    )
    return float(summary(predictions)[name])
