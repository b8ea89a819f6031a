"""How fast models score sound on this machine: each in a process of its own, all of them measured in turns."""

from __future__ import annotations

import multiprocessing
import os
import re
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from audiotag import progress, records
from audiotag.errors import AudiotagError
from audiotag.scorers import opening
from audiotag.scorers.foreign import file_size
from audiotag.scorers.scorer import Scorer
from audiotag.startup import import_tensorflow_quietly

_WARMING = 3  # windows that are not counted
_PEAK = 0.3  # of the noise that is scored


@dataclass(frozen=True)
class Speed:
    """What one model takes from the waveform of one window to its scores.

    Args:
        name: of the scorer.
        kind: of the scorer, and the precision where it states one: "LiteRT int8".
        size: of its file or folder, for people: "4.2 MB"; "" where it is none.
        start: seconds from the start of its process to its first scores, imports and compilation included.
        memory: bytes, the most that its process held.
        window: seconds of sound.
        times: milliseconds of wall-clock time, of every counted window.
    """

    name: str
    kind: str
    size: str
    start: float
    memory: int
    window: float
    times: tuple[float, ...]

    @property
    def median(self) -> float:
        """Milliseconds a window."""
        return statistics.median(self.times)

    @property
    def least(self) -> float:
        """Milliseconds of the quickest window, which other work on the machine disturbs least."""
        return min(self.times)

    @property
    def real_time(self) -> float:
        """Seconds of sound a second, by the median."""
        return 1000 * self.window / self.median


def measure(sources: Sequence[str], *, threads: int = 1, rounds: int = 30, **stated: Any) -> list[Speed]:
    """Time models side by side: one window of noise at a time, of each model in turn.

    Every model has a process of its own, so start and memory are its own, and what disturbs the machine meets all.

    Args:
        sources: what `scorers.open` takes.
        threads: processors that each process is bound to, at least 1 and at most those there are.
        rounds: windows of each that count, at least 1.
        stated: further arguments of `scorers.open`, with `data` as a folder's name.

    Raises:
        AudiotagError: threads or rounds out of range, a system that binds no process, or a source that cannot be
            opened.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise AudiotagError("models are timed on a stated number of processors, which this system binds no process to")
    processors = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(processors):
        raise AudiotagError(f"threads are 1 to {len(processors)} on this machine, received {threads}")
    if rounds < 1:
        raise AudiotagError(f"rounds are at least 1, received {rounds}")
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack, progress.bar("Timing", len(sources) * (1 + rounds), "windows") as advance:
        workers = []
        for source in sources:
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, source, processors[:threads], stated), daemon=True)
            started = time.perf_counter()
            process.start()
            theirs.close()
            stack.callback(_end, process, mine)
            about = _answer(mine, source)
            workers.append((mine, about | {"start": time.perf_counter() - started}))
            advance(1)
        times: list[list[float]] = [[] for _ in sources]
        for _ in range(rounds):
            for taken, (connection, _), source in zip(times, workers, sources, strict=True):
                connection.send(True)
                taken.append(_answer(connection, source))
                advance(1)
        for connection, _ in workers:
            connection.send(False)
        memories = [_answer(connection, source) for (connection, _), source in zip(workers, sources, strict=True)]
    return [
        Speed(**about, memory=memory, times=tuple(taken))
        for (_, about), memory, taken in zip(workers, memories, times, strict=True)
    ]


def _answer(connection: Connection, source: str) -> Any:
    try:
        answer = connection.recv()
    except EOFError as error:
        raise AudiotagError(
            f"the process that timed {source} ended before its time: is there memory enough?"
        ) from error
    if isinstance(answer, AudiotagError):
        raise answer
    return answer


def _end(process: multiprocessing.process.BaseProcess, connection: Connection) -> None:
    connection.close()
    process.terminate()
    process.join()


def _serve(connection: Connection, source: str, processors: list[int], stated: dict[str, Any]) -> None:
    """Open a model, then time a window for every True that comes, and give the memory for a False."""
    os.sched_setaffinity(0, processors)
    os.environ["OMP_NUM_THREADS"] = str(len(processors))  # some libraries count processors, not those they may use
    try:
        scorer = _opened(source, **stated)
        samples = round(scorer.seconds * scorer.sample_rate)
        waveform = np.random.default_rng(0).uniform(-_PEAK, _PEAK, (1, samples)).astype(np.float32)
        scorer.predict_on_batch(waveform)
    except AudiotagError as error:
        connection.send(error)
        return
    file = scorer.calibration_file or scorer.path
    kind = f"{scorer.kind.removesuffix(' model')} {scorer.about.get('precision', '')}".strip()
    size = file_size(file) if file.exists() else ""
    connection.send({"name": scorer.name, "kind": kind, "size": size, "window": scorer.seconds})
    for _ in range(_WARMING):
        scorer.predict_on_batch(waveform)
    while connection.recv():
        began = time.perf_counter()
        scorer.predict_on_batch(waveform)
        connection.send(1000 * (time.perf_counter() - began))
    connection.send(_most_memory())


def _opened(source: str, data: str | None = None, **stated: Any) -> Scorer:
    if opening.needs_keras(source):
        import_tensorflow_quietly()
    return opening.open_model(source, None if data is None else records.open(data), **stated)


def _most_memory() -> int:
    """Bytes that this process has held at most: "high water mark" of proc(5)."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
