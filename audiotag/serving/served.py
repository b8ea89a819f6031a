"""A model that is served: what it can do, and its scores of a recording over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, preset
from audiotag.scorers import Scorer
from audiotag.serving.limits import Limits, Refusal
from audiotag.serving.uploads import Sound
from audiotag.serving.work import Stop
from audiotag.tagging.waveform_model import of_windows, pad_of_vectors, whole

if TYPE_CHECKING:
    from audiotag.tagging.tags import Tag

THRESHOLD = 0.25
"""From which score a sound counts where the model says nothing."""


@dataclass(frozen=True)
class Scores:
    """Scores of consecutive parts of a recording.

    Args:
        starts: seconds, (parts,).
        ends: seconds, (parts,).
        scores: (parts, classes), 0 to 1.
        thresholds: from which each class counts, (classes,).
    """

    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray
    thresholds: np.ndarray

    def best(self, top: int) -> list[int]:
        """The classes with the highest scores, best first."""
        return np.argsort(-self.scores.max(axis=0), kind="stable")[:top].tolist()


@dataclass(frozen=True, eq=False)
class Served:
    """A model and what can be asked of it.

    Args:
        scorer: the model.
        limits: of requests.
    """

    scorer: Scorer
    limits: Limits

    @property
    def speed(self) -> float:
        """How fast recordings are played, as those of its training."""
        return self.scorer.speed or 1.0

    @property
    def picture(self) -> LogMelConfig:
        """The log-mel that shows a recording: its own, else the usual one."""
        return self.scorer.front_end or preset("efficientat")

    @property
    def embeds(self) -> bool:
        """Whether it gives embeddings."""
        return self.scorer.network is not None

    @cached_property
    def step(self) -> float | None:
        """Seconds from one step to the next of a network that keeps time; None: it keeps none."""
        if self.scorer.network is None or self.scorer.front_end is None:
            return None  # told without Keras, which a model of another kind does not need
        from audiotag.tagging import events

        try:
            return events.network_of(self.scorer)[1].seconds(self.scorer.front_end)[0] * self.speed
        except AudiotagError:
            return None

    def classes(self, names: Sequence[str]) -> list[int]:
        """Positions of classes by their names.

        Raises:
            AudiotagError: an unknown name.
        """
        return [self.scorer.labels.index(name) for name in names]

    def windows(self, sound: Sound, stop: Stop, window: float | None, hop: float | None) -> Scores:
        """Scores of windows, as of `tags.scores`."""
        self._check_windows(sound, window, hop)

        def run(waveforms: np.ndarray) -> np.ndarray:
            stop.check()
            return self.scorer.predict_on_batch(waveforms)

        starts, ends, scores = whole(of_windows(self.scorer, run, sound.played(stop, self.speed), window, hop))
        rate, own = self.scorer.sample_rate / self.speed, self.scorer.thresholds
        thresholds = np.full(len(self.scorer.labels), THRESHOLD) if own is None else np.asarray(own, np.float64)
        return Scores(starts / rate, ends / rate, scores, thresholds)

    def steps(self, sound: Sound, stop: Stop) -> Scores:
        """Scores of every step of time, as of `events.frame_scores`."""
        from audiotag.tagging import events

        self._check_steps()
        frames = events.frame_scores(self.scorer, sound.played(stop, self.speed))
        thresholds, *_ = events.decoding(self.scorer, None, None)
        return Scores(frames.starts, frames.ends, frames.scores, thresholds.astype(np.float64))

    def events(self, sound: Sound, stop: Stop, **options: Any) -> list[Tag]:
        """Events, as of `events.events`."""
        from audiotag.tagging import events

        self._check_steps()
        return events.events(self.scorer, sound.played(stop, self.speed), **options)

    def embedding(self, sound: Sound, stop: Stop, start: float = 0.0, end: float | None = None) -> np.ndarray:
        """The embedding of a recording, or of a part of it (seconds): (dim,), float32, as of `embeddings.embed`."""
        if not self.embeds:
            raise Refusal(422, f"embeddings are those of a Keras network, {self.scorer.name} has none: choose another")
        check_part(sound, start, end)
        waveform = np.concatenate(list(sound.blocks(stop, self.scorer.sample_rate, self.speed)))
        rate = self.scorer.sample_rate / self.speed
        part = waveform[round(start * rate) : None if end is None else round(end * rate)]
        return self.vector(part, stop)

    def vector(self, waveform: np.ndarray, stop: Stop | None = None) -> np.ndarray:
        """The embedding of a waveform at the model's rate: (dim,), float32."""
        from audiotag.tagging import embeddings

        network = embeddings.network_of(self.scorer)

        def run(waveforms: np.ndarray) -> np.ndarray:
            if stop is not None:
                stop.check()
            return network.predict_on_batch(waveforms)

        starts, ends, vectors = whole(of_windows(self.scorer, run, waveform, pad=pad_of_vectors(self.scorer)))
        return embeddings.mean(embeddings.Embeddings(starts, ends, vectors)).vectors[0]

    def _check_steps(self) -> None:
        if self.step is None:
            raise Refusal(422, f"{self.scorer.name} does not keep time, so it has no steps and no events: tag windows")

    def _check_windows(self, sound: Sound, window: float | None, hop: float | None) -> None:
        own, most = self.scorer.seconds * self.speed, self.limits.windows
        longest = max(self.limits.window, own)
        if window is not None and not 0 < window <= longest:
            raise Refusal(422, f"a window has more than 0 and at most {longest:g} s, received {window:g}")
        window = window or own
        if hop is not None and not 0 < hop < math.inf:
            raise Refusal(422, f"the hop is a positive number of seconds, received {hop:g}")
        if (count := (sound.seconds - window) / (hop or window)) > most:
            raise Refusal(422, f"a request has at most {most} windows, received {count:.0f}: choose a longer hop")


def check_part(sound: Sound, start: float, end: float | None) -> None:
    """Refuse what is no part of a recording, in seconds.

    Raises:
        Refusal: it does not lie in the recording.
    """
    if not 0 <= start < (sound.seconds if end is None else min(end, sound.seconds)) or (
        end is not None and not end <= sound.seconds + 0.05
    ):
        last = "the end" if end is None else f"{end:g}"
        raise Refusal(
            422,
            f"a part lies in its recording of {sound.seconds:g} s and begins before it ends, received {start:g} "
            f"to {last}",
        )
