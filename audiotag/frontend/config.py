"""The log-mel front end as one frozen configuration, and the configurations of published models."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from audiotag.errors import AudiotagError, suggest


@dataclass(frozen=True)
class LogMelConfig:
    """Everything that decides the numbers of a log-mel spectrogram. The defaults are EfficientAT's.

    A frame is `window` samples times a Hann window, filled up with zeros to `fft` samples: framing is by the window,
    not by the FFT. Features are `(log(mel) - mean) / scale`.

    Args:
        name: what to call it; it decides no number.
        sample_rate: rate of the waveform, Hz. Default 32000.
        window: length of a frame, samples. Default 800.
        hop: distance of two frames, samples. Default 320.
        fft: length of the Fourier transform, samples, even, at least `window`. Default 1024.
        mels: number of mel bands. Default 128.
        fmin: lower edge of the lowest band, Hz. Default 0.
        fmax: upper edge of the highest band, Hz, at most half the sample rate. Default 15000.
        mel_scale: "kaldi" (1127 ln(1 + f/700), triangles linear in mel; `tf.signal` has the same), "htk" (the same
            curve, triangles linear in Hz), "slaney" (linear below 1 kHz, triangles linear in Hz). Default "kaldi".
        mel_norm: None, or "slaney": every triangle has the same area. Default None.
        symmetric_window: Hann over `window - 1` (True) or over `window` samples, the periodic one. Default True.
        preemphasis: a in y[n] = x[n + 1] - a x[n], which makes the signal one sample shorter; 0: none. Default 0.97.
        padding: "reflect" or "zero" puts half a window before and after the signal, so that frame t is centred on
            sample t * hop; "none" starts frame t there. Default "reflect".
        power: 2 for the power spectrum, 1 for the magnitude. Default 2.
        log: "natural", or "decibel" (10 log10). Default "natural".
        floor: "add" takes log(mel + log_floor), "clamp" log(max(mel, log_floor)). Default "add".
        log_floor: smallest value in the logarithm, positive. Default 1e-5.
        mean: subtracted from the logarithm. Default -4.5.
        scale: divides the difference, positive. Default 5.
    """

    name: str = "custom"
    sample_rate: int = 32_000
    window: int = 800
    hop: int = 320
    fft: int = 1024
    mels: int = 128
    fmin: float = 0.0
    fmax: float = 15_000.0
    mel_scale: Literal["kaldi", "htk", "slaney"] = "kaldi"
    mel_norm: Literal[None, "slaney"] = None
    symmetric_window: bool = True
    preemphasis: float = 0.97
    padding: Literal["reflect", "zero", "none"] = "reflect"
    power: Literal[1, 2] = 2
    log: Literal["natural", "decibel"] = "natural"
    floor: Literal["add", "clamp"] = "add"
    log_floor: float = 1e-5
    mean: float = -4.5
    scale: float = 5.0

    def __post_init__(self) -> None:
        self._check_types()
        if not 2 <= self.window <= self.fft or self.fft % 2:
            self._refuse("2 <= window <= fft, and an even fft", f"window {self.window}, fft {self.fft}")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            rule = f"0 <= fmin < fmax <= {self.sample_rate / 2:g} Hz, half the sample rate"
            self._refuse(rule, f"fmin {self.fmin:g}, fmax {self.fmax:g}")
        if not 0 <= self.preemphasis <= 1:
            self._refuse("0 <= preemphasis <= 1", self.preemphasis)
        if self.log_floor <= 0 or self.scale <= 0:
            self._refuse("a positive log_floor and scale", f"log_floor {self.log_floor:g}, scale {self.scale:g}")

    def _check_types(self) -> None:
        for field, kind in _kinds().items():
            value = getattr(self, field)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if kind is int and not (number and isinstance(value, int) and value >= 1):
                self._refuse(f"{field} as a positive whole number", repr(value))
            elif kind is float and not (number and math.isfinite(value)):
                self._refuse(f"{field} as a finite number", repr(value))
            elif (choices := get_args(kind)) and value not in choices:
                self._refuse(f"{field} as one of {', '.join(map(str, choices))}", repr(value))
            elif kind in (str, bool) and not isinstance(value, kind):
                rule = "a text as name and true or false as symmetric_window"
                self._refuse(rule, repr((self.name, self.symmetric_window)))
            elif kind is float:
                object.__setattr__(self, field, float(value))

    def _refuse(self, rule: str, received: object) -> None:
        raise AudiotagError(f"front end {self.name!r} needs {rule}; received {received}")

    @property
    def bins(self) -> int:
        """Frequencies of the spectrum: fft / 2 + 1."""
        return self.fft // 2 + 1

    @property
    def margin(self) -> int:
        """Samples put before the signal and after it: half a window, or none."""
        return 0 if self.padding == "none" else self.window // 2

    @property
    def minimum_samples(self) -> int:
        """Length of the shortest signal that gives a frame."""
        shortest = {"reflect": self.margin + 1, "zero": max(self.window - 2 * self.margin, 1), "none": self.window}
        return shortest[self.padding] + (self.preemphasis > 0)

    def frames(self, samples: int) -> int:
        """Number of frames of a signal of `samples` samples; 0 where it is shorter than `minimum_samples`."""
        if samples < self.minimum_samples:
            return 0
        length = samples - (self.preemphasis > 0) + 2 * self.margin
        return 1 + (length - self.window) // self.hop

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> LogMelConfig:
        """The configuration that `to_dict` wrote; a field not given has its default, an unknown one is an error."""
        known = [field.name for field in dataclasses.fields(cls)]
        for field in fields:
            if field not in known:
                raise AudiotagError(f"a front end has no field {field!r}: {suggest(str(field), known)}")
        return cls(**fields)

    def describe(self) -> str:
        """One short phrase for people: name, bands, frames and rate."""
        return (
            f"{self.name}: {self.mels} {self.mel_scale} mels {self.fmin:g}-{self.fmax:g} Hz, "
            f"window {self.window}, hop {self.hop} at {self.sample_rate} Hz"
        )

    def difference(self, other: LogMelConfig) -> str:
        """What makes the features of two front ends differ.

        Returns:
            "" where they are the same, whatever their names; else the fields with both values, this one's first:
            "mels 128 / 64, fmax 15000.0 / 14000.0".
        """
        mine, others = self.to_dict(), other.to_dict()
        return ", ".join(
            f"{field} {mine[field]} / {others[field]}"
            for field in mine
            if field != "name" and mine[field] != others[field]
        )


@cache
def _kinds() -> dict[str, Any]:
    return get_type_hints(LogMelConfig)


_UNSCALED: dict[str, Any] = {"symmetric_window": False, "preemphasis": 0.0, "mean": 0.0, "scale": 1.0}
_DECIBELS: dict[str, Any] = {"log": "decibel", "floor": "clamp", "log_floor": 1e-10}
_SLANEY: dict[str, Any] = {"mel_scale": "slaney", "mel_norm": "slaney", **_DECIBELS, **_UNSCALED}

PRESETS = {
    config.name: config
    for config in (
        LogMelConfig(name="efficientat"),
        *(LogMelConfig(name=f"efficientat_hop_{ms}", hop=32 * ms) for ms in (5, 15, 20, 25)),
        *(LogMelConfig(name=f"efficientat_mels_{mels}", mels=mels) for mels in (40, 64, 256)),
        # PaSST's class default is 15500; its training and evaluation scripts give 15000.
        LogMelConfig(name="passt", fmax=15_000.0),
        # Upper edge of evaluation: half the rate less half the range that training draws it from.
        LogMelConfig(
            name="efficientsed",
            sample_rate=16_000,
            window=400,
            hop=160,
            fft=512,
            fmax=7_000.0,
            floor="clamp",
            log_floor=1e-7,
        ),
        LogMelConfig(
            name="yamnet",
            sample_rate=16_000,
            window=400,
            hop=160,
            fft=512,
            mels=64,
            fmin=125.0,
            fmax=7_500.0,
            padding="none",
            power=1,
            log_floor=1e-3,
            **_UNSCALED,
        ),
        LogMelConfig(name="panns", window=1024, mels=64, fmin=50.0, fmax=14_000.0, **_SLANEY),
        LogMelConfig(
            name="librosa", sample_rate=22_050, window=2048, hop=512, fft=2048, fmax=11_025.0, padding="zero", **_SLANEY
        ),
        # The bands of arXiv 1710.11153, which tell the notes of a piano apart; a frame every 20 ms.
        LogMelConfig(
            name="pitch",
            sample_rate=16_000,
            window=2048,
            hop=320,
            fft=2048,
            mels=229,
            fmin=30.0,
            fmax=8_000.0,
            mel_scale="htk",
            mel_norm="slaney",
            power=1,
            floor="clamp",
            symmetric_window=False,
            preemphasis=0.0,
        ),
        # As usual for speech: 25 ms every 10 ms.
        LogMelConfig(name="speech", sample_rate=16_000, window=400, hop=160, fft=512, mels=64, fmin=20.0, fmax=8_000.0),
    )
}
"""Front ends by name: EfficientAT and its variants (hop in ms, mel bands), PaSST, EfficientSED, YAMNet (`tf.signal`),
PANNs, `librosa.feature.melspectrogram` in decibels, "pitch", for notes, and "speech"."""


def preset(name_or_config: str | LogMelConfig) -> LogMelConfig:
    """A front end by name; a configuration is given back as it is.

    Raises:
        AudiotagError: an unknown name; the nearest is suggested.
    """
    if isinstance(name_or_config, LogMelConfig):
        return name_or_config
    if name_or_config not in PRESETS:
        raise AudiotagError(f"no front end is named {name_or_config!r}: {suggest(str(name_or_config), PRESETS)}")
    return PRESETS[name_or_config]
