"""`audiotag runs`: what it prints."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., object]


def test_the_command_prints_a_table_and_what_is_damaged(command: Command, different_runs: Path) -> None:
    shown = command("runs", different_runs, "--sort", "val_accuracy")
    lines = shown.out.splitlines()
    assert (shown.code, shown.err) == (0, "")
    assert lines[1].split()[:3] == ["name", "state", "data"]
    assert [line.split()[0] for line in lines[3:6]] == ["better", "good", "torn"]
    assert lines[3].split()[1:8] == ["unfinished", "esc10", "mn04", "0.00", "M", "passt", "1/4"]
    assert "0.950" in lines[3] and "0.900" in lines[4]
    assert any("recipe.toml is damaged" in line for line in lines[6:])


def test_the_command_prints_csv_and_json_of_everything(command: Command, different_runs: Path) -> None:
    rows = json.loads(command("runs", different_runs, "--format", "json").out)
    good = next(row for row in rows if row["name"] == "good")
    assert (good["mAP"], good["esc50/F1"], good["best_epoch"], good["data"]) == (0.25, 0.5, 2, "/data/esc10")
    table = list(csv.DictReader(io.StringIO(command("runs", different_runs, "--format", "csv").out)))
    assert [row["name"] for row in table] == [row["name"] for row in rows]
    assert table[1].keys() == good.keys()
    chosen = command("runs", different_runs, "--format", "csv", "--columns", "name, mAP", "--sort", "mAP")
    assert chosen.out == "name,mAP\ngood,0.25\nbetter,\ntorn,\n"


def test_an_empty_folder_and_none_are_answered(command: Command, refuse: Callable[..., str], tmp_path: Path) -> None:
    assert command("runs", tmp_path).out == f"no runs below {tmp_path}\n"
    assert command("runs", tmp_path, "--format", "json").out == "[]\n"
    assert "name one that holds runs" in refuse("runs", tmp_path / "nothing")
