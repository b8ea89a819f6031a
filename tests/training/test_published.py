"""The presets: what their files say, what a recipe takes from them, and what is refused."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiotag import training
from audiotag.augment.batches import BatchPolicy
from audiotag.errors import AudiotagError
from audiotag.models.architectures import architecture
from audiotag.models.weights import resolve
from audiotag.task import Task
from audiotag.training import published

ROOT = Path(__file__).resolve().parents[2]
NAMES = [preset.name for preset in training.presets()]
# Learning rate, examples a step, epochs, in the authors' scripts and commands.
PUBLISHED = {
    "audioset_mn": (8e-4, 120, 200),
    "audioset_mn_imagenet": (4e-4, 60, 200),
    "audioset_strong_fmn": (8e-4, 64, 120),
    "audioset_dymn": (1e-3, 120, 200),
    "esc50_mn": (6e-5, 128, 80),
    "esc50_dymn": (4e-5, 64, 80),
    "fsd50k_mn": (7e-5, 64, 80),
    "fsd50k_dymn": (4e-5, 32, 80),
    "openmic_mn": (1e-5, 64, 80),
    "openmic_dymn": (2e-5, 32, 80),
    "dcase20_mn": (8e-4, 64, 80),
    "dcase20_dymn": (3e-4, 32, 80),
    "speech_commands_mn": (6e-5, 128, 80),
    "passt_audioset": (2e-5, 12, 130),
    "passt_esc50": (1e-5, 12, 10),
    "passt_fsd50k": (1e-5, 12, 50),
}


def a_data_set(task: str) -> Any:
    return SimpleNamespace(name="some", task=Task(task), path=Path("data"))


def test_rates_batches_and_epochs_are_the_published_ones() -> None:
    values = {preset.name: preset.values for preset in training.presets()}
    fields = ("learning_rate", "batch_size", "epochs")
    assert {name: tuple(values[name][field] for field in fields) for name in values} == PUBLISHED


def test_schedules_epochs_and_averages_are_the_published_ones() -> None:
    for preset in training.presets():
        family, values = preset.name.split("_")[0], preset.values
        ramp = {"audioset": (8, 80, 95)}.get(family, (10, 10, 65))
        ramp = {"passt_fsd50k": (5, 10, 10)}.get(preset.name, (5, 50, 50)) if family == "passt" else ramp
        schedule = (values["warmup"], values["ramp_start"], values["ramp_epochs"], values["last"])
        if preset.name == "audioset_strong_fmn":
            # 5000 steps of 4 batches of 64 out of 100,000 clips an epoch, then down to nearly 0 at the end.
            assert schedule == (round(5000 * 4 * 64 / 100_000), 13, 120 - 13, 0.001)
            continue
        assert schedule == (*ramp, 0.01)
        if "epoch_steps" in values:
            draws = values["epoch_steps"] * values["batch_size"]
            assert 0 <= draws - 100_000 < values["batch_size"] and values["balance"]
    averages = {"passt_audioset": (50, 5), "passt_esc50": (2, 1), "passt_fsd50k": (10, 3)}
    for name, average in averages.items():
        values = training.preset(name).values
        assert (values["swa_start"], values["swa_every"], values["weight_decay"]) == (*average, 1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_makes_a_recipe_and_everything_that_it_names_exists(name: str) -> None:
    preset = training.preset(name)
    recipe = preset.recipe(a_data_set(preset.task))
    assert dataclasses.asdict(recipe).items() >= preset.values.items()
    architecture(recipe.model, **recipe.model_options)
    assert recipe.weights is None or resolve(recipe.model, recipe.weights).preset is not None
    BatchPolicy({"mixup": recipe.mixup} | recipe.augment if recipe.mixup else recipe.augment, seed=0)
    for text in (preset.about, preset.source, preset.published, *preset.build, *preset.differs):
        assert text and "\n" not in text


def test_a_file_holds_fields_of_a_preset_alone() -> None:
    fields = {field.name for field in dataclasses.fields(training.Preset)} - {"name", "values"} | {"recipe"}
    for path in Path(published.__file__).with_name("presets").glob("*.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8")).keys() == fields


def test_what_is_changed_replaces_a_value_and_of_a_table_what_is_named() -> None:
    recipe = training.preset("passt_audioset").recipe(
        a_data_set("multilabel"), epochs=3, weights=None, augment={"gain": 3.0}, model_options={"depth": 2}
    )
    assert (recipe.epochs, recipe.weights, recipe.batch_size) == (3, None, 12)
    assert recipe.augment == {"gain": 3.0, "frequency_mask": 48, "time_mask": 192}
    assert recipe.model_options == {"patchout_time": 40, "patchout_frequency": 4, "depth": 2}
    again = training.preset("passt_audioset").recipe(a_data_set("multilabel"))
    assert again.augment["gain"] == 7.0


def test_none_takes_back_the_weights_of_a_preset() -> None:
    preset = training.preset("esc50_mn")
    assert preset.values["weights"] == "audioset"
    recipe = preset.recipe(a_data_set("multiclass"), fold=1, weights="none")
    assert recipe.weights is None and recipe.epochs == preset.values["epochs"]


def test_a_fold_takes_the_place_of_the_splits() -> None:
    recipe = training.preset("dcase20_mn").recipe(a_data_set("multiclass"), fold=2)
    assert (recipe.fold, recipe.train, recipe.validation) == (2, None, None)


def test_a_preset_of_another_task_is_refused_and_both_are_named() -> None:
    with pytest.raises(
        AudiotagError, match=r"preset esc50_mn is for multiclass data sets, some is multilabel: .*fsd50k"
    ):
        training.preset("esc50_mn").recipe(a_data_set("multilabel"))


def test_the_nearest_of_an_unknown_name_is_suggested() -> None:
    with pytest.raises(AudiotagError, match="did you mean 'esc50_mn'"):
        training.preset("esc50mn")


def test_the_page_lists_every_preset_as_it_is() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = page.partition("## Presets")[2].partition("\n\n`")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    expected = []
    for preset in training.presets():
        values = preset.values
        start = f"`{values['model']}`" + (f" of `{values['weights']}`" if "weights" in values else "")
        figures = (f"{values['learning_rate']:g}", str(values["batch_size"]), str(values["epochs"]))
        expected.append(f"| {' | '.join((f'`{preset.name}`', preset.task, start, *figures, preset.published))} |")
    assert rows == expected
