"""What names sounds by their waveform, whatever it is made of, and the windows that it takes of a file or waveform."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import soxr

from audiotag import audio
from audiotag.clip_format import Pad
from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend.config import LogMelConfig
from audiotag.labels import Labels
from audiotag.tagging.computing import computed
from audiotag.tagging.windows import Windows, windows_of

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Limits:
    """Which lengths of input a model takes.

    Args:
        name: of the model, for messages.
        shortest: least length, frames of log-mel or samples of a waveform.
        longest: greatest length, in the same; None: any.
    """

    name: str
    shortest: int = 1
    longest: int | None = None


class WaveformModel(Protocol):
    """An `AudioTagger`, or a `scorers.Scorer` of anything else.

    Args:
        labels: classes in the order of the scores.
        sample_rate: of the waveforms, Hz.
        front_end: the log-mel that it is computed by; None: it takes the waveform itself.
        seconds: length of a window.
        pad: what a signal shorter than a window is filled up with.
        speed: how fast recordings are played, as those of its training; None: those had several speeds.
        thresholds: (classes,) score from which each label counts as found; None: it has none.
        limits: lengths that it takes.
    """

    labels: Labels
    sample_rate: int
    front_end: LogMelConfig | None
    seconds: float
    pad: Pad
    speed: float | None
    thresholds: Sequence[float] | None
    limits: Limits

    def predict_on_batch(self, waveforms: np.ndarray) -> np.ndarray:
        """Scores (batch, classes) of waveforms (batch, samples), float32."""


def window_and_hop(model: WaveformModel, window: float | None = None, hop: float | None = None) -> tuple[int, int]:
    """Window and hop in samples.

    Args:
        model: what takes the windows.
        window: seconds; None: the model's own `seconds`.
        hop: seconds; None: the window, so that windows do not overlap.

    Raises:
        AudiotagError: not positive, too short for the front end, or not what the model takes.
    """
    window = model.seconds if window is None else window
    hop = window if hop is None else hop
    if not (0 < window < float("inf") and 0 < hop < float("inf")):
        raise AudiotagError(f"window and hop must be positive seconds, received {window} and {hop}")
    samples, step = round(window * model.sample_rate), max(round(hop * model.sample_rate), 1)
    _check_samples(model, samples)
    return samples, step


def pad_of_vectors(model: WaveformModel) -> Pad:
    """How a short signal is filled up where no tags are asked for.

    Silence below 1 s helps tags, not vectors: docs/models.md, "Short recordings".
    """
    return "none" if model.pad == "zero_under_1s" else model.pad


def speed_of(model: WaveformModel, source: audio.Source | np.ndarray) -> float:
    """How fast a recording is played, so that its own times are those of the model times this.

    An `audio.Recording` says it itself, a file is played as those of the model's training, a waveform as it is.
    """
    if isinstance(source, audio.Recording):
        return source.speed
    return (model.speed or 1.0) if isinstance(source, audio.Source) else 1.0


def of_windows(
    model: WaveformModel,
    run: Callable[[np.ndarray], np.ndarray],
    source: audio.Source | np.ndarray,
    window: float | None = None,
    hop: float | None = None,
    sample_rate: int | None = None,
    pad: Pad | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What a function of waveforms (batch, samples) gives for the windows of a file or waveform, see `tags.tag`.

    Short signals are filled up by the model's pad policy, unless `pad` is another. A file is computed while it is
    decoded (`computing.computed`).

    Yields:
        Of some windows in a row the first sample of each at the model's rate (windows,), int64; the sample after its
        last one that belongs to the signal; and its output (windows, ...). `whole` puts them together.
    """
    speed = speed_of(model, source)
    samples, step = window_and_hop(model, *(None if length is None else length / speed for length in (window, hop)))
    signal = _signal(model, source, sample_rate)
    lengths: dict[str, Any] = {"window": samples, "hop": step, "pad": pad or model.pad}
    lengths["whole"] = model.limits.shortest == model.limits.longest

    def parts() -> Iterator[Windows]:
        for part in windows_of(signal, model.sample_rate, **lengths):
            _check_samples(model, part.waveforms.shape[1])
            yield part

    if isinstance(signal, np.ndarray):
        results = ((part, run(part.waveforms)) for part in parts())
    else:
        results = computed(run, parts(), concurrent=getattr(model, "concurrent", False))
    for part, outputs in results:
        yield part.starts, part.ends, outputs


def whole(parts: Iterable[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Parts of arrays, one behind the other, as one array each."""
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def as_waveform(model: WaveformModel, source: audio.Source | np.ndarray, sample_rate: int | None = None) -> np.ndarray:
    """A file or waveform as a whole at the model's rate, (samples,) float32; arguments as of `of_windows`."""
    signal = _signal(model, source, sample_rate)
    return signal if isinstance(signal, np.ndarray) else audio.read(signal, model.sample_rate)


def _signal(
    model: WaveformModel, source: audio.Source | np.ndarray, sample_rate: int | None
) -> audio.Recording | np.ndarray:
    """A waveform at the model's rate, or a recording as it is to be played."""
    if not isinstance(source, audio.Source):
        return _waveform(source, sample_rate, model.sample_rate)
    if sample_rate is not None:
        raise AudiotagError(f"sample_rate is for waveforms, received {sample_rate} with a file: leave it out")
    return (
        source if isinstance(source, audio.Recording) else audio.Recording(Path(source), speed=speed_of(model, source))
    )


def on_waveforms(model: WaveformModel, network: keras.Model) -> keras.Model:
    """A network that takes waveforms (batch, samples): one of log-mel behind the model's front end."""
    import keras

    from audiotag.frontend.layer import LogMel

    if model.front_end is not None:
        waveforms = keras.Input((None,), dtype="float32", name="waveform")
        network = keras.Model(waveforms, network(LogMel(model.front_end)(waveforms)), name=network.name)
    if keras.config.backend() == "tensorflow":
        network.jit_compile = False  # as of the tagger: XLA would compile at every new length
    return network


def _check_samples(model: WaveformModel, samples: int) -> None:
    """Refuse a window that is shorter or longer than what a model takes."""
    limits, unit, length = model.limits, "samples", samples
    if model.front_end is not None:
        unit, length = "frames", model.front_end.frames(samples)
    if length < 1:
        least = 1 if model.front_end is None else model.front_end.minimum_samples
        raise AudioError(f"at least {least} samples ({least / model.sample_rate:.3f} s) are needed, received {samples}")
    received = f"{samples / model.sample_rate:g} s give {length}"
    if limits.shortest == limits.longest != length:
        raise AudiotagError(
            f"{limits.name} takes exactly {limits.longest} {unit}, {received}: use windows of {model.seconds:g} s"
        )
    if length < limits.shortest:
        raise AudioError(f"{limits.name} takes at least {limits.shortest} {unit}, {received}: use longer clips")
    if limits.longest is not None and length > limits.longest:
        raise AudiotagError(
            f"{limits.name} takes at most {limits.longest} {unit}, {received}: use windows of {model.seconds:g} s"
        )


def _waveform(waveform: np.ndarray, sample_rate: int | None, wanted: int) -> np.ndarray:
    """A waveform as (samples,), float32, at the rate that is wanted."""
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not len(waveform) or not np.issubdtype(waveform.dtype, np.floating):
        raise AudioError(
            "a waveform must be mono floats of shape (samples,) in [-1, 1] and not empty, "
            f"received {waveform.dtype} of shape {waveform.shape}"
        )
    if not np.isfinite(waveform).all():
        raise AudioError("a waveform must be finite, received NaN or infinite samples")
    waveform = waveform.astype(np.float32)
    if sample_rate in (None, wanted):
        return waveform
    if sample_rate < 1:
        raise AudiotagError(f"sample_rate must be positive, received {sample_rate}")
    return soxr.resample(waveform, sample_rate, wanted, quality="HQ")
