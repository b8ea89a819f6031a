"""Run the commands and examples of README.md and the docs as they stand, in a scratch folder with small inputs.

    python .ci/readme.py

The first two commands are run by `.ci/run` itself. A long command is shortened by the options below, and ESC-10 to two
clips a class and fold; nothing else is changed. Commands of one backend run one after the other in this process, by the
function behind `audiotag`. Needs the test data (see `tests/conftest.py`) for the published weights and ESC-10; what
needs them is left out, by name, where they are not there.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("AUDIOTAG_TEST_DATA", ROOT.parent / "shared"))
SHORTER = {
    "recipe esc10_distill": "--folds 1 --variants 0 --epochs 1 --teacher-epochs 1",
    "train ": "--epochs 1",
    "train quickstart/data ": "--epoch-steps 4",
    "sweep ": "--epochs 1 --epoch-steps 4 --trials 2",
}
# Without optimisation XLA compiles in a third of the time, which on JAX is most of a short training's.
OTHER_BACKENDS = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
NEEDS_SHARED = ("mn04", "audioset", "esc10", "runs/mine", "data/mine", "runs runs", "summary results", "cut results")
NEEDS_SHARED += ("picked.csv", "sounds.npz")


def blocks(text: str) -> list[tuple[str, str]]:
    """Every fenced block of the README: (language, code)."""
    return re.findall(r"^```(sh|python)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def prepare(folder: Path) -> None:
    """Inputs that the README speaks of: `my_sounds/`, tables, `street.wav`, the cache, ESC-50's folder."""
    import numpy as np

    from audiotag import audio, records

    declaration = records.declare("synthetic", clips=48, seconds=2.0, multilabel=False)
    rows, events = ["path,label"], ["path,onset,offset,label"]
    for number, clip in enumerate(clip for clip in declaration.clips if clip.labels[0] in ("siren", "hum", "click")):
        waveform = declaration.read(declaration.root, clip, 16000)
        path = folder / "my_sounds" / clip.labels[0] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, waveform, 16000)
        rows.append(f"{path.relative_to(folder / 'my_sounds')},{clip.labels[0]}")
        events += (f"{rows[-1].split(',')[0]},{event.onset},{event.offset},{event.label}" for event in clip.events)
    shutil.copytree(folder / "my_sounds", folder / "recordings")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    audio.write(folder / "street.wav", np.tile(waveform, 6), 16000)
    if (ROOT / "quickstart").is_dir():  # which `.ci/run` has just made
        (folder / "quickstart").symlink_to(ROOT / "quickstart")
    if SHARED.is_dir():
        (folder / "cache").mkdir()
        shutil.copy(SHARED / "weights" / "mn04_as_mAP_432.pt", folder / "cache")
        shorten(SHARED / "data" / "esc10", folder / "ESC-50-master")


def shorten(source: Path, target: Path) -> None:
    """ESC-10's folder with the first two clips of every class and fold."""
    table = next((source / "meta").glob("*.csv"))
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clips = Counter[tuple[str, str]]()
    (target / "meta").mkdir(parents=True)
    (target / "audio").mkdir()
    with (target / "meta" / table.name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            clips[row["fold"], row["category"]] += 1
            if clips[row["fold"], row["category"]] <= 2:
                writer.writerow(row)
                recording = next((source / "audio").glob(f"{Path(row['filename']).stem}.*"))
                (target / "audio" / recording.name).symlink_to(recording)


def main() -> int:
    """Run every block but the two install commands; the first that fails ends it."""
    files = (
        "README.md",
        "docs/datasets.md",
        "docs/evaluation.md",
        "docs/models.md",
        "docs/records.md",
        "docs/recipes.md",
        "docs/sweeps.md",
        "docs/tagging.md",
        "docs/tokens.md",
    )
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    wanted = [(kind, code) for text in texts for kind, code in blocks(text) if "pip install" not in code]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        os.environ |= {
            "AUDIOTAG_CACHE": str(folder / "cache"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        os.chdir(folder)
        for kind, code in wanted:
            commands = code.strip().splitlines() if kind == "sh" else [code]
            for command in commands:
                if not SHARED.is_dir() and any(word in command for word in NEEDS_SHARED):
                    print(f"left out, the test data is not there: {command}", flush=True)
                    continue
                if "quickstart/" in command and not Path("quickstart").is_dir():
                    print(f"left out, run the quickstart first: {command}", flush=True)
                    continue
                begin = time.monotonic()
                status = run(kind, command)
                print(f"took {time.monotonic() - begin:.0f} s", flush=True)
                if status:
                    print(f"documented command failed with exit code {status}: {command}", file=sys.stderr)
                    return status
    return 0


def run(kind: str, command: str) -> int:
    """Run one command, shortened where it is long; a server counts as well once it says where it listens."""
    from audiotag import cli
    from audiotag.cli.app import app

    if kind == "python":
        print(f"+ python: {command.strip().splitlines()[0]} …", flush=True)
        if file := re.match(r"# (\w+\.py)\n", command):
            Path(file[1]).write_text(command, encoding="utf-8")
        exec(compile(command, "example", "exec"), {"__name__": "__main__"})
        return 0
    for part, options in SHORTER.items():
        if f"audiotag {part}" in command:
            command = f"{command} {options}"
    print(f"+ {command}", flush=True)
    words = shlex.split(command)
    if words[0] == "tensorboard" or words[:2] == ["audiotag", "serve"]:
        return serves(words)
    if words[0] == "audiotag":
        try:
            return cli.run(app, words[1:])
        except SystemExit as end:  # a recipe is a program of its own
            return end.code or 0
    return subprocess.run(command, shell=True, env=os.environ | OTHER_BACKENDS).returncode


def serves(command: list[str]) -> int:
    """Start the server on a free port and stop it when it has said that it listens."""
    with subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True) as server:
        listening = any("http://" in line for line in server.stderr)
        server.terminate()
    return 0 if listening else 1


if __name__ == "__main__":
    sys.exit(main())
