"""The study of a sweep: its trials in Optuna's journal, and which choices the next one makes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from audiotag.sweeps.space import Choices, Dimension
from audiotag.training.recipe import MONITORS, Recipe

JOURNAL = "study.journal"
_NAME = "sweep"  # of the study; Hyperband sorts trials into its brackets by it
_AT_LEAST = 4  # finished trials before the median means something


def open_study(out: Path, dimensions: tuple[Dimension, ...], recipe: Recipe, prune: str) -> optuna.Study:
    """The study in a sweep's folder, which this process has claimed; a new one where there is none."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = out / JOURNAL
    _mend(path)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        sampler=SeededSampler(dimensions, recipe.seed),
        pruner=_pruner(prune, recipe.epochs),
        study_name=_NAME,
        direction="maximize" if MONITORS[recipe.monitor] > 0 else "minimize",
        load_if_exists=True,
    )


def _mend(path: Path) -> None:
    """Take away what a killed process left: a line without its end, on which Optuna would fail, and its lock."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _pruner(prune: str, epochs: int) -> BasePruner:
    if prune == "median":
        # In its first quarter a run says little: it warms up.
        return MedianPruner(n_startup_trials=_AT_LEAST, n_warmup_steps=max(1, epochs // 4))
    if prune == "hyperband":
        return HyperbandPruner(min_resource=max(1, epochs // 9), max_resource=epochs)
    return NopPruner()


def choose(trial: optuna.Trial, dimensions: tuple[Dimension, ...]) -> None:
    """Make the choices of a trial, those that are made already left as they are; they are then in its `params`."""
    for dimension in dimensions:
        if isinstance(dimension, Choices):
            trial.suggest_categorical(dimension.name, dimension.values)
        else:
            suggest = trial.suggest_int if isinstance(dimension.low, int) else trial.suggest_float
            suggest(dimension.name, dimension.low, dimension.high, log=dimension.log)


def combinations(dimensions: tuple[Dimension, ...], seed: int) -> list[dict[str, Any]] | None:
    """Every combination of choices once, in a random order; None where a range has no end of them."""
    if not all(isinstance(dimension, Choices) for dimension in dimensions):
        return None
    every = list(itertools.product(*(dimension.values for dimension in dimensions)))
    order = np.random.default_rng(seed).permutation(len(every))
    names = [dimension.name for dimension in dimensions]
    return [dict(zip(names, every[index], strict=True)) for index in order]


class SeededSampler(BaseSampler):
    """Choices that follow from the trials before, the seed and the number of the trial alone, whoever was killed when.

    With choices alone every combination comes once; else the tree-structured Parzen estimator draws (Bergstra et al.,
    NeurIPS 2011), after ten random trials.

    Args:
        dimensions: what is varied.
        seed: of all draws.
    """

    def __init__(self, dimensions: tuple[Dimension, ...], seed: int) -> None:
        self.seed = seed
        self.combinations = combinations(dimensions, seed)
        self.places = {dimension.name: place for place, dimension in enumerate(dimensions)}

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Every field is drawn by itself."""
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Every field is drawn by itself."""
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """Draw a field of a trial."""
        if self.combinations is not None:
            return self.combinations[trial.number][param_name]
        numbers = (self.seed, trial.number, self.places[param_name])
        fresh = TPESampler(seed=int(np.random.SeedSequence(numbers).generate_state(1)[0]))
        return fresh.sample_independent(study, trial, param_name, param_distribution)
