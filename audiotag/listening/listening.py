"""Listen to a source with a model: scores as they come, events, and what was lost on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from audiotag.listening.events import Event, Events
from audiotag.listening.sources import Source
from audiotag.tagging.streaming import StreamingTagger, StreamScores
from audiotag.tagging.waveform_model import WaveformModel

SILENCE = 5.0  # seconds of nothing but zeros, after which somebody should know
QUIETEST = -120.0  # dB


@dataclass(frozen=True)
class Heard:
    """A window, and what it changed.

    Args:
        scores: of the window; its times count from the beginning of listening, with what was lost.
        level: of what came since the last window, dB of full scale (of its mean square), at least -120.
        begun: events that begin with it.
        ended: events that ended before it.
        latency: seconds from the last sample of the window to its scores.
        silent: nothing but zeros has come for 5 s.
    """

    scores: StreamScores
    level: float
    begun: list[Event]
    ended: list[Event]
    latency: float
    silent: bool


@dataclass
class Account:
    """What listening came to.

    Args:
        seconds: heard.
        windows: scored.
        gaps: how often sound was lost.
        lost: seconds that were.
        latency: the longest, seconds.
        latencies: the sum of all.
        cpu: processor time over the time that passed.
    """

    seconds: float = 0.0
    windows: int = 0
    gaps: int = 0
    lost: float = 0.0
    latency: float = 0.0
    latencies: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        mean = 1000 * self.latencies / max(self.windows, 1)
        return (
            f"heard {self.seconds:.1f} s, {self.windows} windows; latency {mean:.0f} ms, at most "
            f"{1000 * self.latency:.0f} ms; {self.cpu:.0%} of a processor; gaps {self.gaps}, {self.lost:.1f} s lost"
        )


def listen(
    model: WaveformModel,
    source: Source,
    events: Events,
    account: Account,
    *,
    window: float | None = None,
    hop: float | None = None,
    seconds: float | None = None,
) -> Iterator[Heard]:
    """Score what a source gives, window by window.

    Where sound was lost the windows begin anew, so that none spans a gap, and what was heard ends.

    Args:
        model: what names the sounds.
        source: what is listened to.
        events: follows the scores.
        account: is filled in.
        window: as of `StreamingTagger`.
        hop: as of `StreamingTagger`.
        seconds: after which it ends; None: with the source.

    Yields:
        Every window as soon as it is scored; at the end what is left.
    """
    stream, offset = StreamingTagger(model, window, hop, source.sample_rate), 0.0
    stream.warm_up()
    begun, busy = time.monotonic(), time.process_time()
    since: list[np.ndarray] = []
    zeros = 0.0

    def heard(scores: StreamScores, arrived: float, ended: list[Event]) -> Heard:
        scores = replace(scores, start=scores.start + offset, end=scores.end + offset)
        new, over = events.take(scores)
        latency = time.monotonic() - arrived
        account.windows += 1
        account.latency, account.latencies = max(account.latency, latency), account.latencies + latency
        result = Heard(scores, level_of(since), new, ended + over, latency, zeros >= SILENCE)
        since.clear()
        return result

    arrived, over = begun, []
    for piece in source.pieces():
        arrived = piece.arrived
        if piece.lost:
            account.gaps, account.lost = account.gaps + 1, account.lost + piece.lost
            over = events.close()
            offset = account.seconds + account.lost
            stream.reset()
        account.seconds += len(piece.samples) / source.sample_rate
        since.append(piece.samples)
        zeros = 0.0 if piece.samples.any() else zeros + len(piece.samples) / source.sample_rate
        for scores in stream.feed(piece.samples):
            yield heard(scores, arrived, over)
            over = []
        account.cpu = (time.process_time() - busy) / max(time.monotonic() - begun, 1e-9)
        if seconds is not None and account.seconds >= seconds:
            break
    for scores in stream.close():
        yield heard(scores, arrived, over)
        over = []
    account.cpu = (time.process_time() - busy) / max(time.monotonic() - begun, 1e-9)


def level_of(pieces: list[np.ndarray]) -> float:
    """Level of some sound, dB of full scale, at least -120."""
    if not pieces or not (samples := np.concatenate(pieces)).size:
        return QUIETEST
    return max(10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12)), QUIETEST)
