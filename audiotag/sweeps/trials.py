"""A trial of a sweep: an ordinary run that is watched, begun or gone on with, and how it ended."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial, TrialState

from audiotag import progress, training
from audiotag.errors import AudiotagError, Stopped, UnreachableError
from audiotag.run_folder import RECIPE
from audiotag.sweeps.result import FAILED, FINISHED, PRUNED, UNFINISHED, Trial
from audiotag.sweeps.watching import TimeIsUp, Watch, report
from audiotag.tensorboard import hparams
from audiotag.training.recipe import MONITORS, Recipe

_REASON = "reason"
_STATES = {TrialState.COMPLETE: FINISHED, TrialState.PRUNED: PRUNED, TrialState.FAIL: FAILED}
_OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError", "RESOURCE_EXHAUSTED")


def following(study: optuna.Study, wanted: int) -> optuna.Trial | None:
    """The trial that was stopped, else a new one; None where as many as wanted have ended."""
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if not trial.state.is_finished():
            return optuna.Trial(study, trial._trial_id)  # `ask` gives new ones alone
    return study.ask() if len(trials) < wanted else None


def train(study: optuna.Study, trial: optuna.Trial, recipe: Recipe, out: Path, deadline: float) -> bool:
    """Train a trial and tell the study how it ended.

    Args:
        study: of the sweep.
        trial: what `following` gave, its choices made.
        recipe: what all trials have in common.
        out: the sweep's folder.
        deadline: of the monotonic clock, seconds.

    Returns:
        Whether it has ended; it has not where the time was up.

    Raises:
        UnreachableError: a store does not answer; the trial goes on when the sweep does.
    """
    folder = out / name(trial.number)
    progress.say(f"{folder.name}: {', '.join(f'{field}={choice}' for field, choice in trial.params.items())}")
    outcome: dict[str, Any] = {"state": TrialState.FAIL}
    try:
        chosen = dataclasses.replace(recipe, **trial.params)
        watch = Watch(trial, folder, recipe.monitor, chosen.epochs, deadline)
        run = training.train(chosen, folder, callbacks=(watch,))
        report(trial, recipe.monitor, run.history)
        if run.best_value is None:
            raise AudiotagError(f"{recipe.monitor} was not defined in any epoch")
        outcome = {"values": run.best_value}
    except TimeIsUp:
        return False
    except optuna.TrialPruned:
        outcome = {"state": TrialState.PRUNED}
        hparams.write(folder)
    except (Stopped, UnreachableError):
        raise
    except Exception as error:
        if (reason := _reason(error)) is None:
            raise
        trial.set_user_attr(_REASON, reason)
        if (folder / RECIPE).exists():
            hparams.write(folder, failed=True)
    finally:
        keras.backend.clear_session()  # a network a trial would fill the memory
    study.tell(trial.number, **outcome)
    ended = summary(study.get_trials(deepcopy=False)[trial.number], recipe, out)
    value = "" if ended.value is None else f", {recipe.monitor} {ended.value:.4f}"
    progress.say(f"{folder.name}: {ended.state} after epoch {ended.epoch}{value}{ended.reason and f': {ended.reason}'}")
    return True


def _reason(error: Exception) -> str | None:
    """Why a trial has failed, where that is a matter of its choices; None: it is an error of another kind."""
    if isinstance(error, AudiotagError):
        return str(error)
    if isinstance(error, MemoryError) or any(sign in f"{type(error).__name__}: {error}" for sign in _OUT_OF_MEMORY):
        return f"not enough memory ({type(error).__name__})"
    return None


def name(number: int) -> str:
    """Folder of a trial in the sweep's, counted from 1; Optuna counts from 0."""
    return f"trial-{number + 1:04d}"


def summary(trial: FrozenTrial, recipe: Recipe, out: Path) -> Trial:
    """What is to be known of a trial."""
    measured = trial.intermediate_values
    best = max if MONITORS[recipe.monitor] > 0 else min
    return Trial(
        folder=out / name(trial.number),
        state=_STATES.get(trial.state, UNFINISHED),
        choices=dict(trial.params),
        value=best(measured.values(), default=None),
        epoch=max(measured, default=0),
        reason=trial.user_attrs.get(_REASON, ""),
    )
