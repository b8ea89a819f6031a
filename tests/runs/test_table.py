"""The table of runs: columns and order."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiotag import runs
from audiotag.errors import AudiotagError

LAST_COLUMNS = ("modified", "bytes")


def test_the_columns_are_those_in_which_runs_differ(different_runs: Path) -> None:
    shown = runs.table(runs.read_all([different_runs]))
    opening = ("name", "state", "data_name", "model", "parameters", "teacher", "epoch", "best_epoch")
    figures = ("val_accuracy", "mAP", "accuracy", "esc50/mAP", "esc50/F1")
    assert shown.columns == (*opening, *figures, *LAST_COLUMNS, "learning_rate", "model_options.head")
    alike = runs.table([run for run in runs.read_all([different_runs]) if run.name == "good"])
    assert alike.columns[-2:] == LAST_COLUMNS


def test_a_run_s_peak_learning_rate_is_not_that_of_its_last_epoch(different_runs: Path) -> None:
    rates = {row["name"]: row.get("learning_rate") for row in runs.table(runs.read_all([different_runs])).rows}
    assert rates == {"good": 1e-2, "better": 1e-3, "torn": None}


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("val_accuracy", ["better", "good", "torn"]),
        ("val_loss", ["good", "better", "torn"]),
        ("mAP", ["good", "better", "torn"]),
        ("learning_rate", ["better", "good", "torn"]),
        ("teacher", ["better", "good", "torn"]),
        ("epoch", ["better", "torn", "good"]),
        (None, ["better", "good", "torn"]),
    ],
)
def test_the_best_come_first_and_what_is_not_known_last(
    different_runs: Path, column: str | None, order: list[str]
) -> None:
    assert [row["name"] for row in runs.table(runs.read_all([different_runs]), sort=column).rows] == order


def test_the_newest_come_first(different_runs: Path) -> None:
    rows = runs.table(runs.read_all([different_runs]), sort="modified").rows
    assert [row["modified"] for row in rows] == sorted((row["modified"] for row in rows), reverse=True)


def test_an_unknown_column_is_refused_with_the_nearest(different_runs: Path) -> None:
    for options in ({"sort": "val_acuracy"}, {"columns": ["name", "val_acuracy"]}):
        with pytest.raises(AudiotagError, match="did you mean 'val_accuracy'"):
            runs.table(runs.read_all([different_runs]), **options)
