"""How notes follow from the scores of steps: from which score one begins, and from which it lasts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.notes.rolls import SHORTEST, THRESHOLD, check_options


@dataclass(frozen=True)
class NoteDecoding:
    """The thresholds of notes; chosen by `audiotag.evaluation.note_tuning.choose`.

    Args:
        onset_threshold: from which score a step may begin a note, 0 to 1; see `notes.decode`.
        frame_threshold: from which score a note lasts, 0 to 1.
        fitted_on: what they were chosen on, for people, as `Calibration.fitted_on`; "" for the usual ones.

    Raises:
        AudiotagError: a threshold out of range.
    """

    onset_threshold: float = THRESHOLD
    frame_threshold: float = THRESHOLD
    fitted_on: str = ""

    def __post_init__(self) -> None:
        check_options(self.onset_threshold, self.frame_threshold, SHORTEST)

    def to_dict(self) -> dict[str, Any]:
        """Its fields as plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> NoteDecoding:
        """The decoding that `to_dict` described; an unknown field is an error."""
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in fields if name not in known]:
            raise AudiotagError(f"a decoding of notes has the fields {', '.join(known)}: unknown {', '.join(unknown)}")
        return cls(**fields)
