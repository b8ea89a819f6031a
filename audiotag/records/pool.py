"""Worker processes of a build, seen from the build: started, given shards, replaced, and ended."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from audiotag.errors import AudiotagError, AudioWarning
from audiotag.records import worker
from audiotag.records.declaration import DATASET_MODULE
from audiotag.records.journal import FinishedShard
from audiotag.records.plan import Job, ShardPlan

_SHARDS_A_PROCESS = 32  # then the process is replaced: decoders that lose memory do not fill the machine
_THREADED = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM")
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"} | {f"{library}_THREADS": "1" for library in _THREADED}


class _Worker:
    """A process that makes one shard at a time."""

    def __init__(self, dataset_files: Sequence[Path], pickled_job: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = (dataset_files, pickled_job, theirs)
        self.process = context.Process(target=worker.main, args=arguments, daemon=True, name="audiotag-build")
        with _prepared_start():
            self.process.start()
        theirs.close()
        self.shard: ShardPlan | None = None
        self.made = 0

    def give(self, shard: ShardPlan) -> None:
        self.shard = shard
        # A process that has just died is noticed when its messages are read.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(shard)

    def receive(self) -> FinishedShard | int | AudioWarning:
        """The next message; the death of the process and what it could not do are errors."""
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            self.process.join()
            raise AudiotagError(_cause_of_death(self.process.exitcode, self.shard.name)) from error
        if isinstance(message, AudiotagError):
            raise message
        if isinstance(message, FinishedShard):
            self.shard = None
            self.made += 1
        return message

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def make_shards(
    job: Job, shards: Sequence[ShardPlan], workers: int, advance: Callable[[int], None]
) -> Iterator[FinishedShard]:
    """Make shards in worker processes, also with one worker, so that the bytes do not depend on their number.

    Args:
        job: what is the same for every shard.
        shards: what to make.
        workers: number of processes.
        advance: called with the number of views done.

    Yields:
        Finished shards, in the order in which they finish.

    Raises:
        AudiotagError: a worker died or could not go on.
    """
    pickled_job, dataset_files = _pickle(job)
    waiting = deque(shards)
    crew: dict[Connection, _Worker] = {}
    try:
        while waiting or any(member.shard for member in crew.values()):
            while waiting and len(crew) < workers:
                member = _Worker(dataset_files, pickled_job)
                crew[member.connection] = member
                member.give(waiting.popleft())
            for connection in wait(crew):
                member = crew[connection]
                message = member.receive()
                if isinstance(message, int):
                    advance(message)
                    continue
                if isinstance(message, AudioWarning):
                    warnings.warn(message, stacklevel=2)
                    continue
                yield message
                if member.made == _SHARDS_A_PROCESS or not waiting:
                    crew.pop(connection).end()
                else:
                    member.give(waiting.popleft())
    finally:
        for member in crew.values():
            member.end()


def _pickle(job: Job) -> tuple[bytes, list[Path]]:
    """The job as bytes, and the dataset files that must be imported before the bytes are read."""
    for part, what in ((job.read, "the declaration's read"), (job.policy, "the policy")):
        try:
            pickled = pickle.dumps(part)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise AudiotagError(
                f"{what} goes to worker processes and must be made of module-level functions and classes ({error}): "
                "define it at the top level of a dataset file"
            ) from error
        if b"__main__" in pickled:
            raise AudiotagError(
                f"{what} is defined in the script itself, where worker processes cannot import it from: "
                "move it into a dataset file and load that with records.declare('my_file.py')"
            )
    loaded = [module for name, module in sys.modules.items() if name.startswith(DATASET_MODULE)]
    used = pickle.dumps(job)
    return used, [Path(module.__file__) for module in loaded if module.__name__.encode() in used]


def _cause_of_death(exit_code: int, shard: str) -> str:
    if exit_code == -signal.SIGKILL:
        cause = "was killed, usually because the machine ran out of memory: give it fewer workers"
    elif exit_code < 0:
        cause = f"crashed with signal {-exit_code} ({signal.strsignal(-exit_code)})"
    else:
        cause = f"ended with exit code {exit_code}"
    return f"the worker that made {shard} {cause}; {worker.NEXT_STEP}"


@contextmanager
def _prepared_start() -> Iterator[None]:
    """What a process finds that is started now.

    One thread for numerical libraries, which ask when they are imported. No script of the user: without an
    `if __name__` guard it would be imported and build again. A blocked interrupt, so that Ctrl-C does not print the
    process's traceback while it still imports.
    """
    before = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    os.environ.update(_ENVIRONMENT)
    main["__spec__"] = None
    try:
        yield
    finally:
        for name in _ENVIRONMENT:
            del os.environ[name]
        os.environ.update(before)
        del main["__spec__"]
        main.update(hidden)
        if signals is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
