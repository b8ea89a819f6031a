"""What a worker of any engine does: it reads clips, augments them, computes log-mel and writes a shard."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from audiotag import audio, storage
from audiotag.clips import sources
from audiotag.clips.declaration import UNKNOWN, Clip, Event
from audiotag.clips.texts import characters
from audiotag.errors import AudioError, AudiotagError, UnreachableError
from audiotag.frontend import log_mel
from audiotag.records import tfrecord
from audiotag.records.engines.work import Work
from audiotag.records.example import encode_example
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.manifest import Shard
from audiotag.records.plan import Job, ShardPlan, arrange

NEXT_STEP = "run the same build again to go on: the finished shards are kept"
_MEMORY = 64 << 20  # bytes of a shard held in memory; the rest waits in an unnamed file beside the shards


def work_of(job: Job, journal: Journal) -> Work:
    """What an engine does to build shards."""
    parts = {"the declaration's read": job.read, "the policy": job.policy}
    return Work(make_shard, job, journal, (job.folder, job.root), parts)


def make_shard(
    job: Job, journal: Journal, plan: ShardPlan, advance: Callable[[int], None], notes: Sequence[str] = ()
) -> FinishedShard:
    """Compute and write one shard, then enter it in the journal.

    Args:
        job: what is the same for every shard.
        journal: of the build.
        plan: what goes into the shard.
        advance: called with the number of views done, clip after clip.
        notes: filled meanwhile with what is to be known of the recordings; entered with the shard.

    Raises:
        AudiotagError: the shard cannot be written, or the policy refuses its input.
    """
    rejected: dict[str, str] = {}
    used: dict[str, sources.Source] = {}
    accepted: list[str] = []
    places: list[tuple[int, int]] = []
    try:
        beside = None if storage.is_remote(job.folder) else job.folder
        with tempfile.SpooledTemporaryFile(_MEMORY, dir=beside) as spool:
            for clip in plan.clips:
                source = sources.look(job.root, clip.source)
                try:
                    encoded = list(examples(job, clip))
                except AudioError as reason:
                    rejected[clip.clip_id] = str(reason)
                else:
                    accepted.append(clip.clip_id)
                    for example in encoded:
                        places.append((spool.tell(), len(example)))
                        spool.write(example)
                if source is not None and clip.source not in used:
                    used[clip.source] = sources.read_whole(job.root / clip.source, source)
                advance(1 + job.variants)

            def take(begin: int, size: int) -> bytes:
                spool.seek(begin)
                return spool.read(size)

            clip_index, variant, _ = arrange(accepted, job.variants, 1)
            order = (clip_index * (1 + job.variants) + variant).tolist()
            written = tfrecord.write(job.folder / plan.name, (take(*places[row]) for row in order))
        shard = Shard(plan.name, plan.split, written.examples, written.bytes, written.sha256)
        finished = FinishedShard(shard, rejected, used, tuple(dict.fromkeys(notes)))
        journal.add(finished)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except OSError as error:
        raise AudiotagError(
            f"cannot write {job.folder / plan.name} ({error.strerror or error}): make room on the disk"
        ) from error
    return finished


def examples(job: Job, clip: Clip) -> Iterator[bytes]:
    """The serialised views of a clip, the untouched one first.

    Raises:
        AudioError: it cannot be read, or a view of it has no finite log-mel.
    """
    wanted = job.clip_format
    rate = wanted.front_end.sample_rate
    read = _read(job, clip)
    labels = [wanted.labels.index(label) for label in clip.labels]
    # Declared in the recording's own time; from here on all times are those of the waveform.
    events = [replace(event, onset=event.onset / clip.speed, offset=event.offset / clip.speed) for event in clip.events]
    if wanted.task.of_speech:
        events = characters(clip.text, len(read) / rate, wanted.seconds)
    events = fit_events(events, len(read), wanted.samples, rate, wanted.pad)
    judged = clip.judged(wanted.labels) if clip.columns.get(UNKNOWN) else None
    waveform = audio.fit(read, wanted.samples, wanted.pad)
    for variant in range(1 + job.variants):
        view, view_events = waveform, events
        try:
            if variant:
                view, view_events = job.policy.apply(
                    waveform, rate, seed=job.seed, clip_id=clip.clip_id, variant=variant, events=events
                )
                view_events = fit_events(view_events, len(view), wanted.samples, rate, wanted.pad)
                view = audio.fit(view, wanted.samples, wanted.pad)
            rows = [(event.onset, event.offset, wanted.labels.index(event.label)) for event in view_events]
            kept = view if job.waveforms else None
            values = log_mel(view, wanted.front_end)
            velocities = [event.velocity for event in view_events if event.velocity is not None]
            yield encode_example(clip.clip_id, variant, values, labels, rows, kept, job.stored, judged, velocities)
        except (AudioError, ValueError) as error:
            raise AudioError(f"variant {variant}: {_describe(error)}") from error


def _read(job: Job, clip: Clip) -> np.ndarray:
    """The clip's waveform; whatever goes wrong inside the declaration's `read` rejects the clip, no more."""
    if clip.fault:
        raise AudioError(clip.fault)
    try:
        waveform = np.asarray(job.read(job.root, clip, job.clip_format.front_end.sample_rate), np.float32)
    except UnreachableError:
        raise
    except Exception as error:
        raise AudioError(_describe(error)) from error
    if waveform.ndim != 1 or not len(waveform):
        raise AudioError(f"a waveform has shape (samples,) and at least one sample, received shape {waveform.shape}")
    audio.check_level(waveform, "the waveform")
    return waveform


def _describe(error: Exception) -> str:
    if isinstance(error, AudiotagError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"


def fit_events(events: Sequence[Event], length: int, samples: int, rate: int, pad: str) -> list[Event]:
    """Strong labels after `audio.fit`: repeated with the sound, cut where it is cut.

    Args:
        events: strong labels of the waveform before, seconds of its time.
        length: its length, samples.
        samples: its length after.
        rate: sample rate, Hz.
        pad: "repeat" or "zero".

    Returns:
        Strong labels within [0, samples / rate], those of no length left out.
    """
    before, after = length / rate, samples / rate
    copies = math.ceil(samples / length) if pad == "repeat" else 1
    fitted = []
    for copy in range(copies):
        for event in events:
            onset = min(max(event.onset, 0.0), before) + copy * before
            offset = min(min(max(event.offset, 0.0), before) + copy * before, after)
            if offset > onset:
                fitted.append(replace(event, onset=onset, offset=offset))
    return fitted
