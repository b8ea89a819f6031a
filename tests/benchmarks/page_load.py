"""Fifty clients at once for a minute: whether an answer is lost, how long they wait, whether memory stays flat.

    python tests/benchmarks/page_load.py SOUND... [--model mn04_as] [--clients 50] [--seconds 60]

Starts `audiotag serve` in a process of its own. Every client sends sounds one after the other, each to another part of
the API; one that is told to come again (503) does so after the seconds it was told. Memory is read from /proc.
"""

from __future__ import annotations

import argparse
import http.client
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

PATHS = ("/tag?top=3", "/tag?top=3&steps=true", "/events", "/embed", "/picture")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sounds", nargs="+", type=Path)
    parser.add_argument("--model", default="mn04_as")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    sounds = [sound.read_bytes() for sound in options.sounds]
    command = [sys.executable, "-m", "audiotag", "serve", "--model", options.model, "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        try:
            address = urlsplit(server.stderr.readline().split()[0]).netloc
            load(server.pid, address, sounds, options.clients, options.seconds)
        finally:
            server.send_signal(signal.SIGINT)
            print(f"exit code at Ctrl-C {server.wait(30)}")


def load(pid: int, address: str, sounds: list[bytes], clients: int, seconds: float) -> None:
    """Ask for some seconds, and print what came of it."""
    for path in PATHS:  # networks are made at their first use
        ask(address, path, sounds[0])
    outcomes: Counter[str] = Counter()
    waits: list[float] = []
    counting, end = threading.Lock(), time.monotonic() + seconds

    def client(number: int) -> None:
        turn = number
        while time.monotonic() < end:
            begun = time.monotonic()
            outcome = ask(address, PATHS[turn % len(PATHS)], sounds[turn // len(PATHS) % len(sounds)])
            with counting:
                outcomes[outcome] += 1
                waits.append(time.monotonic() - begun)
            turn += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(resident(pid))
        time.sleep(1)
    print(f"{clients} clients, {seconds:g} s: {dict(outcomes)}, {outcomes['200'] / seconds:.1f} answers/s")
    low, middle, high = np.percentile(waits, (5, 50, 95))
    print(f"an answer took {middle:.2f} s (5 % under {low:.2f}, 95 % under {high:.2f}, at most {max(waits):.2f})")
    quarters = [f"{np.max(part):.0f}" for part in np.array_split(memory, 4)]
    print(f"resident memory, largest of each quarter: {', '.join(quarters)} MB")


def ask(address: str, path: str, sound: bytes) -> str:
    """Send a sound until it is taken; the status of the answer, or the error that stood in its place."""
    while True:
        connection = http.client.HTTPConnection(address, timeout=120)
        try:
            connection.request("POST", path, sound)
            answer = connection.getresponse()
            answer.read()
        except OSError as error:
            return type(error).__name__
        finally:
            connection.close()
        if answer.status != 503:
            return str(answer.status)
        time.sleep(float(answer.headers["retry-after"]))


def resident(pid: int) -> float:
    """Resident memory of a process, MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
