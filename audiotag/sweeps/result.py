"""What a sweep has come to: its trials, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotag.training.recipe import MONITORS, Recipe

FINISHED, PRUNED, FAILED, UNFINISHED = "finished", "pruned", "failed", "unfinished"


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Args:
        folder: its run folder.
        state: finished, pruned (worse than others were at its epoch), failed or unfinished.
        choices: the fields that are varied.
        value: what the monitor was in its best epoch; None where it was never measured.
        epoch: finished epochs.
        reason: why it failed; "" otherwise.
    """

    folder: Path
    state: str
    choices: dict[str, Any]
    value: float | None
    epoch: int
    reason: str


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Args:
        out: its folder.
        recipe: what all trials have in common.
        trials: in the order in which they began.
        left: trials that are still to be trained, because the time was up.
    """

    out: Path
    recipe: Recipe
    trials: tuple[Trial, ...]
    left: int

    @property
    def best(self) -> Trial | None:
        """The finished trial of the best value; None where none has finished."""
        return next((trial for trial in self.ranked() if trial.state == FINISHED), None)

    def ranked(self) -> list[Trial]:
        """The trials, finished ones first and the best of them at the top."""
        sign = MONITORS[self.recipe.monitor]

        def place(trial: Trial) -> tuple[bool, bool, float]:
            return trial.state != FINISHED, trial.value is None, -sign * (trial.value or 0.0)

        return sorted(self.trials, key=place)
