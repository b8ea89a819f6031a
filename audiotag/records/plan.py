"""What a build will write, before it is written: shards, the order of records, and what two builds differ in.

Everything here follows from the declaration and the configuration alone: not from the number of workers, the
machine, its paths or the time.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from audiotag import storage
from audiotag.augment import Policy
from audiotag.clip_format import ClipFormat, describe_speed
from audiotag.clips.declaration import UNKNOWN, Clip, Declaration, Event
from audiotag.clips.sources import Source
from audiotag.frontend import LogMelConfig
from audiotag.records.stored import FLOAT16, StoredLogMel
from audiotag.speech.text import NORMALISATION

FORMAT = 1
WAVEFORMS = "int16, full scale the peak of the view"
"""How waveforms are stored, where they are kept."""
SHARD_BYTES = 16 << 20
MOST_SHARDS = 1024
_FEW_SHARDS, _FEW_EXAMPLES = 8, 64  # small data sets are split too, so that several workers have something to do


@dataclass(frozen=True)
class Job:
    """What is the same for every shard of a build.

    Args:
        folder: where shards are written.
        root: folder of the recordings.
        read: the declaration's function.
        clip_format: what every example is.
        policy: what variants 1, 2 … are made with.
        variants: number of augmented views of every clip.
        seed: of the augmentation.
        waveforms: the waveform of every view is stored.
        stored: how log-mel is.
    """

    folder: Path
    root: Path
    read: Callable[[Path, Clip, int], np.ndarray]
    clip_format: ClipFormat
    policy: Policy
    variants: int
    seed: int
    waveforms: bool = False
    stored: StoredLogMel = FLOAT16


@dataclass(frozen=True)
class ShardPlan:
    """One unit of work: the clips whose records go into one file, and how many records they make at most."""

    name: str
    split: str
    clips: tuple[Clip, ...]
    views: int


@dataclass(frozen=True)
class Plan:
    """What is to be built.

    Args:
        declaration: of the data set.
        job: what is the same for every shard.
        surveyed: the recordings as they lie there now, by name.
    """

    declaration: Declaration
    job: Job
    surveyed: Mapping[str, Source]

    @cached_property
    def description(self) -> dict[str, Any]:
        """Everything that decides the bytes of the records, ready for JSON."""
        return describe(self.declaration, self.job)

    @cached_property
    def shards(self) -> list[ShardPlan]:
        """Every shard, split after split in natural order; a shard may be empty."""
        return self.shards_of(self.declaration.clips)

    def shards_of(self, clips: Iterable[Clip]) -> list[ShardPlan]:
        """The shards that other clips would come into."""
        example_bytes = self.job.stored.record_bytes(self.job.clip_format, self.job.waveforms)
        return plan_shards(clips, self.job.variants, example_bytes)

    def sources_of(self, shard: ShardPlan) -> dict[str, Source]:
        """The recordings that a shard is made from, as they lie there now."""
        names = dict.fromkeys(clip.source for clip in shard.clips)
        return {name: self.surveyed[name] for name in names if name in self.surveyed}


def shard_count(clips: int, variants: int, example_bytes: int) -> int:
    """Number of shards of a split: about 16 MB each, at least a few, at most 1024."""
    examples = clips * (1 + variants)
    by_bytes = math.ceil(examples * example_bytes / SHARD_BYTES)
    few = min(_FEW_SHARDS, math.ceil(examples / _FEW_EXAMPLES))
    return min(max(by_bytes, few), MOST_SHARDS)


def _hashes(prefix: str, texts: Iterable[bytes]) -> np.ndarray:
    """First 64 bits of BLAKE2b of `prefix` and each text: (texts,), uint64."""
    begun = hashlib.blake2b(prefix.encode(), digest_size=8)

    def finish(text: bytes) -> bytes:
        digest = begun.copy()  # half the cost of a new one, which counts for millions of records
        digest.update(text)
        return digest.digest()

    return np.frombuffer(b"".join(map(finish, texts)), "<u8")


def _shard_indices(clip_ids: Iterable[bytes], count: int) -> np.ndarray:
    """Which of `count` shards holds each clip, with all its variants: (clips,), uint16."""
    return (_hashes("shard ", clip_ids) % np.uint64(count)).astype(np.uint16)


def arrange(clip_ids: Sequence[str], variants: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the records of a split lie.

    Args:
        clip_ids: the clips of the split that were not rejected.
        variants: augmented views of every clip, beside the untouched one.
        count: number of shards.

    Returns:
        Two arrays over all records, shard after shard in the order of the file, clip (index into `clip_ids`) and
        variant; and the number of records of each shard, (count,).
    """
    views = 1 + variants
    texts = [clip_id.encode() for clip_id in clip_ids]
    shard = np.repeat(_shard_indices(texts, count), views)
    # Records of a shard are sorted by a hash that scatters the variants of a clip.
    keys = np.stack([_hashes(f"order {variant} ", texts) for variant in range(views)], axis=1).ravel()
    order = np.argsort(keys, kind="stable")
    order = order[np.argsort(shard[order], kind="stable")]
    return order // views, order % views, np.bincount(shard, minlength=count)


def plan_shards(clips: Iterable[Clip], variants: int, example_bytes: int) -> list[ShardPlan]:
    """Every shard of a data set, split after split in natural order; a shard may be empty."""
    splits: dict[str, list[Clip]] = {}
    for clip in clips:
        splits.setdefault(clip.split, []).append(clip)
    plans = []
    for split in sorted(splits, key=_natural):
        count = shard_count(len(splits[split]), variants, example_bytes)
        members: list[list[Clip]] = [[] for _ in range(count)]
        indices = _shard_indices([clip.clip_id.encode() for clip in splits[split]], count)
        for clip, shard in zip(splits[split], indices, strict=True):
            members[shard].append(clip)
        for index, chosen in enumerate(members):
            views = len(chosen) * (1 + variants)
            plans.append(ShardPlan(f"{split}-{index:05d}-of-{count:05d}.tfrecord", split, tuple(chosen), views))
    return plans


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts fold2 before fold10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"([0-9]+)", name)]


def describe(declaration: Declaration, job: Job) -> dict[str, Any]:
    """Everything that decides the bytes of the records, ready for JSON."""
    fields = attrgetter("clip_id", "source", "labels", "split", "start", "end")
    clips = [(*fields(clip), [_of_event(event) for event in clip.events]) for clip in declaration.clips]
    if any(clip.columns for clip in declaration.clips):
        clips = [(*cells, dict(clip.columns)) for cells, clip in zip(clips, declaration.clips, strict=True)]
    if any(clip.fault for clip in declaration.clips):
        clips = [(*cells, clip.fault) for cells, clip in zip(clips, declaration.clips, strict=True)]
    labels = [declaration.labels.ids, declaration.labels.names]
    description = {
        "format": FORMAT,
        "name": declaration.name,
        "version": declaration.version,
        "task": str(declaration.task),
        "seconds": float(declaration.seconds),
        "pad": declaration.pad,
        "front_end": job.clip_format.front_end.to_dict(),
        "augmentation": job.policy.to_dict(),
        "variants": job.variants,
        "seed": job.seed,
        "labels": {"count": len(declaration.labels), "sha256": storage.fingerprint(labels)},
        "clips": {"count": len(clips), "sha256": storage.fingerprint(clips)},
    }
    if declaration.speed != 1:
        description["speed"] = declaration.speed
    if any(clip.columns.get(UNKNOWN) for clip in declaration.clips):
        description["masked"] = True
    if declaration.task.of_speech:
        description["text"] = NORMALISATION
    if job.waveforms:
        description["waveforms"] = WAVEFORMS
    description |= job.stored.describe()
    return json.loads(json.dumps(description))


def _of_event(event: Event) -> dict[str, Any]:
    """Its fields; the velocity of what is no note is left out, as records from before there were notes have it."""
    return {name: value for name, value in vars(event).items() if value is not None}


def difference(there: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What two descriptions differ in, for people: `front end (mels 128 / 64), seed (0 / 1)`, `there` first."""
    parts = []
    for key in {**wanted, **there}:
        former, latter = there.get(key), wanted.get(key)
        if former == latter:
            continue
        phrase = f"{former} / {latter}"
        if key == "front_end":
            phrase = LogMelConfig.from_dict(former).difference(LogMelConfig.from_dict(latter))
            phrase = phrase or f"{former['name']} / {latter['name']}"
        elif key == "augmentation":
            phrase = f"{former.get('name')} / {latter.get('name')}"
            if former.get("name") == latter.get("name"):
                phrase = "its transforms, its sound files or the version of audiomentations"
        elif key in ("labels", "clips"):
            phrase = f"{former['count']} / {latter['count']}"
            if former["count"] == latter["count"]:
                phrase = f"as many, not the same {key}"
        elif key == "log_mel":
            phrase = " / ".join(str((part or {"kind": "float16"})["kind"]) for part in (former, latter))
        elif key == "speed":
            phrase = " / ".join(describe_speed(each.get(key, 1.0)) for each in (there, wanted))
        elif key == "waveforms":
            phrase = "kept / not kept" if former else "not kept / kept"
        parts.append(f"{key.replace('_', ' ')} ({phrase})")
    return ", ".join(parts)
