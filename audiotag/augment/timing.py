"""What each transform does to time, and how strong labels move with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.notes.rolls import HELD

Span = tuple[float, float]


@dataclass(frozen=True)
class Applied:
    """One transform as it was applied to a waveform.

    Args:
        transform: the audiomentations transform.
        parameters: what it drew.
        samples: length of the waveform it received.
        sample_rate: in Hz.
    """

    transform: Any
    parameters: dict[str, Any]
    samples: int
    sample_rate: int


def _shift(applied: Applied, onset: float, offset: float) -> list[Span]:
    """`Shift`: later by so many samples; what leaves at one end returns at the other if it rolls over."""
    unit = {"samples": 1, "fraction": applied.samples, "seconds": applied.sample_rate}[applied.transform.shift_unit]
    places = round(applied.parameters["shift_amount"] * unit)
    duration = applied.samples / applied.sample_rate
    if not applied.transform.rollover:
        later = places / applied.sample_rate
        return _within([(onset + later, offset + later)], duration)
    later = places % applied.samples / applied.sample_rate
    wrapped = later - duration
    return _within([(onset + wrapped, offset + wrapped), (onset + later, offset + later)], duration)


def _stretch(applied: Applied, onset: float, offset: float) -> list[Span]:
    """`TimeStretch`: `rate` times faster."""
    return [(onset / applied.parameters["rate"], offset / applied.parameters["rate"])]


def _mirror(applied: Applied, onset: float, offset: float) -> list[Span]:
    """`Reverse`: from the end to the beginning."""
    duration = applied.samples / applied.sample_rate
    return [(duration - offset, duration - onset)]


def _delay(applied: Applied, onset: float, offset: float) -> list[Span]:
    """`ApplyImpulseResponse`: later by the time that the direct sound takes, which is the response's peak."""
    later = _direct_sound(applied.parameters["ir_file_path"], applied.sample_rate)
    return [(onset + later, offset + later)]


@lru_cache(maxsize=1024)
def _direct_sound(path: str, sample_rate: int) -> float:
    return int(np.abs(audio.read(path, sample_rate)).argmax()) / sample_rate


_MOVES: dict[str, Callable[[Applied, float, float], list[Span]]] = {
    "ApplyImpulseResponse": _delay,
    "Reverse": _mirror,
    "Shift": _shift,
    "TimeStretch": _stretch,
}
_KEEPS = {
    "AddBackgroundNoise",
    "AddColorNoise",
    "AddGaussianNoise",
    "AddGaussianSNR",
    "AddShortNoises",
    "AirAbsorption",
    "Aliasing",
    "BandPassFilter",
    "BandStopFilter",
    "BitCrush",
    "Clip",
    "ClippingDistortion",
    "Gain",
    "GainTransition",
    "HighPassFilter",
    "HighShelfFilter",
    "LoudnessNormalization",
    "LowPassFilter",
    "LowShelfFilter",
    "Normalize",
    "PeakingFilter",
    "PitchShift",
    "PolarityInversion",
    "SevenBandParametricEQ",
    "TanhDistortion",
    "TimeMask",
}

_SPOILS_NOTES = {"PitchShift": "makes other notes of them", "Reverse": "lets notes begin where they ended"}


def _kind(transform: Any) -> str:
    """Name of an audiomentations transform; "" for anybody else's, whatever it is called."""
    cls = type(transform)
    return cls.__name__ if cls.__module__.split(".")[0] == "audiomentations" else ""


def check_known(transforms: Iterable[Any], policy: str, notes: bool = False) -> None:
    """Refuse transforms of which it is not known what they do to time, and to notes: events could not follow them.

    Args:
        transforms: of audiomentations.
        policy: its name, for messages.
        notes: whether the events are notes, which have a pitch and begin with a stroke.
    """
    for transform in transforms:
        if notes and (reason := _SPOILS_NOTES.get(_kind(transform))):
            raise AudiotagError(
                f"policy {policy!r} has {_kind(transform)}, which {reason}: leave it out for clips of notes, or "
                "choose 'light'"
            )
        if _kind(transform) not in _MOVES and _kind(transform) not in _KEEPS:
            raise AudiotagError(
                f"policy {policy!r} has {type(transform).__name__}, and where it moves events to is not known: "
                "leave it out for clips with strong labels"
            )


def moving(transforms: Iterable[Any]) -> tuple[str, ...]:
    """Names of the transforms that move sound in time, or of which that is not known.

    That a room's answer comes a few milliseconds later is not counted.
    """
    still = {*_KEEPS, "ApplyImpulseResponse"}
    return tuple(dict.fromkeys(type(each).__name__ for each in transforms if _kind(each) not in still))


def move(events: Sequence[Any], steps: Iterable[Applied], duration: float) -> tuple[Any, ...]:
    """Events after the transforms that were applied.

    Args:
        events: dataclass objects with `onset`, `offset` (seconds of the waveform) and `label`.
        steps: the transforms, in the order of their application.
        duration: length of the final waveform, seconds; what lies beyond is cut.

    Returns:
        The events, each moved, cut, split in two where it rolls over the end, or gone where all of it fell off.
    """
    spans = [(event, [(event.onset, event.offset)]) for event in events]
    for step in steps:
        if move_span := _MOVES.get(_kind(step.transform)):
            spans = [(event, [new for old in pieces for new in move_span(step, *old)]) for event, pieces in spans]
    return tuple(_moved(event, onset, offset) for event, pieces in spans for onset, offset in _within(pieces, duration))


def _moved(event: Any, onset: float, offset: float) -> Any:
    """The event at its new place; a note whose beginning was cut off had begun before the clip."""
    cut = onset == 0.0 != event.onset and getattr(event, "velocity", None) is not None
    return dataclasses.replace(event, onset=onset, offset=offset, **({"velocity": HELD} if cut else {}))


def _within(spans: Iterable[Span], duration: float) -> list[Span]:
    """The spans cut to [0, duration], empty ones left out."""
    cut = ((max(onset, 0.0), min(offset, duration)) for onset, offset in spans)
    return [(onset, offset) for onset, offset in cut if offset > onset]
