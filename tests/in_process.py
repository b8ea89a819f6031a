"""An engine without worker processes, for tests of which they are not the matter: a process starts in half a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from audiotag.records.engines.work import Work, pack
from audiotag.records.journal import FinishedShard
from audiotag.records.plan import ShardPlan


@dataclass(frozen=True)
class ThisProcess:
    """Makes shards where the build runs, from work that was packed as it is for a worker: the bytes are the same."""

    def make_shards(
        self, work: Work, shards: Sequence[ShardPlan], advance: Callable[[int], None]
    ) -> Iterator[FinishedShard]:
        unpacked = pack(work).unpack()
        for shard in shards:
            with threadpool_limits(1):
                made = unpacked.finish(shard, advance)
            yield made
