"""Worker processes on this machine, seen from the build: started, given shards, replaced, and ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from audiotag import storage
from audiotag.errors import AudiotagError, AudioWarning
from audiotag.records import worker
from audiotag.records.engines.work import Parcel, Work, pack
from audiotag.records.journal import FinishedShard
from audiotag.records.plan import ShardPlan
from audiotag.startup import processors

_SHARDS_A_PROCESS = 32  # then the process is replaced: decoders that lose memory do not fill the machine
_THREADED = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM")
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"} | {f"{library}_THREADS": "1" for library in _THREADED}
"""Of a worker process: numerical libraries ask for their number of threads when they are imported."""


class _Worker:
    """A process that makes one shard at a time."""

    def __init__(self, parcel: Parcel) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=main, args=(parcel, theirs), daemon=True, name="audiotag-build")
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


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine, also where there is one, so that the bytes do not depend on their number.

    Args:
        workers: number of processes. Default: one a core.
    """

    workers: int | None = None

    def make_shards(
        self, work: Work, shards: Sequence[ShardPlan], advance: Callable[[int], None]
    ) -> Iterator[FinishedShard]:
        """Make shards; see `Engine`."""
        if any(map(storage.is_in_memory, work.folders)):
            raise AudiotagError(
                "memory:// is the memory of this process, which worker processes do not see: build into another place, "
                "or with --engine beam --beam-option direct_running_mode=in_memory"
            )
        parcel, waiting = pack(work), deque(shards)
        crew: dict[Connection, _Worker] = {}
        try:
            while waiting or any(member.shard for member in crew.values()):
                while waiting and len(crew) < (self.workers or processors()):
                    member = _Worker(parcel)
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


def main(parcel: Parcel, connection: Connection) -> None:
    """Run a worker process: a shard to make comes through the connection, views done and the finished shard go back.

    So do what is to be known of recordings and an error for which the build cannot go on. The worker ends when the
    other end is closed, so that it does not outlive a killed build.

    Args:
        parcel: what it works on.
        connection: to the build.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("always", AudioWarning)
    show = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *place: object, **options: object) -> None:
        if issubclass(category, AudioWarning):
            connection.send(AudioWarning(str(message)))
        else:
            show(message, category, *place, **options)

    warnings.showwarning = tell
    os.dup2(2, 1)  # what a dataset file prints must not mix with the output of `--json`
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1):
            work = parcel.unpack()
            while True:
                connection.send(work.finish(connection.recv(), connection.send))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except AudiotagError as error:
        connection.send(AudiotagError(f"{error}; {worker.NEXT_STEP}"))
    except BaseException as error:
        failure = AudiotagError(f"{type(error).__name__}: {error}; {worker.NEXT_STEP}")
        failure.add_note(traceback.format_exc())
        connection.send(failure)


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
    before = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    os.environ.update(ENVIRONMENT)
    main["__spec__"] = None
    try:
        yield
    finally:
        for name in ENVIRONMENT:
            del os.environ[name]
        os.environ.update(before)
        del main["__spec__"]
        main.update(hidden)
        if signals is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
