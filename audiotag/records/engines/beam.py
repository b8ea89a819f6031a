"""Apache Beam as an engine: a shard is one element, made by the very function that a local worker runs."""

from __future__ import annotations

import os
import pickle
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions, WorkerOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from audiotag import storage
from audiotag.errors import AudiotagError, AudioWarning
from audiotag.records import worker
from audiotag.records.engines.local import ENVIRONMENT
from audiotag.records.engines.work import Parcel, Work, pack
from audiotag.records.journal import FinishedShard
from audiotag.records.plan import ShardPlan
from audiotag.startup import processors

_SECONDS = 0.5  # between two looks into the journal
_PLANS = "plans.pickle"
_DIRECT, _LOCAL = ("", "DirectRunner", "direct"), "FnApiRunner"

Place = tuple[int, int]
"""First byte and number of bytes of a shard's plan in the file of plans."""

_one_at_a_time = threading.Lock()  # augmentation draws from generators that a whole process has in common


@dataclass(frozen=True)
class Beam:
    """Apache Beam, on whatever runner its options name.

    Args:
        options: as on the command line of a Beam pipeline; see `engines.on_beam`.
    """

    options: tuple[str, ...] = ()

    def make_shards(
        self, work: Work, shards: Sequence[ShardPlan], advance: Callable[[int], None]
    ) -> Iterator[FinishedShard]:
        """Make shards; see `Engine`. The pipeline carries places in a file of plans, so that it stays small."""
        if not shards:
            return
        options, parcel, plans = self._pipeline_options(), pack(work), work.journal.folder / _PLANS
        places = _write_plans(plans, shards)
        with _prepared_workers():
            running = _Run(options, parcel, plans, places)
            try:
                waiting = {shard.name: shard for shard in shards}
                while waiting:
                    ended = running.wait(_SECONDS)
                    for name in waiting.keys() & work.journal.entries().keys():
                        made = work.journal.read(name)
                        if made is not None:
                            shard = waiting.pop(name)
                            for note in made.notes:
                                warnings.warn(AudioWarning(note), stacklevel=2)
                            advance(shard.views)
                            yield made
                    if ended and waiting:
                        raise AudiotagError(running.reason(len(waiting)))
                while not running.wait(_SECONDS):
                    pass
            finally:
                running.end()

    def _pipeline_options(self) -> PipelineOptions:
        options = PipelineOptions(list(self.options))
        standard, direct = options.view_as(StandardOptions), options.view_as(DirectOptions)
        if (standard.runner or "") in _DIRECT:
            standard.runner = _LOCAL
            if not self._names("direct_running_mode"):
                direct.direct_running_mode = "multi_processing"
            if not self._names("direct_num_workers") and direct.direct_running_mode != "in_memory":
                direct.direct_num_workers = processors()
            if not self._names("default_sdk_harness_log_level"):
                options.view_as(WorkerOptions).default_sdk_harness_log_level = "ERROR"
        return options

    def _names(self, option: str) -> bool:
        return any(word.split("=")[0] == f"--{option}" for word in self.options)


def _runner(options: PipelineOptions) -> Any:
    """The runner that the options name.

    Which one `DirectRunner` chooses depends on what it can download; `FnApiRunner` needs nothing, and is told the
    options here, which its processes would not know else.
    """
    name = options.view_as(StandardOptions).runner
    if name != _LOCAL:
        return name
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))


def _write_plans(path: Path, shards: Sequence[ShardPlan]) -> list[Place]:
    places, position = [], 0
    with storage.write_atomically(path, "wb") as file:
        for shard in shards:
            pickled = pickle.dumps(shard)
            file.write(pickled)
            places.append((position, len(pickled)))
            position += len(pickled)
    return places


def _read_part(path: Path, begin: int, size: int) -> bytes:
    if storage.is_remote(path):
        return storage.retried(path, lambda: path.fs.cat_file(path.path, start=begin, end=begin + size))
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(size)


class _MakeShard(apache_beam.DoFn):
    """Makes the shard whose plan lies at a place; it is entered in the journal, the pipeline carries no result."""

    def __init__(self, parcel: Parcel, plans: Path) -> None:
        self._parcel, self._plans = parcel, plans

    def setup(self) -> None:
        """Once a process, or a thread of it."""
        self._work = self._parcel.unpack()

    def process(self, place: Place) -> None:
        """One shard; one that a runner gives again, since a worker was lost, may be there already."""
        from threadpoolctl import threadpool_limits

        plan = pickle.loads(_read_part(self._plans, *place))
        # What a dataset file prints must not mix with the output of `--json`.
        with _one_at_a_time, threadpool_limits(1), _noting() as notes, redirect_stdout(sys.stderr):
            if self._work.journal.read(plan.name) is None:
                self._work.finish(plan, lambda views: None, notes)


@contextmanager
def _noting() -> Iterator[list[str]]:
    """What is to be known of recordings, as lines: nobody looks at the worker's terminal."""
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", AudioWarning)
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, AudioWarning):
                notes.append(str(message))
            else:
                show(message, category, *place, **options)

        warnings.showwarning = note
        yield notes


class _Run:
    """A pipeline that runs beside: local runners give their result only once they have ended."""

    def __init__(self, options: PipelineOptions, parcel: Parcel, plans: Path, places: list[Place]) -> None:
        self._pipeline = apache_beam.Pipeline(runner=_runner(options), options=options)
        (
            self._pipeline
            | "Plans" >> apache_beam.Create(places)
            | "Spread over the workers" >> apache_beam.Reshuffle()
            | "Make shards" >> apache_beam.ParDo(_MakeShard(parcel, plans))
        )
        self._result: Any = None
        self._error: BaseException | None = None
        self._hook, threading.excepthook = threading.excepthook, self._notice
        self._thread = threading.Thread(target=self._run, daemon=True, name="audiotag-beam")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._pipeline.run()
            state = self._result.wait_until_finish()
            if state not in (None, apache_beam.runners.runner.PipelineState.DONE):
                raise RuntimeError(f"its state is {state}")
        except BaseException as error:
            self._error = error

    def _notice(self, arguments: Any) -> None:
        """The death of a process that a local runner started: the runner itself would wait for it for ever."""
        if "Worker subprocess exited" in str(arguments.exc_value):
            self._error = RuntimeError(
                f"{arguments.exc_value}: it was killed, usually because the machine ran out of memory"
            )
        else:
            self._hook(arguments)

    def wait(self, seconds: float) -> bool:
        """Wait for the end; False: it still runs."""
        self._thread.join(seconds)
        return self._error is not None or not self._thread.is_alive()

    def reason(self, missing: int) -> str:
        """Why shards are missing, in a line."""
        if self._error is None:
            return f"the pipeline has ended and {missing} shards are missing; {worker.NEXT_STEP}"
        # A worker's error comes as the text of its traceback; the last line says what happened.
        lines = [line.strip() for line in str(self._error).splitlines() if line.strip()] or [repr(self._error)]
        named = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception)\b", line)] or lines
        last = re.sub(r"^audiotag\.errors\.\w+: |\s*\[while running .*", "", named[-1])
        return f"the Beam pipeline failed ({last}); {worker.NEXT_STEP}"

    def end(self) -> None:
        """End what still runs."""
        threading.excepthook = self._hook
        if self._thread.is_alive() and self._result is not None:
            self._result.cancel()


@contextmanager
def _prepared_workers() -> Iterator[None]:
    """What processes find that the runner starts on this machine."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
