from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiotag.clips import splits
from audiotag.errors import AudiotagError
from audiotag.task import Task
from audiotag.training import Recipe
from audiotag.training.recipe import resolve


def a_data_set(task: str = "multiclass", names: tuple[str, ...] = ("train", "validation")) -> Any:
    sizes = dict.fromkeys(names, 10)
    return SimpleNamespace(
        name="some",
        task=Task(task),
        splits=sizes,
        teachers=["big"],
        select=lambda text: splits.select(text, list(sizes)),
        count=lambda text: sum(sizes[split] for split in splits.select(text, list(sizes))),
    )


FOLDS = ("fold1", "fold2", "fold3")


def test_a_data_set_with_splits_trains_and_validates_on_them() -> None:
    resolved = resolve(Recipe("data"), a_data_set())
    assert (resolved.train, resolved.validation, resolved.monitor) == ("train", "validation", "val_accuracy")
    assert resolved.batch_size == 10, "of fewer examples than 32, all"
    assert Path(resolved.data).is_absolute()


def test_many_labels_are_monitored_by_mean_average_precision() -> None:
    assert resolve(Recipe("data"), a_data_set("multilabel")).monitor == "val_mAP"


def test_a_fold_is_held_out_and_all_others_are_trained_on() -> None:
    resolved = resolve(Recipe("data", fold=2), a_data_set(names=FOLDS))
    assert (resolved.train, resolved.validation) == ("fold1+fold3", "fold2")


def test_without_validation_the_last_epoch_is_kept() -> None:
    resolved = resolve(Recipe("data", train="all", validation="none"), a_data_set(names=FOLDS))
    assert (resolved.monitor, resolved.validates) == ("last", False)


def test_published_weights_are_tuned_more_gently_than_random_ones() -> None:
    data = a_data_set()
    tuned, fresh = resolve(Recipe("data", weights="audioset"), data), resolve(Recipe("data"), data)
    assert tuned.learning_rate < fresh.learning_rate


def test_what_was_stated_is_never_replaced() -> None:
    stated = {"learning_rate": 0.5, "warmup": 0, "ramp_start": 3, "ramp_epochs": 4, "monitor": "val_loss"}
    resolved = resolve(Recipe("data", **stated), a_data_set())
    assert {name: getattr(resolved, name) for name in stated} == stated
    assert resolve(resolved, a_data_set()) == resolved


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"epochs": 0}, "epochs must be at least 1, received 0"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"weight_decay": 0.1}, "optimizer='adamw'"),
        ({"label_weight": 1.5}, "received 1.5"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"mixup": -1.0}, "mixup"),
        ({"monitor": "val_map"}, "did you mean 'val_mAP'"),
        ({"patience": 0}, "patience"),
        ({"patience": 2, "monitor": "last"}, "patience=2"),
        ({"fold": 1, "train": "fold2"}, "leave out train"),
        ({"validation": "none", "monitor": "val_loss"}, "needs a validation split"),
        ({"model_options": {"width": None}}, "received None"),
        ({"seed": -1}, "seed"),
        ({"layer_decay": 0.0}, "layer_decay is above 0 and at most 1 .* received 0.0"),
        ({"layer_decay": 1.5}, "received 1.5"),
        ({"layer_decay": float("nan")}, "received nan"),
        ({"freeze": "block3"}, "freeze='block3' needs weights"),
        ({"freeze_normalization": True}, "freeze_normalization=True needs weights"),
        ({"new_head": False}, "new_head=False needs weights"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(AudiotagError, match=said):
        Recipe("data", **choices)


@pytest.mark.parametrize(
    ("choices", "data", "said"),
    [
        ({}, lambda: a_data_set(names=FOLDS), r"no split 'train' .* say fold=1 \(it has 3 folds\)"),
        ({}, lambda: a_data_set(names=("train",)), "validation='none' to train without"),
        ({"fold": 9}, lambda: a_data_set(names=FOLDS), "no split is named 'fold9'"),
        ({"fold": 1}, lambda: a_data_set(names=("fold1",)), "needs another fold"),
        ({"train": "all", "validation": "fold1"}, lambda: a_data_set(names=FOLDS), "received fold1 in both"),
        ({"teacher": "bg"}, a_data_set, "did you mean 'big'"),
        ({"monitor": "val_accuracy"}, lambda: a_data_set("multilabel"), "multilabel"),
    ],
)
def test_a_choice_that_does_not_fit_the_data_is_refused(
    choices: dict[str, Any], data: Callable[[], Any], said: str
) -> None:
    with pytest.raises(AudiotagError, match=said):
        resolve(Recipe("data", **choices), data())
