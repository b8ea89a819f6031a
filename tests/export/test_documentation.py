"""docs/export.md: its commands and its code run as they stand, and its tables are those of the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, cli, models
from audiotag.cli.app import app
from audiotag.export.form import PRECISIONS
from audiotag.export.parity import TOLERANCES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


def test_the_page_runs(tagger: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    models.save(tagger("multiclass"), tmp_path / "runs" / "mine" / "tagger.keras")
    random = np.random.default_rng(0)
    for number in range(40):
        audio.write(Path("recordings") / f"{number}.wav", random.normal(0, 0.1, 2000).astype(np.float32), 8000)
    audio.write(Path("street.wav"), random.normal(0, 0.1, 8000).astype(np.float32), 8000)
    for kind, code in re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL):
        if kind == "python":
            exec(compile(code, "docs/export.md", "exec"), {})
            continue
        for command in code.strip().splitlines():
            name, *words = shlex.split(command)
            assert (name, cli.run(app, ["--quiet", *words])) == ("audiotag", 0), command


def test_the_tables_are_those_of_the_code() -> None:
    stated = dict(re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| ([^|]*) \|", PAGE, flags=re.MULTILINE))
    assert stated == {name: ", ".join(precisions) for name, precisions in PRECISIONS.items()}
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, flags=re.MULTILINE)
    assert {name: (float(largest), float(mean)) for name, largest, mean in rows} == {
        name: (tolerance.largest, tolerance.mean) for name, tolerance in TOLERANCES.items()
    }
