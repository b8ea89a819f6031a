"""A data set that is there already: what has changed since in its recordings, and what of it still holds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from audiotag import storage, tables
from audiotag.clips import sources
from audiotag.clips.declaration import Clip
from audiotag.clips.sources import Source
from audiotag.errors import AudiotagError
from audiotag.records import worker
from audiotag.records.clips import clip_of
from audiotag.records.engines.local import Local
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.manifest import CLIPS, MANIFEST, RECORDS, Manifest, row_of
from audiotag.records.plan import Job, Plan, ShardPlan, difference


class Former:
    """A finished data set in the place where one is to be built.

    Args:
        path: its folder.

    Raises:
        AudiotagError: the folder is no data set, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not storage.is_file(path / MANIFEST):
            raise AudiotagError(f"{path} exists and is not a data set: choose another folder to build in, or delete it")
        self.manifest = Manifest.read(path, check=False)

    @cached_property
    def sources(self) -> dict[str, Source]:
        """What its recordings were; {} where that was not written down."""
        return sources.read(self.path)

    @cached_property
    def _rows(self) -> dict[str, dict[str, str]]:
        own = tables.read(self.path / CLIPS, encoding=tables.OWN)
        return {row["clip_id"]: row for row in own.to_dict("records")}

    @cached_property
    def _rejected(self) -> dict[str, str]:
        return {clip_id: row["reason"] for clip_id, row in self._rows.items() if row["status"] == "rejected"}

    def check(self, plan: Plan) -> None:
        """Refuse to build something else in its place; its clips may differ, see `changed`.

        Raises:
            AudiotagError: they differ in more than the clips, or a shard is missing.
        """
        keys = {**plan.description, **self.manifest.description}
        apart = {key for key in keys if self._differs(key, plan)}
        if apart and ("clips" not in apart or apart - {"clips", "version"}):
            raise self._other(plan)
        present = sources.survey(self.path / RECORDS, [shard.name for shard in self.manifest.shards])
        for shard in self.manifest.shards:
            file = present.get(shard.name)
            if file is None or file.bytes != shard.bytes:
                raise AudiotagError(
                    f"{self.path} is damaged ({shard.name} is missing or cut off): delete it and build it again"
                )

    def changed(self, plan: Plan) -> set[str]:
        """The recordings that are to be taken up: new, of other bytes now, or rejected before and usable now.

        A recording that was used and has gone since is none of them: its records are kept.

        Raises:
            AudiotagError: the clips differ, and not because of these.
        """
        changed, clips = set(), plan.declaration.clips
        if self.sources:
            used = {row["source"] for row in self._rows.values()}
            changed = {clip.source for clip in clips} - used
            changed |= {name for name in used if name in plan.surveyed and not self._holds(name, plan)}
        again = {self._rows[clip_id]["source"] for clip_id in self._rejected} - changed
        changed |= _usable([clip for clip in clips if clip.source in again], plan.job)
        if self._differs("clips", plan) and not self._explained(clips, changed):
            raise self._other(plan)
        return changed

    def kept(self, plan: Plan, changed: set[str]) -> dict[str, FinishedShard]:
        """By name, the shards that a new build would make again byte for byte."""
        before = [clip_of(row) for row in self._rows.values()]
        clips_of = {shard.name: shard.clips for shard in plan.shards_of(before)}
        same, listed = not self._differs("clips", plan), {shard.name: shard for shard in self.manifest.shards}
        kept = {}
        for shard in plan.shards:
            if shard.name not in listed or any(clip.source in changed for clip in shard.clips):
                continue
            if not same and any(clip.events for clip in shard.clips):  # `clips.csv` does not know them
                continue
            if list(map(_cells, shard.clips)) != list(map(_cells, clips_of.get(shard.name, ()))):
                continue
            if storage.sha256(self.path / RECORDS / shard.name) == listed[shard.name].sha256:
                own = {clip.clip_id for clip in shard.clips}
                rejected = {clip_id: reason for clip_id, reason in self._rejected.items() if clip_id in own}
                used = {name: self._now(name, plan) for name in plan.sources_of(shard)}
                kept[shard.name] = FinishedShard(listed[shard.name], rejected, used)
        return kept

    def _holds(self, name: str, plan: Plan) -> bool:
        """Whether a recording is what it was."""
        return name in self.sources and self._now(name, plan).sha256 == self.sources[name].sha256

    def _now(self, name: str, plan: Plan) -> Source:
        """A recording's size, time and checksum today; it is read where size and time are not those of before."""
        now, before = plan.surveyed[name], self.sources.get(name)
        return before if before and before.is_as(now) else sources.read_whole(plan.job.root / name, now)

    def _differs(self, key: str, plan: Plan) -> bool:
        return self.manifest.description.get(key) != plan.description.get(key)

    def _other(self, plan: Plan) -> AudiotagError:
        different = difference(self.manifest.description, plan.description)
        return AudiotagError(
            f"{self.path} holds another data set; they differ in {different} (there / wanted): "
            "choose another folder to build in, or delete it"
        )

    def _explained(self, clips: Sequence[Clip], changed: set[str]) -> bool:
        """Whether clips were cut otherwise, or splits drawn otherwise, because recordings have changed."""
        now = {clip.clip_id: (clip.source, _cells(replace(clip, split=""))) for clip in clips}
        before = map(clip_of, self._rows.values())
        then = {clip.clip_id: (clip.source, _cells(replace(clip, split=""))) for clip in before}
        others = {source for clip_id, (source, _) in {**then, **now}.items() if now.get(clip_id) != then.get(clip_id)}
        return bool(changed) and others <= changed


def _cells(clip: Clip) -> list[str]:
    """What decides the record of a clip: a further column may say how its recording is read."""
    return [*map(str, row_of(clip)), *(f"{column}={cell}" for column, cell in sorted(clip.columns.items()) if cell)]


def _usable(clips: Sequence[Clip], job: Job) -> set[str]:
    """The recordings of those clips that can be read: they are, into a folder that is thrown away."""
    if not clips or storage.is_in_memory(job.root):  # which worker processes do not see
        return set()
    with tempfile.TemporaryDirectory() as folder:
        work = worker.work_of(replace(job, folder=Path(folder)), Journal(Path(folder), "trial"))
        trial = [ShardPlan("trial", "trial", tuple(clips), len(clips))]
        tried = Local(1).make_shards(work, trial, lambda views: None)
        rejected = {clip_id for made in tried for clip_id in made.rejected}
    return {clip.source for clip in clips if clip.clip_id not in rejected}
