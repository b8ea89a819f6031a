"""`audiotag verify --deep`: exit codes, JSON, and options that are not meant for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., object]


def test_recordings_are_compared(command: Command, data: Path, recordings: Path, tmp_path: Path) -> None:
    assert command("verify", data, "--deep", "--sample", "2").out.endswith(": whole\n")
    root = shutil.copytree(recordings, tmp_path / "recordings")
    (root / "class 0" / "1.wav").unlink()
    shown = command("verify", data, "--deep", "--source", root, "--sample", "0", "--json")
    assert shown.code == 1
    (problem,) = json.loads(shown.out)
    assert problem["shard"] == "sources.csv"
    assert problem["message"].startswith("class 0/1.wav: the recording has gone")


def test_sounds_that_are_no_files_come_from_their_data_set(
    command: Command, refuse: Callable[..., str], tmp_path: Path
) -> None:
    out = tmp_path / "data"
    assert command("build", "synthetic", "--clips", "36", "--out", out, "--workers", "1").code == 0
    assert "name that with --dataset" in refuse("verify", out, "--deep")
    assert "clips (36 / 480)" in refuse("verify", out, "--deep", "--dataset", "synthetic")
    deep = ("verify", out, "--deep", "--sample", "3", "--dataset", "synthetic", "--clips", "36")
    assert command(*deep).out.endswith(": whole\n")


def test_options_that_mean_nothing_are_refused(refuse: Callable[..., str], data: Path) -> None:
    assert "there is no option '--dep': did you mean '--deep'" in refuse("verify", data, "--dep")
    assert "give it too" in refuse("verify", data, "--source", data)
