"""Teaching by the workers of an engine, each of which opens the teacher itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import records
from audiotag.distill import folder, opening
from audiotag.errors import AudiotagError
from audiotag.records.engines.work import Work
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.manifest import TEACHERS, Shard
from audiotag.records.plan import ShardPlan

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.records.engines import Engine
    from audiotag.scorers.opening import Source


@dataclass(frozen=True)
class Teaching:
    """What a worker is told.

    Args:
        data: path of the data set.
        name: of the teacher's outputs.
        sources: what the teachers are opened by.
        label_map: as of `teach`.
        stated: as of `teach`.
        batch_size: records at a time.
        sha256: of the teacher that the run began with.
        top: as of `teach`.
        frames: as of `teach`.
    """

    data: Path
    name: str
    sources: tuple[str, ...]
    label_map: Path | None
    stated: dict[str, Any]
    batch_size: int
    sha256: str
    top: int | None
    frames: bool

    @classmethod
    def of(
        cls,
        data: Data,
        name: str,
        sources: Sequence[Source],
        label_map: str | Path | None,
        stated: dict[str, Any],
        batch_size: int,
        sha256: str,
        top: int | None,
        frames: bool,
    ) -> Teaching:
        """Say what a worker needs, paths from the root on.

        Raises:
            AudiotagError: a teacher that only this process has.
        """
        for source in sources:
            if not isinstance(source, str | Path):
                raise AudiotagError(
                    f"workers open a teacher themselves, received the object {source!r}: name a run, a file, a "
                    "published model or module:function"
                )
        named = tuple(str(Path(source).resolve()) if Path(source).exists() else str(source) for source in sources)
        table = None if label_map is None else Path(label_map).resolve()
        return cls(data.path.resolve(), name, named, table, stated, batch_size, sha256, top, frames)

    @property
    def folder(self) -> Path:
        """Where the outputs lie."""
        return self.data / TEACHERS / self.name


def make_shards(
    engine: Engine, teaching: Teaching, journal: Journal, shards: Sequence[ShardPlan], advance: Callable[[int], None]
) -> Iterator[FinishedShard]:
    """Teach shards on an engine; arguments, results and errors as of `Engine.make_shards`."""
    return engine.make_shards(Work(_make_shard, teaching, journal, (teaching.data,)), shards, advance)


_kept: list[tuple[Teaching, opening.Opened]] = []  # a process teaches many shards by one teacher


def _make_shard(
    teaching: Teaching, journal: Journal, plan: ShardPlan, advance: Callable[[int], None], notes: Sequence[str] = ()
) -> FinishedShard:
    if not _kept or _kept[0][0] != teaching:
        _kept[:] = [(teaching, _opened(teaching))]
    opened = _kept[0][1]
    data, logits = opened.reading.data, opened.outputs(plan.name, teaching.batch_size)
    path, keys = teaching.folder / plan.name, data.keys(plan.name)
    written, _ = folder.write_shard(path, keys, logits, teaching.top, data.task)
    shard = Shard(plan.name, plan.split, written.examples, written.bytes, written.sha256)
    finished = FinishedShard(shard, {}, {}, tuple(dict.fromkeys(notes)))
    journal.add(finished)
    advance(plan.views)
    return finished


def _opened(teaching: Teaching) -> opening.Opened:
    data = records.open(teaching.data)
    opened = opening.opened(data, teaching.sources, teaching.stated, teaching.label_map, teaching.frames)
    if opened.mean.sha256 != teaching.sha256:
        raise AudiotagError(
            f"the teacher that a worker opens is another one ({opened.mean.sha256[:12]}…) than the one that the run "
            f"began with ({teaching.sha256[:12]}…): give all machines the same files"
        )
    return opened
