"""Evaluate a run: its student on a split, per class, to `metrics.csv`, `predictions.npz` and TensorBoard."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.evaluation import events, metrics
from audiotag.evaluation.predictions import Predictions, predict

if TYPE_CHECKING:
    import pandas

    from audiotag.models import ModelCard
    from audiotag.records import Data

MODEL, RECIPE, EVENTS, CURVES = "student.keras", "recipe.toml", "evaluation", "validation"
TABLE, PREDICTIONS = "metrics.csv", "predictions.npz"


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Args:
        run: the run's folder.
        data_set: name of the data set.
        split: expression of the splits evaluated.
        table: a row a class, see `metrics.per_class`.
        summary: means and the classes left out, see `metrics.summary`.
        predictions: truth and scores of every clip.
    """

    run: Path
    data_set: str
    split: str
    table: pandas.DataFrame
    summary: dict[str, Any]
    predictions: Predictions


def evaluate(run: Path, *, data: Data | Path | str | None = None, split: str | None = None) -> Report:
    """Measure the student of a run and write `metrics.csv`, `predictions.npz` and `evaluation/` into the run.

    Args:
        run: folder with `student.keras` and, where `data` or `split` is not given, `recipe.toml`.
        data: data set, open or its folder. Default: the recipe's `data`.
        split: expression of splits. Default: "test" where the data set has it, else the recipe's `validation`.

    Returns:
        The report; `audiotag.evaluation.show` prints it.

    Raises:
        AudiotagError: no such run or data set; the data set's front end, labels or task are not the model's.
    """
    from audiotag import models, records

    run = Path(run)
    if not (run / MODEL).is_file():
        raise AudiotagError(f"a run folder holds {MODEL}, {run} does not: give the --out folder of `audiotag train`")
    if data is None:
        data = _data_folder(run)
    if isinstance(data, str | Path):
        data = records.open(Path(data))
    card = models.card(run / MODEL)
    check_same(card, data)
    if split is None:
        split = "test" if "test" in data.splits else _validation(run)
    model, _ = models.load(run / MODEL)
    predictions = predict(model, data, split)
    table = metrics.per_class(predictions.targets, predictions.scores, predictions.labels, task=predictions.task)
    means = metrics.summary(table, predictions.targets, predictions.scores, predictions.task)
    try:
        write_table(run / TABLE, table, means)
        predictions.save(run / PREDICTIONS)
        events.write(run / EVENTS, predictions, table, means, step=events.last_epoch(run / CURVES))
    except OSError as error:
        reason = error.strerror or error
        raise AudiotagError(
            f"the evaluation cannot be written to {run} ({reason}): make room or copy the run"
        ) from error
    return Report(run, data.name, split, table, means, predictions)


def check_same(card: ModelCard, data: Data) -> None:
    """Refuse a data set whose features, classes or task are not those that the model was trained with."""
    model = f"model {card.name} ({card.front_end.name})"
    difference = card.front_end.difference(data.front_end)
    if difference:
        raise AudiotagError(
            f"a model is evaluated on the features it was trained with: {model} and data set {data.name} "
            f"({data.front_end.name}) differ in {difference}; build the data set with the model's front end"
        )
    if card.labels.names != data.labels.names:
        raise AudiotagError(
            f"a model is evaluated on the classes it was trained for, in their order: {model} has "
            f"{_classes(card.labels.names)}, data set {data.name} has {_classes(data.labels.names)}"
        )
    if card.task != data.task:
        raise AudiotagError(f"{model} is {card.task}, data set {data.name} is {data.task}: they must be the same")


def write_table(path: Path, table: pandas.DataFrame, means: dict[str, Any]) -> None:
    """Write `metrics.csv`: a row a class, then the rows `mean` (over classes) and `all` (over all clips together).

    The last two stand in the column `index`, where no class name can be mistaken for them. Empty: not defined.
    """
    import pandas

    mean = {name: table[name].mean() for name in metrics.METRICS}
    together = {"AP": means["micro_AP"], "F1": means["micro_F1"], "accuracy": means["accuracy"]}
    for row in (mean, together):
        row["positives"] = int(table["positives"].sum())
    rows = pandas.concat([table, pandas.DataFrame([mean, together], index=["mean", "all"])])
    counts = {"positives": "Int64", "predicted": "Int64"}
    with storage.write_atomically(path) as file:
        rows.astype(counts).to_csv(file, index_label="index", lineterminator="\n")


def _recipe(run: Path) -> dict[str, Any]:
    """The run's `recipe.toml`."""
    try:
        return tomllib.loads((run / RECIPE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AudiotagError(f"{run} has no {RECIPE}: name the data set and the split to evaluate on") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{run / RECIPE} is not valid TOML ({error}): restore it") from error


def _data_folder(run: Path) -> Path:
    """Where the recipe's data set lies: where it was, or where it moved together with the run."""
    recipe = _recipe(run)
    places = [Path(recipe["data"])] if "data" in recipe else []
    places += [run / recipe["data_relative"]] if "data_relative" in recipe else []
    for place in places:
        if place.is_dir():
            return place
    looked = ", ".join(map(str, places)) or "nowhere"
    raise AudiotagError(f"the data set of {run / RECIPE} is not there (looked at {looked}): name the data set")


def _validation(run: Path) -> str:
    """The splits that the recipe validated on."""
    split = _recipe(run).get("validation", "none")
    if split == "none":
        raise AudiotagError(f"{run / RECIPE} has no validation split: name the split to evaluate on")
    return split


def _classes(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3]) + ("…" if len(names) > 3 else "")
    return f"{len(names)} classes ({shown})"
