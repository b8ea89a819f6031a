"""How fast records are built and read on this machine, and what their parts cost."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from audiotag import audio, storage
from audiotag.augment import Policy
from audiotag.clips.declaration import Clip, Declaration, read_clip
from audiotag.frontend import log_mel
from audiotag.records import tfrecord
from audiotag.records.builder import build
from audiotag.records.data import Data
from audiotag.records.example import encode_example
from audiotag.records.plan import Job

_WARMING = 8  # batches that are not counted: pipelines start slowly


@dataclass(frozen=True)
class ReadingSpeed:
    """How fast batches come.

    Args:
        dtype: of the log-mel.
        mixup: its alpha; 0: none.
        clips_per_second: examples.
        megabytes_per_second: of records.
        waiting: share of the time that a consumer waits who is busy for `step` seconds after each batch, 0 to 1.
    """

    dtype: str
    mixup: float
    clips_per_second: float
    megabytes_per_second: float
    waiting: float


def reading(
    data: Data, split: str = "all", *, batch_size: int = 64, mixup: float = 0.3, step: float = 0.0, seconds: float = 5.0
) -> Iterator[ReadingSpeed]:
    """Read in random order, in each type of log-mel, without mixup and with it.

    Args:
        data: an open data set; what is measured is the page cache where it fits into memory.
        split: expression of splits.
        batch_size: at least 1.
        mixup: alpha, positive.
        step: seconds for which the consumer of a batch is busy elsewhere, as a training step on an accelerator.
        seconds: how long each is measured, twice where `step` is given.
    """
    shards = data.selected_shards(split)
    record_bytes = sum(shard.bytes for shard in shards) / max(sum(shard.examples for shard in shards), 1)
    for dtype, alpha in itertools.product(("float32", "float16", "bfloat16"), (0.0, mixup)):
        options = {"batch_size": batch_size, "shuffle": True, "mixup": alpha, "dtype": dtype, "first_epoch": 0}
        batches = iter(data.read(split, **options))
        for _ in range(_WARMING):
            next(batches)
        rate, waiting = _pace(batches, 0.0, seconds)
        if step:
            _, waiting = _pace(batches, step, seconds)
        clips = rate * batch_size
        yield ReadingSpeed(dtype, alpha, clips, clips * record_bytes / 1e6, waiting)


def _pace(batches: Iterator[Any], step: float, seconds: float) -> tuple[float, float]:
    """Batches a second, and the share of the time in which they are waited for."""
    count, waited, begun = 0, 0.0, time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        asked = time.perf_counter()
        next(batches)
        waited += time.perf_counter() - asked
        count += 1
        time.sleep(step)
    return count / elapsed, waited / elapsed


@dataclass(frozen=True)
class BuildingSpeed:
    """What the views of a data set cost.

    Args:
        parts: seconds of one processor for all views, by part: decode, resample, augment, log-mel, write.
        views: number of views.
        builds: seconds of a whole build by number of workers, their start included.
    """

    parts: dict[str, float]
    views: int
    builds: dict[int, float]

    def efficiency(self, workers: int) -> float:
        """What the parts' own times would take on so many processors, as a share of what the build took."""
        return sum(self.parts.values()) / workers / self.builds[workers]


def building(
    declaration: Declaration,
    *,
    policy: Policy | None = None,
    variants: int = 0,
    workers: Sequence[int] = (1, 2),
    front_end: str = "efficientat",
    sample: int = 100,
) -> BuildingSpeed:
    """Build with several numbers of workers into a folder that is deleted, then time the parts in this process.

    Args:
        declaration: what to build.
        policy: of the variants.
        variants: augmented views of every clip.
        workers: numbers of worker processes.
        front_end: name of the front end.
        sample: about how many clips the parts are timed on, spread evenly; their times are scaled to all.

    Raises:
        AudiotagError: as of `build`, and where a clip of the sample cannot be used.
    """
    builds = {}
    with tempfile.TemporaryDirectory(prefix="audiotag-bench-") as folder:
        for count in workers:
            begun = time.perf_counter()
            out = Path(folder) / f"workers-{count}"
            build(declaration, out, front_end=front_end, policy=policy, variants=variants, workers=count)
            builds[count] = time.perf_counter() - begun
        job = Job(
            Path(folder), Path(declaration.root), declaration.read, Data(out).clip_format, policy, variants, seed=0
        )
        every = declaration.clips[:: max(1, len(declaration.clips) // sample)]
        with threadpool_limits(1):
            _time_parts(job, every[0], Counter())  # what is loaded and compiled once is not counted
            parts = Counter()
            for clip in every:
                _time_parts(job, clip, parts)
    scale = len(declaration.clips) / len(every)
    scaled = {part: seconds * scale for part, seconds in parts.items()}
    return BuildingSpeed(scaled, len(declaration.clips) * (1 + variants), builds)


def _time_parts(job: Job, clip: Clip, parts: Counter[str]) -> None:
    """Make the views of a clip as `worker.examples` does, and add what each part took."""
    wanted, rate = job.clip_format, job.clip_format.front_end.sample_rate

    def timed(part: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            parts[part] += time.perf_counter() - begun

    if job.read is read_clip:  # at its own rate, which is decoding alone
        before = parts["decode"]
        timed("decode", job.read, job.root, clip, audio.info(storage.inside(job.root, clip.source)).sample_rate)
        parts["resample"] -= parts["decode"] - before
    waveform = audio.fit(timed("resample", job.read, job.root, clip, rate), wanted.samples, wanted.pad)
    encoded = []
    for variant in range(1 + job.variants):
        view = waveform
        if variant:
            chosen = {"seed": job.seed, "clip_id": clip.clip_id, "variant": variant, "events": clip.events}
            view, _ = timed("augment", job.policy.apply, waveform, rate, **chosen)
            view = audio.fit(view, wanted.samples, wanted.pad)
        values = timed("log-mel", log_mel, view, wanted.front_end)
        encoded.append(timed("write", encode_example, clip.clip_id, variant, values, []))
    timed("write", tfrecord.write, job.folder / "bench.tfrecord", encoded)
