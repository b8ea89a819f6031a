"""Ctrl-C: one line, exit code 130, and the same command goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., object]

SLOW_DATASET = '''
"""Tones, the last of which takes for ever while a file `hold` is there."""
import time
from pathlib import Path

import numpy as np

from audiotag import records
from audiotag.labels import Labels

HERE = Path(__file__).parent


def read(root, clip, sample_rate):
    if clip.split == "validation" and (HERE / "hold").exists():
        print("reached", flush=True)
        while True:
            time.sleep(0.05)
    return np.sin(np.arange(sample_rate // 2) * 0.1).astype(np.float32)


def declare():
    clips = tuple(
        records.Clip(f"clip{i}", "", ("tone",), split) for i, split in enumerate(("train", "train", "validation"))
    )
    labels = Labels(("tone",))
    return records.Declaration("slow", "1", "multilabel", "none", "none", labels, clips, 0.5, HERE, read=read)
'''


# What a shell runs in the background ignores Ctrl-C, and so would all that it starts.
MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from audiotag.cli import main
main()
"""

# Every line on standard error is followed by a wait: the epochs are too short to be hit. It is made of short ones, as
# a signal that comes just before `signal.pause` would be slept through.
WAITS = f"""
import time
from audiotag import progress
say = progress.say
def say_and_wait(line):
    say(line)
    while True:
        time.sleep(0.05)
progress.say = say_and_wait
{MAIN}
"""


def start(*arguments: object, program: str = MAIN) -> subprocess.Popen[str]:
    """A command as a user starts it, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """What Ctrl-C in a terminal does: every process of the group receives the signal."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_build_that_is_interrupted_says_so_in_one_line_and_goes_on(command: Command, tmp_path: Path) -> None:
    dataset = tmp_path / "slow.py"
    dataset.write_text(SLOW_DATASET, encoding="utf-8")
    (tmp_path / "hold").touch()
    arguments = ("build", dataset, "--out", tmp_path / "data", "--workers", "1", "--allow-one-class")
    process = start("--quiet", *arguments)
    assert process.stderr.readline() == "reached\n"
    code, out, err = interrupt(process)
    assert (code, out) == (130, "")
    assert err == "audiotag: stopped; run it again: build, teach, train and sweep go on from what is finished\n"
    assert not (tmp_path / "data").exists()
    (tmp_path / "hold").unlink()
    assert command(*arguments).code == 0
    assert command("verify", tmp_path / "data").code == 0


@pytest.mark.slow
def test_a_training_that_is_interrupted_says_so_in_one_line_and_goes_on(
    command: Command, data: Path, training: tuple[str, ...], tmp_path: Path
) -> None:
    arguments = ("train", data, "--out", tmp_path / "run", *training, "--epochs", "3")
    process = start(*arguments, program=WAITS)
    assert process.stderr.readline().startswith("epoch 1/3")
    code, out, err = interrupt(process)
    assert (code, out) == (130, "")
    assert err == "audiotag: stopped; run it again: build, teach, train and sweep go on from what is finished\n"
    assert [path.name for path in (tmp_path / "run" / "checkpoints").glob("*.npz")] == ["epoch-0001.npz"]
    assert not list((tmp_path / "run").glob("*.keras"))
    done = command(*arguments)
    assert done.code == 0
    assert "of 3" in done.out
