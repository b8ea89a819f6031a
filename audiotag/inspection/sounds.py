"""What clips sound like in their recordings, at the recordings' own rate: level, peak, clipping, length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag import audio, progress, storage
from audiotag.clips.declaration import read_clip, reading_of
from audiotag.errors import AudiotagError
from audiotag.records import Clip, Declaration
from audiotag.startup import processors

_PLATEAU, _BENEATH = 0.999, 0.98  # of the peak
_LEAST_SAMPLES, _LEAST_PEAK = 10, 0.1  # of a plateau
_LEAST_BEYOND = 3  # samples


@dataclass(frozen=True)
class Sound:
    """What one clip sounds like.

    Args:
        seconds: its length as it is played.
        peak: largest magnitude, full scale is 1.
        level: root mean square, dBFS; -inf of digital silence.
        clipped: share of the samples that lie on a plateau at the peak, or beyond full scale.
        rate: sample rate of the recording as it is played, Hz; 0: it is no file.
    """

    seconds: float
    peak: float
    level: float
    clipped: float
    rate: int


def measure(waveform: np.ndarray, sample_rate: int, file_rate: int = 0) -> Sound:
    """What a waveform sounds like."""
    peak = float(np.abs(waveform).max(initial=0.0))
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    level = 10 * np.log10(power) if power else -np.inf
    return Sound(len(waveform) / sample_rate, peak, float(level), clipping(waveform), file_rate)


def clipping(waveform: np.ndarray) -> float:
    """Share of the samples that a limit has cut off, above or below.

    The top thousandth below the peak holds more samples than the two hundredths beneath it; of a sine it holds a third
    as many, of noise hardly any. Decoders of lossy formats go beyond full scale where the recording was cut off.

    Args:
        waveform: (samples,), full scale 1.
    """
    cut = 0
    for side in (waveform, -waveform):
        peak = float(side.max(initial=0.0))
        top = int(np.count_nonzero(side >= _PLATEAU * peak))
        beneath = int(np.count_nonzero(side >= _BENEATH * peak)) - top
        beyond = int(np.count_nonzero(side > 1.0))
        if peak >= _LEAST_PEAK and top >= _LEAST_SAMPLES and top > beneath:
            cut += max(top, beyond)
        elif beyond >= _LEAST_BEYOND:
            cut += beyond
    return cut / max(len(waveform), 1)


def measure_all(source: Declaration | Path, clips: Sequence[Clip], sample_rate: int) -> dict[str, Sound]:
    """What clips sound like by their names; those that cannot be read are left out.

    Args:
        source: folder of the recordings, or the declaration, whose sounds may be no files.
        clips: of the data set.
        sample_rate: at which sounds that are no files are read, Hz.
    """
    if isinstance(source, Declaration):
        declared: Mapping[str, Clip] = {clip.clip_id: clip for clip in source.clips}
        clips = [declared.get(clip.clip_id, clip) for clip in clips]
        root, read = Path(source.root), source.read
    else:
        root, read = source, read_clip

    def look(clip: Clip) -> Sound | None:
        try:
            rate = _file_rate(root, clip) if read is read_clip else 0
            waveform = np.asarray(read(root, clip, rate or sample_rate), np.float32)
            return measure(waveform, rate or sample_rate, rate) if waveform.ndim == 1 and len(waveform) else None
        except (AudiotagError, OSError):
            return None

    return _in_threads(clips, look)


def _file_rate(root: Path, clip: Clip) -> int:
    """The rate of a recording as it is played."""
    _, speed = reading_of(clip.columns)
    return max(round(audio.info(storage.inside(root, clip.source)).sample_rate * speed), 1)


def _in_threads(clips: Sequence[Clip], look: Callable[[Clip], Sound | None]) -> dict[str, Sound]:
    sounds: dict[str, Sound] = {}
    with (
        ThreadPoolExecutor(min(8, processors())) as threads,
        progress.bar("Listening to the recordings", len(clips), "clips") as advance,
    ):
        for clip, sound in zip(clips, threads.map(look, clips), strict=True):
            if sound is not None:
                sounds[clip.clip_id] = sound
            advance(1)
    return sounds
