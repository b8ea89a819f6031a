"""Trainings that are killed at random moments and begun again, beside one that is not: the sums of their last weights.

    python tests/benchmarks/killed_training.py DATA [--times 5] [--kill KILL | TERM] -- OPTIONS_OF_TRAIN

    python tests/benchmarks/killed_training.py data/esc10 -- --fold 1 --model mn01 --epochs 4 --batch-size 16 --ema 0.99

Every training runs in processes of its own; each is killed twice. The checkpoint of a moment before is in the folder by
then, or none yet. What is summed up are the student's weights, as numbers.
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


def main(data: str, times: int, name: str, options: list[str]) -> None:
    """Print a row a training."""
    draws = random.Random(0)
    with TemporaryDirectory() as folder:
        began = time.monotonic()
        process = start(data, Path(folder) / "whole", options)
        printed, _ = process.communicate()
        if process.returncode:
            sys.exit(printed)
        seconds = time.monotonic() - began
        expected = weights_of(Path(folder) / "whole")
        print(f"| killed after, s | begun again | weights |\n|-|-|-|\n| never | | {expected[:16]} |", flush=True)
        same = 0
        for number in range(times):
            out = Path(folder) / f"killed-{number}"
            moments = [draws.uniform(0.15, 0.8) * seconds for _ in range(2)]
            for moment in moments:
                process = start(data, out, options)
                try:
                    process.wait(moment)
                except subprocess.TimeoutExpired:
                    process.send_signal(getattr(signal, f"SIG{name}"))
                process.communicate()
            process = start(data, out, options)
            printed, _ = process.communicate()
            again = re.findall(r"after (epoch \d+(?: and \d+ steps)?)", printed) or ["at the start"]
            received = weights_of(out) if not process.returncode else printed
            same += received == expected
            row = (" and ".join(f"{moment:.1f}" for moment in moments), again[0], received[:16])
            print("| " + " | ".join(row) + " |", flush=True)
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
