"""The work of requests: one after the other in one thread, a bounded number of them, ended when nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from audiotag.serving.limits import Limits, Refusal

if TYPE_CHECKING:
    from fastapi import Request

Result = TypeVar("Result")

RETRY_AFTER = 2
"""Seconds after which who was sent away may come again."""


class Stop:
    """Ends the work of one request from within, where nobody waits for it any more or it takes too long.

    Args:
        seconds: that it may take from its beginning.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, float("inf")
        self._unwanted = threading.Event()

    def begin(self) -> None:
        """The work begins now."""
        self._end = time.monotonic() + self._seconds

    def set(self) -> None:
        """Nobody waits for the result."""
        self._unwanted.set()

    def check(self, *_: Any) -> None:
        """Raise where the work is to end; what takes long calls it now and then."""
        if self._unwanted.is_set():
            raise Refusal(499, "nobody waits for the result")
        if time.monotonic() > self._end:
            raise Refusal(413, f"the work takes longer than {self._seconds:g} s: send a shorter recording")


class Work:
    """One thread that computes, and the places of those who wait for it.

    The thread is a daemon: a server that ends does not wait for what a runtime is in the middle of.

    Args:
        limits: how many may wait, and how long work may take.

    `taken` counts the places that are held.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self.taken = limits, 0
        self._jobs: SimpleQueue[tuple[Callable[[Stop], Any], Stop, asyncio.Future[Any]]] = SimpleQueue()
        self._waiting: dict[asyncio.Future[Any], Stop] = {}
        threading.Thread(target=self._run, daemon=True, name="audiotag serve").start()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place from before the upload is read until the answer is there.

        Raises:
            Refusal: all places are taken.
        """
        if self.taken >= self._limits.requests:
            raise Refusal(
                503,
                f"as many requests as are taken at once are being served ({self.taken}): come again in {RETRY_AFTER} s",
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def done(self, request: Request, work: Callable[[Stop], Result]) -> Result:
        """What some work gives; it is ended when the client hangs up.

        Args:
            request: whose body has been read.
            work: called in the thread, with what it is to check now and then.
        """
        stop, future = Stop(self._limits.computing), asyncio.get_running_loop().create_future()
        self._waiting[future] = stop
        self._jobs.put((work, stop, future))
        gone = asyncio.create_task(_hung_up(request))
        try:
            await asyncio.wait({future, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise Refusal(499, "the client has hung up")
            return future.result()
        finally:
            stop.set()
            del self._waiting[future]
            gone.cancel()
            future.cancel()

    def end(self) -> None:
        """End all work: the server ends."""
        for future, stop in self._waiting.items():
            stop.set()
            error = Refusal(503, "the server ends")
            future.get_loop().call_soon_threadsafe(_settle, future, None, error)

    def _run(self) -> None:
        while True:
            work, stop, future = self._jobs.get()
            result, error = None, None
            try:
                stop.begin()
                stop.check()
                result = work(stop)
            except BaseException as raised:  # it belongs to who waits, and the next one's work goes on
                error = raised
            with suppress(RuntimeError):  # the server has ended meanwhile
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)
            del work, future, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
