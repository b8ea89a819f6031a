"""`audiotag presets`, and `audiotag train --preset`: every value in effect, where it comes from, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiotag.training import Recipe, preset, presets

Command = Callable[..., Any]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that would have been trained."""
    recipes: list[Recipe] = []

    def train(recipe: Recipe, out: str, **devices: str | None) -> SimpleNamespace:
        recipes.append(recipe)
        return SimpleNamespace(path=out, recipe=recipe, epochs=1, best_epoch=1, best_value=None)

    monkeypatch.setattr("audiotag.training.train", train)
    return recipes


def rows_of(shown: str) -> dict[str, tuple[str, str]]:
    """Origin and value of every field, of the lines that a command prints."""
    lines = (line for line in shown.splitlines() if line[:22].strip() in Recipe.__dataclass_fields__)
    return {line[:22].strip(): (line[22:48].strip(), line[48:]) for line in lines}


def test_every_value_is_shown_with_where_it_comes_from(command: Command, data: Path, trained: list[Recipe]) -> None:
    typed = ("--epochs", "3", "--mixup", "0.1", "--augment", "gain=6", "--batch-size", "4", "--no-balance")
    shown = command("train", data, "--out", "run", "--preset", "esc50_mn", *typed)
    assert shown.code == 0, shown.err
    rows = rows_of(shown.out)
    assert list(rows) == list(Recipe.__dataclass_fields__)
    assert rows["data"] == ("command line", str(data))
    assert rows["model"] == ("preset", "mn10")
    assert rows["learning_rate"] == ("preset", "6e-05")
    assert rows["epochs"] == ("command line", "3")
    assert rows["augment"] == ("preset and command line", "roll=12, gain=6")
    assert rows["balance"] == ("command line", "False")
    assert rows["train"] == ("data set", "train")
    assert rows["teacher"] == ("default", "none")
    (recipe,) = trained
    assert (recipe.epochs, recipe.mixup, recipe.learning_rate, recipe.warmup) == (3, 0.1, 6e-5, 10)
    assert recipe.augment == {"roll": 12, "gain": 6}


def test_a_default_replaces_nothing_unless_it_is_typed(command: Command, data: Path, trained: list[Recipe]) -> None:
    arguments = ("train", data, "--out", "run", "--preset", "dcase20_mn", "--batch-size", "4", "--validation", "none")
    assert command(*arguments).code == 0
    assert command(*arguments, "--epochs", "40", "--mixup", "0.3").code == 0
    plain, typed = trained
    assert (plain.epochs, plain.mixup, plain.model, plain.validation) == (80, 0.0, "mn10", "none")
    assert (typed.epochs, typed.mixup) == (40, 0.3)  # the defaults of a recipe


def test_what_does_not_fit_is_refused_before_anything_is_written(
    refuse: Callable[..., str], data: Path, tmp_path: Path
) -> None:
    train = ("train", data, "--out", tmp_path / "run", "--preset")
    assert "fsd50k_mn is for multilabel data sets, " in refuse(*train, "fsd50k_mn")
    assert "did you mean 'esc50_mn'" in refuse(*train, "esc50mn")
    assert "at most the 8 examples" in refuse(*train, "esc50_mn")
    assert not (tmp_path / "run").exists()


def test_presets_are_listed_and_shown(command: Command, refuse: Callable[..., str]) -> None:
    listed = command("presets")
    assert listed.code == 0
    for each in presets():
        assert f"\n{each.name} " in listed.out
    one = command("presets", "dcase20_mn").out
    assert "arXiv:2211.04772" in one and "freq_mix_style={probability=0.4, alpha=0.4}" in one
    assert all(line in one for line in preset("dcase20_mn").differs)
    as_json = json.loads(command("presets", "dcase20_mn", "--json").out)
    assert as_json["values"]["learning_rate"] == 8e-4
    assert len(json.loads(command("presets", "--json").out)) == len(presets())
    assert "did you mean 'dcase20_mn'" in refuse("presets", "dcase20mn")
