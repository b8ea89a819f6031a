"""Windows that are computed while the next ones are decoded: in their order, the same whatever the machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from multiprocessing.pool import AsyncResult, ThreadPool

import numpy as np

from audiotag.startup import have_one_processor, processors
from audiotag.tagging.windows import Windows

_AHEAD = 2  # batches that wait for each thread: enough to bridge a block that is being decoded


@cache
def _pool(threads: int) -> ThreadPool:
    """Threads that compute, kept for all files: a runtime prepares itself in each."""
    return ThreadPool(threads, have_one_processor if threads > 1 else None)


def computed(
    run: Callable[[np.ndarray], np.ndarray], parts: Iterable[Windows], *, concurrent: bool
) -> Iterator[tuple[Windows, np.ndarray]]:
    """Batches of windows with their outputs, in the order of the batches.

    The calling thread decodes; others compute. Every batch is computed as it is, by itself, so nothing depends on how
    many threads there are.

    Args:
        run: waveforms (batch, samples) to outputs (batch, …).
        parts: the batches, decoded as they are asked for.
        concurrent: whether `run` may be called by several threads at once. Then there is one for each processor, which
            is told to use no other; else a single one, for all files.
    """
    threads = processors() if concurrent else 1
    waiting: deque[tuple[Windows, AsyncResult[np.ndarray]]] = deque()
    for part in parts:
        waiting.append((part, _pool(threads).apply_async(run, (part.waveforms,))))
        if len(waiting) > _AHEAD * threads:
            part, outputs = waiting.popleft()
            yield part, outputs.get()
    while waiting:
        part, outputs = waiting.popleft()
        yield part, outputs.get()
