"""docs/export.md: its commands and its code run as they stand, and its tables are those of the code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, cli, models
from audiotag.cli.app import app
from audiotag.export import Form, export, formats
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


@pytest.mark.slow
def test_the_script_for_node_gives_the_scores_of_the_tagger(tagger: Callable[..., object], tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node is not installed")
    command = [npm, "install", "--no-audit", "--no-fund", "onnxruntime-web"]
    if subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("onnxruntime-web cannot be installed")
    made = tagger("multiclass")
    export(models.save(made, tmp_path / "tagger.keras"), Form("onnx"), tmp_path / "tagger.onnx")
    (script,) = re.findall(r"^```js\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "tag.mjs").write_text(script, encoding="utf-8")
    done = subprocess.run([node, "tag.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert list(printed) == list(made.labels.names)
    expected = made(np.zeros((1, 2000), np.float32)).numpy()[0]
    np.testing.assert_allclose([float(score) for score in printed.values()], expected, atol=1e-4)


def test_the_tables_are_those_of_the_code() -> None:
    stated = dict(re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| ([^|]*) \|", PAGE, flags=re.MULTILINE))
    assert stated == {name: ", ".join(formats.load(name).PRECISIONS) for name in formats.NAMES}
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, flags=re.MULTILINE)
    assert {name: (float(largest), float(mean)) for name, largest, mean in rows} == {
        name: (tolerance.largest, tolerance.mean) for name, tolerance in TOLERANCES.items()
    }
