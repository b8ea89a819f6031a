"""`sweep`: trial after trial, each an ordinary run, until there are as many as were asked for."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.sweeps import description
from audiotag.sweeps.result import FAILED, UNFINISHED, Sweep
from audiotag.sweeps.space import Dimension
from audiotag.training.recipe import Recipe


def sweep(
    recipe: Recipe,
    dimensions: Sequence[Dimension],
    out: Path | str,
    *,
    trials: int = 20,
    prune: Literal["median", "hyperband", "none"] = "median",
    timeout: float | None = None,
) -> Sweep:
    """Train run after run, each by another choice of some fields, and keep all of them; go on where a sweep stopped.

    The folder holds `sweep.toml` (what is swept), `study.journal` (Optuna's, which its dashboard opens) and a run
    folder a trial, `trial-0001`, `trial-0002` …, as `audiotag train` makes it. A trial that fails is kept with its
    reason. The same sweep, killed and called again, goes on in the middle of its trial, and makes the choices that it
    would have made.

    Args:
        recipe: what all trials have in common; its seed is also that of the choices. Trials are compared by its
            monitor in their best epoch. Default of the monitor, with a fold too: val_mAP where the task is multilabel,
            val_accuracy where it is multiclass.
        dimensions: fields to vary, see `space.parse`. Where all of them are choices every combination comes at most
            once; else Optuna's tree-structured Parzen estimator draws.
        out: the sweep's folder, on this machine: new, empty, or of the same sweep.
        trials: how many in all, those of an earlier call among them, at least 1.
        prune: end trials that do worse than the median of the others at the same epoch, or by Hyperband (Li et al.,
            JMLR 2018), or none.
        timeout: seconds, after which no trial begins and the one being trained stops after its epoch. Default: none.

    Returns:
        Every trial, and which is the best.

    Raises:
        AudiotagError: the recipe or one of the values does not fit the data set, there is nothing to compare trials
            by, `out` holds something else or another sweep, another process sweeps there, or no trial came to an end.

    Example:
        >>> space = [sweeps.parse("learning_rate=1e-4..1e-2:log"), sweeps.parse("model=mn02,mn04")]
        >>> sweeps.sweep(Recipe("data/esc10", fold=1, epochs=20), space, "sweeps/one").best
    """
    try:
        from audiotag.sweeps import study
        from audiotag.sweeps import trials as ran
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise AudiotagError('a sweep needs Optuna: pip install "audiotag[sweep]"') from error
    deadline = time.monotonic() + (math.inf if timeout is None else timeout)
    out, dimensions = storage.here(str(out)), tuple(dimensions)
    if trials < 1:
        raise AudiotagError(f"a sweep has at least 1 trial, received {trials}: choose 20, for one")
    recipe, described = description.check(recipe, dimensions, prune)
    description.check_folder(out)
    with storage.locked(out, f"another process sweeps in {out}: wait for it or end it"):
        description.write(out, described)
        opened = study.open_study(out, dimensions, recipe, prune)
        every = study.combinations(dimensions, recipe.seed)
        wanted = trials if every is None else min(trials, len(every))
        going = True
        while going and time.monotonic() <= deadline and (trial := ran.following(opened, wanted)) is not None:
            study.choose(trial, dimensions)
            going = ran.train(opened, trial, recipe, out, deadline)
        ended = tuple(ran.summary(each, recipe, out) for each in opened.get_trials(deepcopy=False))
    failed = [trial for trial in ended if trial.state == FAILED]
    left = wanted - sum(trial.state != UNFINISHED for trial in ended)
    if failed and len(failed) == len(ended) and left <= 0:
        raise AudiotagError(
            f"none of {len(failed)} trials came to an end, {failed[0].folder.name} because {failed[0].reason}: "
            "mend that, and sweep into a new folder"
        )
    return Sweep(out, recipe, ended, max(left, 0))
