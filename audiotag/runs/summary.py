"""What is to be known of a run at a glance: what it was trained with, how far it has come, and what it reached."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.run_folder import RECIPE, STUDENT, TAGGER, TOKENIZER
from audiotag.runs.checkpoint import Checkpoint, newest
from audiotag.runs.files import RunFiles, find
from audiotag.task import Task

FINISHED, STOPPED, UNFINISHED, IN_USE, DAMAGED = "finished", "stopped early", "unfinished", "in use", "damaged"

_METRICS = "metrics.json"
_EVALUATION = "evaluation-"  # begins the folder of an evaluation on another data set or split than the run's
_READERS = 16  # stores answer many at once


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation measured.

    Args:
        decision: which of the means says how often the decisions are right: accuracy or F1.
        means: over classes and over all clips, as `metrics.summary` gives them; without those not defined.
    """

    decision: str
    means: dict[str, float]


@dataclass(frozen=True)
class RunSummary:
    """A run at a glance.

    Args:
        name: its path below the folder that was named.
        folder: the run folder.
        state: finished, stopped early (by its patience), unfinished, in use (being trained on this machine), or
            damaged.
        recipe: what its `recipe.toml` says; {} where that is damaged.
        checkpoint: how far it has come; None before its first epoch has ended, or where its checkpoints are gone.
        evaluations: "" is that on the data set and split of the run, others are named after the data set or split.
        modified: when it was last written to.
        bytes: size of all its files.
        notes: what is damaged.
    """

    name: str
    folder: Path
    state: str
    recipe: dict[str, Any]
    checkpoint: Checkpoint | None
    evaluations: dict[str, Evaluation]
    modified: datetime
    bytes: int
    notes: tuple[str, ...]

    @property
    def epoch(self) -> int | None:
        """Finished epochs; None for a finished run whose checkpoints somebody has deleted."""
        if self.checkpoint is None:
            return None if self.state == FINISHED else 0
        return self.checkpoint.epoch

    @property
    def is_trained(self) -> bool:
        """Whether all its epochs are done, or its patience has ended it."""
        if self.checkpoint is None:
            return self.state == FINISHED
        return self.checkpoint.stopped or self.checkpoint.epoch >= self.recipe.get("epochs", math.inf)

    @property
    def measured(self) -> dict[str, float]:
        """What training measured in the epoch whose weights are kept: losses, and the metrics of the validation."""
        if self.checkpoint is None or not self.checkpoint.history:
            return {}
        kept = self.checkpoint.history[(self.checkpoint.best_epoch or self.checkpoint.epoch) - 1]
        return {name: value for name, value in kept.items() if name != "learning_rate"}  # the epoch's, no result

    @property
    def means(self) -> dict[str, float]:
        """The means of every evaluation: `mAP`, and `esc50/mAP` of one on another data set or split."""
        return {
            f"{name}/{mean}" if name else mean: value
            for name, evaluation in self.evaluations.items()
            for mean, value in evaluation.means.items()
        }


def read_all(folders: Sequence[Path | str]) -> list[RunSummary]:
    """Every run at or below some folders; see `find`. A damaged one is named as such and hinders none of the others."""
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(read, find(folders)))


def read(run: RunFiles) -> RunSummary:
    """A run at a glance; reads its recipe, the end of its newest checkpoint and the figures of its evaluations."""
    recipe, damage = _recipe(run)
    checkpoint, damaged = newest(run)
    notes = [*damage, *damaged]
    evaluations = {}
    for file in sorted(run.files):
        if (evaluation := _evaluation(file)) is not None:
            try:
                evaluations[evaluation] = _read_evaluation(run.read(file))
            except (ValueError, KeyError, TypeError, AttributeError, AudiotagError):
                notes.append(f"{file} is damaged")
    # Of a recipe that is damaged nothing else can be judged; of the checkpoints one that is whole suffices.
    lost = bool(damage) or (checkpoint is None and bool(damaged))
    return RunSummary(
        name=run.name,
        folder=run.folder,
        state=DAMAGED if lost else _state(run, recipe, checkpoint),
        recipe=recipe,
        checkpoint=checkpoint,
        evaluations=evaluations,
        modified=datetime.fromtimestamp(max((state.modified for state in run.files.values()), default=0) / 1e9, UTC),
        bytes=sum(state.bytes for state in run.files.values()),
        notes=tuple(notes),
    )


def _recipe(run: RunFiles) -> tuple[dict[str, Any], list[str]]:
    try:
        recipe = tomllib.loads(run.read(RECIPE).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [f"{RECIPE} is damaged ({error})"]
    if isinstance(recipe.get("epochs"), int) and isinstance(recipe.get("model"), str):
        return recipe, []
    return {}, [f"{RECIPE} is no recipe of a run (it names no model or no epochs)"]


def _evaluation(file: str) -> str | None:
    """Which evaluation a file holds the figures of; None where it holds none."""
    path = PurePosixPath(file)
    if path.name != _METRICS or len(path.parts) > 2:
        return None
    folder = path.parts[0] if len(path.parts) == 2 else ""
    return folder.removeprefix(_EVALUATION) if folder.startswith(_EVALUATION) or not folder else None


def _read_evaluation(content: bytes) -> Evaluation:
    report = json.loads(content)
    means = {name: value for name, value in report["summary"].items() if isinstance(value, float)}
    return Evaluation(Task(report["task"]).decision, means)


def _state(run: RunFiles, recipe: dict[str, Any], checkpoint: Checkpoint | None) -> str:
    if not storage.is_remote(run.folder) and storage.is_locked(run.folder):
        return IN_USE
    last = STUDENT if TOKENIZER in run.files else TAGGER  # of what is written
    if last not in run.files:
        return UNFINISHED
    if checkpoint is None:
        return FINISHED
    if checkpoint.stopped:
        return STOPPED
    return FINISHED if checkpoint.epoch >= recipe["epochs"] else UNFINISHED
