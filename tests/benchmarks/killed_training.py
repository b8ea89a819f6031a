"""Trainings that are killed at random moments and begun again, beside one that is not: the sums of their last weights.

    python tests/benchmarks/killed_training.py DATA [--times 5] [--kill KILL | TERM] -- OPTIONS_OF_TRAIN

    python tests/benchmarks/killed_training.py data/esc10 -- --fold 1 --model mn01 --epochs 4 --batch-size 16 --ema 0.99

Every training runs in processes of its own; each is killed twice, at random moments of two epochs. Summed up are
the student's weights, as numbers.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def weights_of(run: Path) -> str:
    """SHA-256 of the student's weights in their order."""
    from audiotag import models

    total = hashlib.sha256()
    for values in models.load(run / "student.keras")[0].get_weights():
        total.update(values.tobytes())
    return total.hexdigest()


def start(data: str, out: Path, options: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "audiotag", "train", data, *options, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill_in(process: subprocess.Popen[str], out: Path, epoch: int, seconds: float, name: str) -> None:
    """Kill a training so many seconds after the checkpoint of an epoch came, or after its start; or let it end."""
    reached = out / "checkpoints" / f"epoch-{epoch:04d}.npz" if epoch else out / "recipe.toml"
    while process.poll() is None and not reached.exists():
        time.sleep(0.05)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(getattr(signal, f"SIG{name}"))


def main(data: str, times: int, name: str, options: list[str]) -> None:
    """Print a row a training."""
    draws = random.Random(0)
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        process = start(data, whole, options)
        printed, _ = process.communicate()
        if process.returncode:
            sys.exit(printed)
        last = max((whole / "checkpoints").glob("epoch-*.npz"))
        epochs = int(last.stem.removeprefix("epoch-"))
        seconds = (last.stat().st_mtime - (whole / "recipe.toml").stat().st_mtime) / epochs
        expected = weights_of(whole)
        print(f"| killed in epoch | begun again after | weights |\n|-|-|-|\n| none | | {expected[:16]} |", flush=True)
        same = 0
        for number in range(times):
            out = Path(folder) / f"killed-{number}"
            moments = [(epoch, draws.random()) for epoch in sorted(draws.sample(range(epochs), 2))]
            told = ""
            for epoch, share in moments:
                process = start(data, out, options)
                kill_in(process, out, epoch, share * seconds, name)
                told += process.communicate()[0]
            process = start(data, out, options)
            printed, _ = process.communicate()
            again = re.findall(r"after (epoch \d+(?: and \d+ steps)?)", told + printed) or ["nothing"]
            received = weights_of(out) if not process.returncode else printed
            same += received == expected
            killed = " and ".join(f"{1 + epoch + share:.2f}" for epoch, share in moments)
            print(f"| {killed} | {' and '.join(again)} | {received[:16]} |", flush=True)
        print(f"{same} of {times} are the same, bit for bit")
        if same < times:
            sys.exit(1)


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--kill", choices=["KILL", "TERM"], default="KILL")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given = parser.parse_args(sys.argv[1:split])
    main(given.data, given.times, given.kill, sys.argv[split + 1 :])
