"""Trial after trial: choices, pruning, failures, and what a sweep makes of being killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from audiotag import storage, sweeps
from audiotag.errors import AudiotagError, UnreachableError
from audiotag.sweeps import watching
from audiotag.sweeps.study import JOURNAL
from tests.sweeps.conftest import Killed

if TYPE_CHECKING:
    from tests.sweeps.conftest import Training

Sweeping = Callable[..., sweeps.Sweep]


def outcomes(result: sweeps.Sweep) -> list[tuple[Any, ...]]:
    return [(trial.folder.name, trial.state, trial.choices, trial.value, trial.epoch) for trial in result.trials]


def test_every_trial_is_a_run_and_the_best_is_found(sweep: Sweeping, training: Training, tmp_path: Path) -> None:
    result = sweep(tmp_path / "sweep", trials=11)
    assert [trial.folder.name for trial in result.trials] == [f"trial-{number:04d}" for number in range(1, 12)]
    assert all((trial.folder / "tagger.keras").exists() for trial in result.trials)
    values = [trial.value for trial in result.trials]
    assert result.best.value == max(values) and result.ranked()[0] == result.best
    assert (result.left, result.best.epoch, result.best.state) == (0, 4, "finished")


@pytest.mark.parametrize("moment", ["in the epoch", "after its checkpoint", "at the end"])
def test_a_sweep_that_was_killed_goes_on_in_its_trial_and_makes_the_same_choices(
    sweep: Sweeping, training: Training, tmp_path: Path, moment: str
) -> None:
    vary = ("learning_rate=1e-4..1e-1:log", "mixup=0..0.5")
    whole = sweep(tmp_path / "whole", *vary, trials=13, prune="median")
    expected, training.trained = list(training.trained), []
    assert {trial.state for trial in whole.trials} == {"finished", "pruned"}
    last = next(trial for trial in whole.trials[5:] if trial.state == "finished").folder.name
    training.killed_at = (last, 4 if moment == "at the end" else 3, moment)
    with pytest.raises(Killed):
        sweep(tmp_path / "killed", *vary, trials=13, prune="median")
    with (tmp_path / "killed" / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 6, "trial')  # torn
    (tmp_path / "killed" / f"{JOURNAL}.lock").symlink_to(tmp_path)
    result = sweep(tmp_path / "killed", *vary, trials=13, prune="median")
    assert outcomes(result) == outcomes(whole)
    assert training.trained == expected  # no epoch twice


def test_choices_that_were_half_made_are_completed_alike(
    sweep: Sweeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vary = ("learning_rate=1e-4..1e-1:log", "mixup=0..0.5")
    whole = sweep(tmp_path / "whole", *vary, trials=2)

    def kill(trial: optuna.Trial, *_: Any, original: Any = optuna.Trial.suggest_float, **options: Any) -> float:
        if trial.number == 1 and "mixup" in _:
            raise Killed
        return original(trial, *_, **options)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(optuna.Trial, "suggest_float", kill)
        sweep(tmp_path / "killed", *vary, trials=2)
    assert outcomes(sweep(tmp_path / "killed", *vary, trials=2)) == outcomes(whole)


def test_choices_alone_come_once_each_in_an_order_of_the_seed(sweep: Sweeping, tmp_path: Path) -> None:
    vary = ("learning_rate=0.001,0.01,0.1", "mixup=0,0.5")
    result = sweep(tmp_path / "sweep", *vary, trials=20)
    combinations = [tuple(trial.choices.values()) for trial in result.trials]
    assert sorted(combinations) == [(rate, mixup) for rate in (0.001, 0.01, 0.1) for mixup in (0.0, 0.5)]
    some = sweep(tmp_path / "some", *vary, trials=2)
    assert [tuple(trial.choices.values()) for trial in some.trials] == combinations[:2]
    more = sweep(tmp_path / "some", *vary, trials=4)
    assert [tuple(trial.choices.values()) for trial in more.trials] == combinations[:4]
    other = sweep(tmp_path / "other", *vary, recipe={"seed": 6})
    assert [tuple(trial.choices.values()) for trial in other.trials] != combinations


@pytest.mark.parametrize("prune", ["median", "hyperband"])
def test_trials_that_are_worse_than_others_end_early(
    sweep: Sweeping, training: Training, tmp_path: Path, prune: str
) -> None:
    result = sweep(tmp_path / "sweep", trials=12, prune=prune, recipe={"epochs": 9})
    pruned = [trial for trial in result.trials if trial.state == "pruned"]
    assert pruned and all(trial.epoch < 9 for trial in pruned)
    assert result.best.value > max(trial.value for trial in pruned)
    assert [trial.state for trial in result.ranked()] == ["finished"] * (12 - len(pruned)) + ["pruned"] * len(pruned)
    assert not (pruned[0].folder / "tagger.keras").exists()
    assert list((pruned[0].folder / "hparams").glob("events*"))


def test_a_trial_that_fails_is_kept_with_its_reason_and_is_not_repeated(
    sweep: Sweeping, training: Training, tmp_path: Path
) -> None:
    class ResourceExhaustedError(Exception):
        pass

    training.errors = {
        "trial-0002": AudiotagError("the loss became nan in epoch 1, step 2"),
        "trial-0003": ResourceExhaustedError("OOM when allocating"),
        "trial-0004": MemoryError(),
    }
    result = sweep(tmp_path / "sweep", trials=5)
    assert [trial.state for trial in result.trials] == ["finished", "failed", "failed", "failed", "finished"]
    assert [trial.reason for trial in result.trials[1:4]] == [
        "the loss became nan in epoch 1, step 2",
        "not enough memory (ResourceExhaustedError)",
        "not enough memory (MemoryError)",
    ]
    training.errors = {}
    trained = len(training.trained)
    assert outcomes(sweep(tmp_path / "sweep", trials=5)) == outcomes(result)
    assert len(training.trained) == trained


def test_where_every_trial_fails_the_reason_is_the_error(sweep: Sweeping, training: Training, tmp_path: Path) -> None:
    training.errors = {f"trial-{number:04d}": AudiotagError("no room") for number in (1, 2)}
    with pytest.raises(AudiotagError, match="none of 2 trials came to an end, trial-0001 because no room: mend"):
        sweep(tmp_path / "sweep", trials=2)


@pytest.mark.parametrize("error", [UnreachableError("the store does not answer"), RuntimeError("a defect")])
def test_what_is_no_matter_of_the_choices_ends_the_sweep_and_not_the_trial(
    sweep: Sweeping, training: Training, tmp_path: Path, error: Exception
) -> None:
    training.errors = {"trial-0002": error}
    with pytest.raises(type(error)):
        sweep(tmp_path / "sweep", trials=3)
    training.errors = {}
    result = sweep(tmp_path / "sweep", trials=3)
    assert [trial.state for trial in result.trials] == ["finished"] * 3


def test_when_the_time_is_up_the_trial_stops_after_its_epoch(
    sweep: Sweeping, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sweep(tmp_path / "whole", trials=3)
    with monkeypatch.context() as patch:
        patch.setattr(watching.time, "monotonic", lambda: 100.0 * len(training.trained))
        training.trained = []
        stopped = sweep(tmp_path / "sweep", trials=3, timeout=550)
    assert (stopped.left, [trial.state for trial in stopped.trials]) == (2, ["finished", "unfinished"])
    assert training.trained[-1] == ("trial-0002", 2)
    assert outcomes(sweep(tmp_path / "sweep", trials=3)) == outcomes(whole)


def test_a_sweep_in_use_another_sweep_and_other_files_are_refused(sweep: Sweeping, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    sweep(out, "mixup=0,0.5", recipe={"learning_rate": 0.01})
    with pytest.raises(AudiotagError, match=r"different in --vary mixup \('0.0,0.5' there, '0.0,0.25' now\): sweep"):
        sweep(out, "mixup=0,0.25", recipe={"learning_rate": 0.01})
    with pytest.raises(AudiotagError, match=r"different in epochs \(4 there, 5 now\)"):
        sweep(out, "mixup=0,0.5", recipe={"learning_rate": 0.01, "epochs": 5})
    with storage.locked(out, ""), pytest.raises(AudiotagError, match="another process sweeps in"):
        sweep(out, "mixup=0,0.5", recipe={"learning_rate": 0.01})
    (tmp_path / "a file").touch()
    for place, message in ((tmp_path / "a file", "is a file"), (tmp_path, "holds files but no sweep.toml")):
        with pytest.raises(AudiotagError, match=message):
            sweep(place)
    with pytest.raises(AudiotagError, match="on this machine alone"):
        sweep("memory://bucket/sweep")


@pytest.mark.parametrize(
    ("vary", "recipe", "message"),
    [
        (["mixup=0,1"], {"validation": "none"}, "compared by what is measured"),
        (["mixup=0,1"], {"monitor": "last"}, "compared by what is measured"),
        (["mixup=0,1", "mixup=1,2"], {}, "each once, received mixup, mixup"),
        (["model=mn02,mn0x"], {}, "no model is named 'mn0x'"),
        (["teacher=none,passt_s"], {}, "has no outputs of a teacher"),
        (["label_weight=0..2"], {}, "lies in 0 to 1"),
        (["weight_decay=0,0.1"], {}, "needs optimizer='adamw'"),
        (["batch_size=0..4"], {}, "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    sweep: Sweeping, tmp_path: Path, vary: list[str], recipe: dict[str, Any], message: str
) -> None:
    with pytest.raises(AudiotagError, match=message):
        sweep(tmp_path / "sweep", *vary, recipe=recipe)
    assert not (tmp_path / "sweep").exists()


def test_values_that_need_each_other_fit_together(sweep: Sweeping, training: Training, tmp_path: Path) -> None:
    recipe = {"learning_rate": 0.01}
    result = sweep(tmp_path / "sweep", "weight_decay=0,0.1", "optimizer=adam,adamw", recipe=recipe)
    reasons = {trial.reason for trial in result.trials if trial.state == "failed"}
    assert len(result.trials) == 4
    assert reasons == {"weight_decay is 0 or more and needs optimizer='adamw', received 0.1 with 'adam'"}


def test_at_least_one_trial(sweep: Sweeping, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="at least 1 trial, received 0"):
        sweep(tmp_path / "sweep", trials=0)
