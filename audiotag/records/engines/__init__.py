"""Engines: what makes shards of records or of a teacher's outputs, by the same function, so with the same bytes.

`local` starts worker processes on this machine; `beam` hands the shards to Apache Beam, and so to whatever it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.records.engines.work import Work
    from audiotag.records.journal import FinishedShard
    from audiotag.records.plan import ShardPlan

NAMES = ("local", "beam")


class Engine(Protocol):
    """What makes shards."""

    def make_shards(
        self, work: Work, shards: Sequence[ShardPlan], advance: Callable[[int], None]
    ) -> Iterator[FinishedShard]:
        """Make shards by `work.finish`, which enters each in the journal.

        Args:
            work: what is done for every shard.
            shards: what to make.
            advance: called with the number of views done.

        Yields:
            Finished shards, in the order in which they finish.

        Raises:
            AudiotagError: a worker died or could not go on; what is in the journal is finished all the same.
        """
        ...


def on_beam(*options: str) -> Engine:
    """The engine that runs on Apache Beam.

    Args:
        options: of Beam's pipeline, as on its command line: "--runner=FlinkRunner", "--flink_master=host:8081" …
            Default: worker processes on this machine, one a core.

    Raises:
        AudiotagError: Apache Beam is not installed.

    Example:
        >>> records.build(declared, "gs://bucket/esc10", engine=engines.on_beam("--runner=DataflowRunner"))
    """
    try:
        from audiotag.records.engines.beam import Beam
    except ImportError as error:
        raise AudiotagError(f'the engine beam needs Apache Beam ({error}): pip install "audiotag[beam]"') from error
    return Beam(options)
