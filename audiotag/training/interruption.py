"""Ctrl-C and SIGTERM while training: the step under way is finished, the state is kept, then the command ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audiotag import progress
from audiotag.errors import Stopped


class Interruption:
    """Whether somebody has asked the training to end, by the number of a `signal`; 0: nobody has.

    Args:
        busy: whether steps are under way whose results would be lost; else whoever asks is obeyed at once.
    """

    def __init__(self) -> None:
        self.busy = False
        self.signal = 0

    @property
    def requested(self) -> bool:
        """Whether the training is to end at the next moment when its state can be kept."""
        return self.signal != 0

    def request(self, number: int, frame: Any = None) -> None:
        """Take a signal; a second one ends everything at once."""
        again, self.signal = self.requested, number
        if again or not self.busy:
            self.end()
        progress.say("stopping: the step under way is finished and kept; once more to stop at once")

    def end(self) -> None:
        """End the training.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            Stopped: after SIGTERM, as a cloud sends it before it takes a machine away.
        """
        if self.signal == signal.SIGTERM:
            raise Stopped(
                "stopped; what is finished is kept, run the same command again to go on", code=128 + signal.SIGTERM
            )
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Take Ctrl-C and SIGTERM within the block, where nobody else does and this is the main thread."""
    interruption, before = Interruption(), {}
    if threading.current_thread() is threading.main_thread():
        for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if signal.getsignal(number) is usual:
                before[number] = signal.signal(number, interruption.request)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
