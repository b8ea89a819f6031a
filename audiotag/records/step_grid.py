"""Where the steps of a network lie in the time of a clip, and how values move from one grid of steps to another."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.clip_format import ClipFormat
    from audiotag.models.frames import FrameSteps


@dataclass(frozen=True)
class StepGrid:
    """Steps of time: step k has its centre at `first + k * distance` seconds.

    Its time reaches half a distance to either side; that of the first step begins with the clip, that of the last one
    ends with it.

    Args:
        count: steps of a clip, at least 1.
        distance: from one step to the next, seconds, positive.
        first: centre of the first step, seconds.

    Raises:
        AudiotagError: a value out of range.
    """

    count: int
    distance: float
    first: float

    def __post_init__(self) -> None:
        whole = isinstance(self.count, int) and self.count >= 1
        if not (whole and 0 < self.distance < math.inf and math.isfinite(self.first)):
            raise AudiotagError(
                "a grid of steps has a count of at least 1, a positive distance and a first centre in seconds, "
                f"received {asdict(self)}"
            )

    @classmethod
    def of(cls, steps: FrameSteps, clip_format: ClipFormat) -> StepGrid:
        """The grid of a network on the clips of a data set.

        Args:
            steps: of `models.frames.frame_steps`.
            clip_format: of the data set.
        """
        return cls(steps.count(clip_format.frames), *steps.seconds(clip_format.front_end))

    @classmethod
    def from_dict(cls, values: Any, owner: str) -> StepGrid:
        """The grid that `to_dict` wrote.

        Args:
            values: count, distance and first.
            owner: where they stand, for the message.

        Raises:
            AudiotagError: anything else.
        """
        try:
            return cls(values["count"], float(values["distance"]), float(values["first"]))
        except (KeyError, TypeError, ValueError) as error:
            raise AudiotagError(
                f"steps are stated by count, distance and first, {owner} has {values!r}: teach again"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    def sources(self, other: StepGrid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Between which steps of another grid the centres of this one lie.

        Args:
            other: another grid over the same clip.

        Returns:
            Steps of the other before and after each centre, (count,) int32, and the share of the later one, (count,)
            float32 in [0, 1). A centre outside the other's first and last one takes that step alone.
        """
        places = (self.first - other.first + np.arange(self.count) * self.distance) / other.distance
        places = np.clip(np.round(places, 6), 0, other.count - 1)
        before = np.floor(places).astype(np.int32)
        return before, np.minimum(before + 1, other.count - 1), (places - before).astype(np.float32)
