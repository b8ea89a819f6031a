"""`audiotag inspect`: lines for people, JSON for programs, and nothing written into the data set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., object]


def test_classes_and_findings_are_printed_and_the_page_is_named(
    command: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: tuple[str, ...]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    monkeypatch.chdir(tmp_path)
    shown = command("inspect", data)
    assert shown.code == 0
    assert all(name.split()[0] in shown.out for name in classes)
    assert "classes: fewer than 10 clips of" in " ".join(shown.out.split())
    page = Path(f"inspection-{data.name}") / "inspection.html"
    assert shown.out.splitlines()[-1] == str(page)
    assert page.is_file()
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_json_is_json(command: Command, data: Path, tmp_path: Path) -> None:
    summary = json.loads(command("inspect", data, "--out", tmp_path / "out", "--json").out)
    assert summary["figures"]["clips"] == "12"
    assert summary["folder"] == str(tmp_path / "out")
    assert len(summary["tables"]["classes"]) == 4


def test_recordings_that_are_gone_are_named(command: Command, data: Path, recordings: Path, tmp_path: Path) -> None:
    root = shutil.copytree(recordings, tmp_path / "recordings")
    (root / "class 0" / "1.wav").unlink()
    shown = command("inspect", data, "--source", root, "--out", tmp_path / "out")
    assert "recordings that cannot be read now: those of 1 clips" in " ".join(shown.out.split())


def test_what_cannot_be_meant_is_refused(refuse: Callable[..., str], data: Path, tmp_path: Path) -> None:
    assert "is not a data set" in refuse("inspect", tmp_path)
    assert "beside a data set" in refuse("inspect", data, "--out", data / "inspection")
    assert "no folder of recordings" in refuse("inspect", data, "--out", tmp_path, "--source", tmp_path / "nowhere")
    assert "there is no option '--jsn': did you mean '--json'" in refuse("inspect", data, "--jsn")
