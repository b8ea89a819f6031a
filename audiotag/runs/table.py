"""A table of runs: what is known of each by name, which of it is worth a column, and the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audiotag import run_folder
from audiotag.errors import AudiotagError, suggest
from audiotag.run_folder import LAST
from audiotag.runs.summary import RunSummary

_OPENING = ("name", "state", "data_name", "model", "parameters", "teacher", "epoch", "best_epoch")
_CLOSING = ("modified", "bytes")
# Of a recipe: what other columns show, and what is no choice.
_NOT_CHOSEN = {"data", "data_relative", "fingerprint", "teacher_fingerprint", "epochs", "monitor"}
_LOWER_IS_BETTER = ("loss", "ECE", "Brier")


@dataclass(frozen=True)
class RunTable:
    """Runs as rows.

    Args:
        columns: names of what is shown.
        rows: of each run everything that is known of it, by name; also what is not shown.
        figures: names of what was measured, in training or by an evaluation.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    figures: frozenset[str]


def table(
    runs: Sequence[RunSummary], columns: Sequence[str] | None = None, sort: str | None = None, *, whole: bool = False
) -> RunTable:
    """A table of runs.

    Args:
        runs: what to show.
        columns: names of what to show. Default: what every run has, the monitors, the mAP and the accuracy or F1 of
            every evaluation, and of the recipe what differs between the runs.
        sort: name of what to sort by, the best or newest first, missing ones last. Default: as given.
        whole: show everything that is known, where no columns are named.

    Raises:
        AudiotagError: a column that none of the runs has.
    """
    rows = [_row(run) for run in runs]
    known = tuple(dict.fromkeys(name for row in rows for name in row))
    figures = frozenset(name for run in runs for name in (*run.measured, *run.means))
    for name in (*(columns or ()), *filter(None, [sort])):
        if rows and name not in known:
            raise AudiotagError(f"no run has a column {name!r}: {suggest(name, known)}")
    if sort is not None:
        rows = _sorted(rows, sort, best_last=sort == "modified" or (sort in figures and not _is_error(sort)))
    return RunTable(tuple(columns or (known if whole else _worth_showing(runs, rows))), rows, figures)


def _row(run: RunSummary) -> dict[str, Any]:
    """Everything that is known of a run; what is None or absent is not known."""
    checkpoint = run.checkpoint
    return {
        "name": run.name,
        "state": run.state,
        **run_folder.flat(run.recipe),
        "parameters": None if checkpoint is None else checkpoint.parameters,
        "epoch": run.epoch,
        "best_epoch": checkpoint and (checkpoint.best_epoch or None),
        **run.measured,
        **run.means,
        "modified": run.modified,
        "bytes": run.bytes,
        "folder": str(run.folder),
        "notes": "; ".join(run.notes),
    }


def _worth_showing(runs: Sequence[RunSummary], rows: list[dict[str, Any]]) -> list[str]:
    opening = [name for name in _OPENING if any(row.get(name) is not None for row in rows)]
    monitors = [monitor for run in runs if (monitor := run.recipe.get("monitor", LAST)) != LAST]
    evaluations = {name: each.decision for run in runs for name, each in run.evaluations.items()}
    means = [f"{name}/{mean}" if name else mean for name in sorted(evaluations) for mean in ("mAP", evaluations[name])]
    figures = [name for name in dict.fromkeys((*monitors, *means)) if any(name in row for row in rows)]
    return [*opening, *figures, *_CLOSING, *_differing(runs, {*opening, *figures})]


def _differing(runs: Sequence[RunSummary], shown: set[str]) -> list[str]:
    """Fields of the recipes that are not the same in all runs; damaged recipes differ in nothing."""
    recipes = [run_folder.flat(run.recipe) for run in runs if run.recipe]
    names = dict.fromkeys(name for recipe in recipes for name in recipe)
    return [
        name
        for name in names
        if name not in _NOT_CHOSEN | shown
        and not name.startswith("versions.")
        and len({repr(recipe.get(name)) for recipe in recipes}) > 1
    ]


def _sorted(rows: list[dict[str, Any]], name: str, best_last: bool) -> list[dict[str, Any]]:
    """Rows by a column, numbers before texts, those without a value last."""
    having = [row for row in rows if row.get(name) is not None]
    texts = [row for row in having if not isinstance(row[name], int | float)]
    numbers = [row for row in having if isinstance(row[name], int | float)]
    ordered = []
    for part in (numbers, texts):
        stamps = name == "modified"
        part.sort(key=lambda row: row[name] if stamps or part is numbers else str(row[name]), reverse=best_last)
        ordered += part
    return ordered + [row for row in rows if row.get(name) is None]


def _is_error(name: str) -> bool:
    """Whether a figure is the better the lower it is."""
    return any(part in name.rpartition("/")[2] for part in _LOWER_IS_BETTER)
