"""docs/datasets.md: its commands and its data set run as they stand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from audiotag import records

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    specification = importlib.util.spec_from_file_location("readme_runner", ROOT / ".ci" / "readme.py")
    runner = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(runner)
    monkeypatch.setattr(runner, "SHARED", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    runner.prepare(tmp_path)
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    for kind, code in runner.blocks(page):
        for command in code.strip().splitlines() if kind == "sh" else [code]:
            assert not runner.run(kind, command), command
    shown = capfd.readouterr()
    for line in page.split("```\nmy_sounds: ")[1].split("```")[0].splitlines():
        assert line in shown.err
    assert "--table" in shown.out and "CSV with the columns path, onset, offset" in " ".join(shown.out.split())
    street = records.open(tmp_path / "data" / "street")
    assert street.splits == {"test": 3, "train": 9}
    assert street.labels.names == ("click", "hum", "siren")
