"""What is made of a tagger: format, precision, input and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal, get_args

from audiotag.errors import AudiotagError, suggest
from audiotag.export import formats

Format = Literal[formats.NAMES]
Precision = Literal["float32", "float16", "dynamic", "int8"]

ANY = "any"


@dataclass(frozen=True)
class Form:
    """What is made of a tagger.

    Args:
        to: the format.
        precision: float32, float16 (weights alone), dynamic (weights of 8 bits) or int8 (activations too).
        input: waveform or log-mel.
        seconds: length of what it takes, or any. Default: the tagger's window; of savedmodel and keras any,
            where the network takes any.
        frames: give the scores of every step of time too.
        embedding: give the averages of these layers too: mid, blocks, features or a layer's name. Default: none.

    Raises:
        AudiotagError: no such format, precision or input, or a length that is none.
    """

    to: Format = "litert"
    precision: Precision = "float32"
    input: Literal["waveform", "log-mel"] = "waveform"
    seconds: str | float | None = None
    frames: bool = False
    embedding: str | None = None

    def __post_init__(self) -> None:
        if self.to not in formats.NAMES:
            raise AudiotagError(f"no format is named {self.to!r}: {suggest(str(self.to), formats.NAMES)}")
        if self.precision not in (known := get_args(Precision)):
            raise AudiotagError(f"no precision is named {self.precision!r}: {suggest(str(self.precision), known)}")
        if self.input not in ("waveform", "log-mel"):
            raise AudiotagError(f"an export takes waveform or log-mel, received {self.input!r}: choose one")
        if self.seconds not in (None, ANY):
            try:
                object.__setattr__(self, "seconds", float(self.seconds))
            except ValueError as error:
                raise AudiotagError(f"seconds are a number or {ANY}, received {self.seconds!r}: give one") from error

    def written_by(self) -> ModuleType:
        """The module of its format, see `formats`.

        Raises:
            AudiotagError: a precision in which the format is not written.
        """
        module = formats.load(self.to)
        if self.precision not in module.PRECISIONS:
            raise AudiotagError(
                f"{self.to} is written in {', '.join(module.PRECISIONS)}, received {self.precision!r}: choose one"
            )
        return module

    def seconds_of(self, window: float, longest: int | None) -> float | None:
        """Length of what it takes; None: any.

        Args:
            window: of the tagger, seconds.
            longest: length that its network takes; None: any.
        """
        if self.seconds is None:
            return None if self.written_by().ANY_LENGTH and longest is None else window
        return None if self.seconds == ANY else self.seconds
