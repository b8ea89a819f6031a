"""Building a data set: from declared clips to a folder of verified shards, resumable at any moment."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from audiotag import progress, storage
from audiotag.augment import Policy
from audiotag.augment import policy as named_policy
from audiotag.clip_format import ClipFormat
from audiotag.clips import sources
from audiotag.clips.checks import check, describe
from audiotag.clips.declaration import Declaration, read_clip
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, preset
from audiotag.records import staging, worker
from audiotag.records.engines import Engine
from audiotag.records.engines.local import Local
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.manifest import CLIPS, LABELS, RECORDS, Manifest, write_clips
from audiotag.records.plan import Job, Plan, ShardPlan
from audiotag.records.renewal import Former
from audiotag.records.stored import StoredLogMel

Stage = staging.Beside | staging.InPlace


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Args:
        path: the data set.
        clips: declared clips.
        rejected: how many of them could not be used; `clips.csv` gives the reasons.
        examples: records written, all variants.
        seconds: how long it took.
        existed: True where the data set was already there, whole and the same, and nothing was done.
    """

    path: Path
    clips: int
    rejected: int
    examples: int
    seconds: float
    existed: bool = False


def build(
    declaration: Declaration,
    out: str | Path,
    *,
    front_end: str | LogMelConfig = "efficientat",
    policy: Policy | None = None,
    variants: int = 0,
    seed: int = 0,
    workers: int | None = None,
    engine: Engine | None = None,
    resume: bool = True,
    keep_waveforms: bool = False,
    log_mel: str = "float16",
    allow: Collection[str] = (),
) -> BuildReport:
    """Build a data set in worker processes, or on another engine.

    Shards appear in a hidden `.NAME.incomplete` folder beside `out`, which is renamed at the end. A build that was
    interrupted, even by `kill -9` or a full disk, goes on when it is run again. Behind an address they appear in their
    place, with a hidden journal, and `dataset.json` last. The bytes depend on the declaration, front end, policy,
    variants and seed only.

    A data set that is there is not built again, but for recordings that are new, have changed since, or were rejected
    and can be used now: the shards that hold them are made again.

    Args:
        declaration: what to build; see `declare`.
        out: folder of the data set, or address (`s3://bucket/esc10`); it must not exist, or hold the same data set.
        front_end: name or configuration. Default "efficientat".
        policy: augmentation of variants 1, 2 …; needed where `variants` is not 0, else unused. Default: none.
        variants: augmented views of every clip, beside the untouched one, not negative. Default 0.
        seed: of the augmentation, not negative. Default 0.
        workers: worker processes on this machine. Default: one a core.
        engine: what makes the shards instead, such as `engines.on_beam("--runner=FlinkRunner", …)`; the bytes are the
            same. Default: worker processes on this machine.
        resume: go on with an interrupted build of the same data set; False starts anew. Default True.
        keep_waveforms: store the waveform of every view beside its log-mel, in 16 bits (64 kB a second at 32 kHz), for
            teachers that take waveforms or have another front end. Default False.
        log_mel: how it is stored: "float16"; "uint8", half the size (see `records.stored`); "waveform": not at all,
            but computed from the waveform, which is kept, when it is read. Default "float16".
        allow: what is meant although it is refused otherwise, of `checks.ALLOWED`. Default: nothing.

    Returns:
        A report; the clips that were rejected are in `clips.csv` with a reason.

    Raises:
        AudiotagError: an option out of range, a data set that cannot be meant (see `checks.check`), `out` holds
            something else, the disk is full or read-only, every clip was rejected, or a worker died.
    """
    started = time.monotonic()
    front_end = preset(front_end)
    policy = policy if policy and variants else named_policy("none")
    _check(policy, variants, seed, workers)
    if engine is not None and workers is not None:
        raise AudiotagError(f"workers={workers} are processes of the engine local: give another one its own options")
    engine = engine or Local(workers)
    if declaration.task.of_speech and (moving := policy.moving(front_end.sample_rate)):
        raise AudiotagError(
            f"policy {policy.name!r} has {', '.join(moving)}, which may cut off what is said: leave it out of a policy "
            "of your own (a .py file), or augment while training (--augment gain=12)"
        )
    out, root = storage.place(out), storage.place(declaration.root).absolute()
    stage = staging.of(out)
    clip_format = ClipFormat(
        declaration.labels, front_end, declaration.task, declaration.seconds, declaration.pad, declaration.speed
    )
    if clip_format.frames < 1:
        raise AudiotagError(f"{declaration.seconds:g} s are too short for a frame of {front_end.describe()}: use more")
    stored = StoredLogMel.of(log_mel, front_end)
    waveforms = keep_waveforms or stored.kind == "waveform"
    job = Job(stage.data / RECORDS, root, declaration.read, clip_format, policy, variants, seed, waveforms, stored)
    with _disk_errors(out):
        plan = Plan(declaration, job, sources.survey(root, [clip.source for clip in declaration.clips]))
        former = Former(out) if stage.is_taken() else None
        if former:
            former.check(plan)
        changed = former.changed(plan) if former else set()
        existed = former is not None and not changed
        if existed:
            manifest = former.manifest
        else:
            if former:
                stage.check_renewal(len(changed))
            check(declaration, plan.surveyed, allow)
            for line in describe(declaration):
                progress.say(line)
            with stage.claimed():
                kept = former.kept(plan, changed) if former else {}
                if former:
                    progress.say(
                        f"{out}: taking up recordings that are new, have changed or can be used now ({len(changed)}): "
                        f"{len(kept)} of {len(plan.shards)} shards are kept"
                    )
                journal = Journal(stage.journal, storage.fingerprint(plan.description))
                finished = _make(plan, journal, engine, resume, stage, kept)
                manifest = _finish(plan, finished, stage)
                stage.publish(renewed=former is not None)
        stage.clear()
    clips, examples = len(declaration.clips), sum(shard.examples for shard in manifest.shards)
    return BuildReport(out, clips, clips - examples // (1 + variants), examples, time.monotonic() - started, existed)


def _check(policy: Policy, variants: int, seed: int, workers: int | None) -> None:
    for name, value, least in (("variants", variants, 0), ("seed", seed, 0), ("workers", workers, 1)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise AudiotagError(f"{name} must be a whole number, at least {least}, received {value!r}")
    if variants and policy.name == "none":
        raise AudiotagError(f"{variants} variants without a policy would be copies: choose one ('light', 'standard' …)")


@contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    """A full, read-only or missing disk is one line."""
    try:
        yield
    except OSError as error:
        raise AudiotagError(
            f"cannot write {out} ({error.strerror or error}): make room, or choose a folder that can be written, "
            "and run the build again; finished shards are kept"
        ) from error


def _make(
    plan: Plan, journal: Journal, engine: Engine, resume: bool, stage: Stage, kept: Mapping[str, FinishedShard]
) -> dict[str, FinishedShard]:
    """Make every shard that an earlier run had not finished, and that the data set does not hold as it is to be."""
    shards = plan.shards
    finished = journal.load(plan.job.folder) if resume else {}
    finished = {
        shard.name: finished[shard.name] for shard in shards if _is_current(finished.get(shard.name), shard, plan)
    }
    stage.clean(finished)
    for name, made in kept.items():
        if name not in finished:
            stage.keep(name)
            finished[name] = made
    journal.start(finished)
    waiting = [shard for shard in shards if shard.name not in finished]
    done = sum(shard.views for shard in shards if shard.name in finished)
    total = sum(shard.views for shard in shards)
    with (
        progress.bar(f"Building {stage.out.name}", total, "views", done=done) as advance,
        closing(engine.make_shards(worker.work_of(plan.job, journal), waiting, advance)) as shards_made,
    ):
        for made in shards_made:
            finished[made.shard.name] = made
    stage.clean(finished)
    present = sources.survey(plan.job.folder, list(finished))
    for name, made in finished.items():  # a worker of an earlier run, on another machine, may write and delete too
        if name not in present or present[name].bytes != made.shard.bytes:
            raise AudiotagError(f"{name} has gone while {stage.out} was built: run the same build again")
    return {shard.name: finished[shard.name] for shard in shards}


def _is_current(made: FinishedShard | None, shard: ShardPlan, plan: Plan) -> bool:
    """Whether a shard was made from the recordings as they lie there now."""
    if made is None:
        return False
    now = plan.sources_of(shard)
    return set(made.sources) == set(now) and all(source.is_as(now[name]) for name, source in made.sources.items())


def _finish(plan: Plan, finished: Mapping[str, FinishedShard], stage: Stage) -> Manifest:
    """Write the tables and the manifest of the data set."""
    declaration, data = plan.declaration, stage.data
    rejected = {clip_id: reason for made in finished.values() for clip_id, reason in made.rejected.items()}
    if len(rejected) == len(declaration.clips):
        stage.discard()
        first = declaration.clips[0].clip_id
        raise AudiotagError(
            f"all {len(rejected)} clips were rejected, {first!r} because: {rejected[first]}. "
            f"Is {declaration.root} the folder of the recordings?"
        )
    used = {name: source for made in finished.values() for name, source in made.sources.items()}
    for name, source in plan.surveyed.items():
        if name in used and not used[name].is_as(source):
            raise AudiotagError(f"{plan.job.root / name} has changed while it was read: run the same build again")
    sources.write(data, {name: used[name] for name in plan.surveyed if name in used})
    declaration.labels.write(data / LABELS)
    write_clips(data, declaration.clips, rejected)
    recordings = _place_of_recordings(plan, stage.target) if declaration.read is read_clip else ""
    files = {name: storage.sha256(data / name) for name in (LABELS, CLIPS)}
    shards = tuple(made.shard for made in finished.values())
    manifest = Manifest(plan.description, declaration.licence, declaration.citation, files, shards, recordings)
    manifest.write(data)
    return manifest


def _place_of_recordings(plan: Plan, target: Path) -> str:
    """Where the sound files lie, seen from the data set; a store is told nothing of the folders of this machine."""
    if storage.is_remote(plan.job.root):
        return str(plan.job.root)
    return "" if storage.is_remote(target) else Path(os.path.relpath(plan.job.root, target)).as_posix()
