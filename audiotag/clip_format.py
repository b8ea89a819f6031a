"""What goes into a network and what comes out, in one object that data sets, model files and taggers hold."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, get_args

from audiotag.errors import AudiotagError, suggest
from audiotag.frontend.config import LogMelConfig
from audiotag.labels import Labels
from audiotag.task import Task

Pad = Literal["repeat", "zero", "zero_under_1s", "none"]

PADDING: dict[Pad, str] = {
    "repeat": "repeated until the window is full",
    "zero": "filled up with silence",
    "zero_under_1s": "filled up with silence where shorter than 1 s, else taken as they are",
    "none": "taken as they are",
}
"""What happens to recordings that are shorter than a window, for people."""

PUBLISHED_PAD: Pad = "zero_under_1s"
"""Of published models: silence up to the window finds more classes below 1 s and does nothing from 3 s on
(docs/models.md, "Short recordings")."""


def describe_speed(speed: float | None) -> str:
    """How fast recordings are played, for people: "speed 0.1"."""
    return "several speeds" if speed is None else f"speed {speed:g}"


@dataclass(frozen=True)
class ClipFormat:
    """A clip as a network takes it, and the classes that it gives.

    Args:
        labels: classes in the order of the outputs.
        front_end: the log-mel.
        task: what is asked of a clip.
        seconds: length of a clip, positive.
        pad: how a shorter clip is filled up: "repeat" itself, "zero", "zero_under_1s" (only what is shorter than 1 s,
            which is as it is where vectors or events are asked for), or "none" at all. Default "repeat".
        speed: how fast recordings are played, as of `audio.Recording`; None: at several speeds. Everything else here,
            `seconds` too, is of the sound that is heard then. Default 1.

    Raises:
        AudiotagError: a value outside its range.
    """

    labels: Labels
    front_end: LogMelConfig
    task: Task
    seconds: float
    pad: Pad = "repeat"
    speed: float | None = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", Task(self.task))
        object.__setattr__(self, "seconds", float(self.seconds))
        if self.pad not in get_args(Pad):
            raise AudiotagError(f"no way to fill up clips is named {self.pad!r}: {suggest(self.pad, get_args(Pad))}")
        if not self.seconds > 0:
            raise AudiotagError(f"seconds of a clip must be positive, received {self.seconds}")
        if self.speed is not None and not self.speed > 0:
            raise AudiotagError(f"speed of recordings must be positive, received {self.speed}")

    @property
    def samples(self) -> int:
        """Samples of a clip at the front end's rate."""
        return round(self.seconds * self.front_end.sample_rate)

    @property
    def frames(self) -> int:
        """Frames of a clip's log-mel."""
        return self.front_end.frames(self.samples)

    def difference(self, other: ClipFormat) -> str:
        """The first of front end, classes and task in which two formats differ; "" where they are the same.

        Lengths may differ: most networks take any.
        """
        differences = {
            "front end": self.front_end.difference(other.front_end),
            "classes": self.labels.names != other.labels.names,
            "task": self.task != other.task,
        }
        return next((what for what, differs in differences.items() if differs), "")

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON; without the speed where it is 1."""
        speed = {} if self.speed == 1 else {"speed": self.speed}
        return {
            "labels": {"names": list(self.labels.names), "ids": list(self.labels.ids)},
            "front_end": self.front_end.to_dict(),
            "task": str(self.task),
            "seconds": self.seconds,
            "pad": self.pad,
            **speed,
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ClipFormat:
        """The format that `to_dict` wrote."""
        labels = Labels(tuple(fields["labels"]["names"]), tuple(fields["labels"]["ids"]))
        front_end = LogMelConfig.from_dict(fields["front_end"])
        rest = (fields["task"], fields["seconds"], fields["pad"], fields.get("speed", 1.0))
        return cls(labels, front_end, *rest)


class HoldsClipFormat:
    """What a clip format says, as attributes of what holds one: a data set, a tagger."""

    clip_format: ClipFormat

    labels: Labels = property(attrgetter("clip_format.labels"), doc="Classes in the order of the outputs.")
    front_end: LogMelConfig = property(attrgetter("clip_format.front_end"), doc="The log-mel.")
    sample_rate: int = property(attrgetter("clip_format.front_end.sample_rate"), doc="Rate of the waveforms, Hz.")
    task: Task = property(attrgetter("clip_format.task"), doc="What is asked of a clip.")
    seconds: float = property(attrgetter("clip_format.seconds"), doc="Length of a clip, or of a window of a recording.")
    pad: Pad = property(attrgetter("clip_format.pad"), doc="How what is shorter is filled up.")
    speed: float | None = property(attrgetter("clip_format.speed"), doc="How fast recordings are played.")
    samples: int = property(attrgetter("clip_format.samples"), doc="Samples of a clip at the front end's rate.")
    frames: int = property(attrgetter("clip_format.frames"), doc="Frames of a clip's log-mel.")
