"""Scores of a sound that comes in pieces and need never end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import soxr

from audiotag.audio.waveforms import SHORTEST_REST
from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend import LogMelConfig, log_mel
from audiotag.tagging.waveform_model import WaveformModel, window_and_hop
from audiotag.tagging.windows import filled

HOP = 1.0
"""Seconds from one answer to the next, where neither they nor a shorter window are asked for."""


@dataclass(frozen=True)
class StreamScores:
    """The scores of one window.

    Args:
        start: beginning of the window, seconds since the first sample.
        end: end of what the window heard, seconds since the first sample.
        scores: (classes,) float32, 0 to 1.
    """

    start: float
    end: float
    scores: np.ndarray


class StreamingTagger:
    """Takes a waveform in pieces of any size and scores a window every hop, as `tags.scores` does of the whole.

    What is kept are the samples and log-mel frames of the window under way, so memory does not grow. Of a model of
    log-mel only frames that are new are computed, with the few at either end of a window that see its padding; for that
    the hop is a whole number of frames. A model of waveforms, such as most exported files, is given the window anew.

    Args:
        model: an `AudioTagger` or a scorer.
        window: seconds; None: the model's own length.
        hop: seconds from window to window, rounded to whole frames of log-mel, at most the window; None: 1, or the
            window where it is shorter.
        sample_rate: rate of the pieces, Hz; None: the model's. Others are resampled.

    Raises:
        AudiotagError: an argument out of range.

    Example:
        >>> stream = StreamingTagger(audiotag.load("mn04_as"), window=2.0, hop=0.5)
        >>> for piece in pieces_of_a_microphone():
        ...     for heard in stream.feed(piece):
        ...         print(heard.end, heard.scores.argmax())
    """

    def __init__(
        self,
        model: WaveformModel,
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
    ) -> None:
        self.model, self.sample_rate = model, model.sample_rate if sample_rate is None else sample_rate
        if self.sample_rate < 1:
            raise AudiotagError(f"sample_rate must be positive, received {sample_rate}")
        hop = min(HOP, model.seconds if window is None else window) if hop is None else hop
        self._window, step = window_and_hop(model, window, hop)
        front_end = model.front_end
        grid = 1 if front_end is None else front_end.hop
        self._hop = max(round(step / grid), 1) * grid
        if self._hop > self._window:
            raise AudiotagError(
                f"a stream is heard without gaps, received a hop of {hop:g} s and windows of "
                f"{self._window / model.sample_rate:g} s: choose a shorter hop"
            )
        self._run = _of_windows(model) if front_end is None else _of_log_mel(model)
        self.reset()

    @property
    def window(self) -> float:
        """Length of a window, seconds."""
        return self._window / self.model.sample_rate

    @property
    def hop(self) -> float:
        """Distance of two windows, seconds."""
        return self._hop / self.model.sample_rate

    def reset(self) -> None:
        """Begin anew, as where sound was lost: no window spans what came before and what comes now."""
        rate, front_end = self.model.sample_rate, self.model.front_end
        self._frames = None if front_end is None else _Frames(front_end, self._window)
        self._resampler = None
        if self.sample_rate != rate:
            self._resampler = soxr.ResampleStream(self.sample_rate, rate, 1, dtype="float32", quality="HQ")
        self._signal = np.empty(0, np.float32)  # from the sample `_first` on
        self._waiting: list[np.ndarray] = []  # what follows it: joined once there is enough for a window
        self._end = 0
        self._first = self._next = self._ended = 0
        self._closed = False

    def warm_up(self) -> None:
        """Score a window of silence, so that the first answer comes as quickly as the others."""
        silence = np.zeros(self._window, np.float32)
        self._run((silence if self._frames is None else log_mel(silence, self.model.front_end))[None])

    def feed(self, piece: np.ndarray) -> list[StreamScores]:
        """Take the next piece.

        Args:
            piece: (samples,) floats in [-1, 1], any number of them, at `sample_rate`.

        Returns:
            The windows that it completes, in their order.

        Raises:
            AudioError: no mono floats, or samples that are not finite.
        """
        if self._closed:
            raise AudiotagError("the stream was closed: reset it, or make another StreamingTagger")
        piece = np.asarray(piece)
        if piece.ndim != 1 or not np.issubdtype(piece.dtype, np.floating):
            raise AudioError(f"a piece is mono floats of shape (samples,), received {piece.dtype} of {piece.shape}")
        if not np.isfinite(piece).all():
            raise AudioError("a piece must be finite, received NaN or infinite samples")
        return list(self._take(piece.astype(np.float32), last=False))

    def close(self) -> list[StreamScores]:
        """End the stream.

        Returns:
            What is left: the last window, which ends with the stream, unless the one before it ended less than 2 % of
            a window earlier; of a stream shorter than a window, that window, filled up by the model's pad policy.
            Nothing of a stream without samples.
        """
        if self._closed:
            return []
        left = list(self._take(np.empty(0, np.float32), last=True))
        self._closed = True
        end = self._end
        if not end or (self._ended and end - self._ended < SHORTEST_REST * self._window):
            return left
        start = max(end - self._window, 0)
        limits = self.model.limits
        fixed = limits.shortest == limits.longest
        window = filled(
            self._signal[start - self._first :], self._window, self.model.pad, self.model.sample_rate, fixed
        )
        features = window if self._frames is None else log_mel(window, self.model.front_end)
        return [*left, self._scored(start, end, features)]

    def _take(self, piece: np.ndarray, *, last: bool) -> Iterator[StreamScores]:
        if self._resampler is not None:
            piece = self._resampler.resample_chunk(piece, last=last)
        self._waiting.append(piece)
        self._end += len(piece)
        if last or self._end >= self._next + self._window:
            self._signal, self._waiting = np.concatenate([self._signal, *self._waiting]), []
        while self._end >= self._next + self._window:
            start, self._next = self._next, self._next + self._hop
            self._ended = start + self._window
            window = self._signal[start - self._first :][: self._window]
            features = window if self._frames is None else self._frames.of_window(start, window)
            yield self._scored(start, self._ended, features)
            # The last window may begin a hop before what would be the next one.
            kept = max(self._next - self._hop, 0)
            self._signal, self._first = self._signal[kept - self._first :], kept

    def _scored(self, start: int, end: int, features: np.ndarray) -> StreamScores:
        rate = self.model.sample_rate
        return StreamScores(start / rate, end / rate, np.asarray(self._run(features[None])[0], np.float32))


class _Frames:
    """Log-mel of windows that overlap: what two of them share is computed once.

    Args:
        front_end: of the model.
        window: samples.
    """

    def __init__(self, front_end: LogMelConfig, window: int) -> None:
        self._front_end, self._within = front_end, replace(front_end, padding="none")
        hop, margin = front_end.hop, front_end.margin
        frames, length = front_end.frames(window), window - (front_end.preemphasis > 0)
        # Frames that see nothing of what lies before the window or after it.
        inner = [at for at in range(frames) if 0 <= at * hop - margin <= length - front_end.window]
        self._before, self._after = (inner[0], inner[-1] + 1) if inner else (frames, frames)
        self._all = frames
        # So many samples give the frames at either end as the whole window does.
        self._ends = min((2 * margin // hop + 3) * hop + front_end.window + margin, window)
        self._known: np.ndarray | None = None  # of frames `_from` … of the stream
        self._from = 0

    def of_window(self, start: int, window: np.ndarray) -> np.ndarray:
        """(frames, mels) of a window that begins at a sample of the stream which is a multiple of the hop."""
        hop, margin = self._front_end.hop, self._front_end.margin
        if self._before >= self._after:
            return log_mel(window, self._front_end)
        first, after = start // hop + self._before, start // hop + self._after
        known = np.empty((0, self._front_end.mels), np.float32)
        if self._known is not None and self._from <= first:
            known = self._known[first - self._from :]
        new = first + len(known)
        if new < after:
            begin = (new - start // hop) * hop - margin
            wanted = (after - new - 1) * hop + self._front_end.window + (self._front_end.preemphasis > 0)
            fresh = log_mel(window[begin : begin + wanted], self._within)
            known = np.concatenate([known, fresh])
        self._known, self._from = known, first
        result = [known[: after - first]]
        if self._before:
            result.insert(0, log_mel(window[: self._ends], self._front_end)[: self._before])
        if behind := self._all - self._after:
            # The piece at the end begins on a frame too, so that its frames lie where the window's do.
            begin = max((len(window) - self._ends) // hop, 0) * hop
            result.append(log_mel(window[begin:], self._front_end)[-behind:])
        return np.concatenate(result)


def _of_windows(model: WaveformModel) -> Callable[[np.ndarray], np.ndarray]:
    return model.predict_on_batch


def _of_log_mel(model: WaveformModel) -> Callable[[np.ndarray], np.ndarray]:
    """(batch, frames, mels) to scores (batch, classes), by a model of log-mel."""
    if hasattr(model, "raw"):  # a scorer, which knows whether its network gives logits
        return lambda features: model.scores(features[..., None])
    import keras

    # A model of its own, which shares the weights: how it is compiled is not the tagger's matter.
    network = keras.Model(model.network.input, model.network.output, name=model.network.name)
    if keras.config.backend() == "tensorflow":
        network.jit_compile = False  # XLA would compile for seconds before the first answer
    calibration, task = model.calibration, model.task

    def run(features: np.ndarray) -> np.ndarray:
        scores = task.probabilities(network.predict_on_batch(features[..., None]))
        return scores if calibration is None else calibration.scores(scores, task)

    return run
