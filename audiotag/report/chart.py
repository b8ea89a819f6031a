"""Charts as data: drawn as SVG in `report.html` and as PNG in TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Line:
    """A line through points.

    Args:
        x: (points,) float.
        y: (points,) float; points that are not finite are left out.
        kind: "first", "second" (in grey, behind) or "guide" (dashed).
        sizes: (points,) radius of a dot at each point; None: no dots.
        name: for a legend; "" for none.
    """

    x: np.ndarray
    y: np.ndarray
    kind: Literal["first", "second", "guide"] = "first"
    sizes: np.ndarray | None = None
    name: str = ""


DIAGONAL = Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "guide")


@dataclass(frozen=True)
class Axis:
    """An axis.

    Args:
        label: what it counts, with its unit.
        low: value at its beginning.
        high: value at its end.
        ticks: where it is marked. Default: every fifth from 0 to 1.
        names: what stands at the ticks. Default: their values.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    ticks: Sequence[float] = _SHARES
    names: Sequence[str] = ()

    @property
    def texts(self) -> list[str]:
        """What stands at the ticks."""
        return list(self.names) or [f"{tick:g}" for tick in self.ticks]


@dataclass(frozen=True)
class Plot:
    """Lines, or an image such as a log-mel, within two axes.

    Args:
        name: short, of letters and underscores: TensorBoard's tag.
        title: what is seen, for a heading and for those who do not see it.
        x: the axis below.
        y: the axis at the left.
        lines: drawn in their order.
        caption: how to read it.
        image: (columns, rows) float that fills the axes, behind the lines, such as the frames and mels of a log-mel;
            None: nothing does.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    caption: str = ""
    image: np.ndarray | None = None


@dataclass(frozen=True)
class Matrix:
    """Counts by row and column, each row's share shaded.

    Args:
        name: as of `Plot`, and so are the following.
        title: what is seen.
        counts: (classes, classes) int64.
        totals: (classes,) int64, of which the counts of a row are shares.
        names: of the classes.
        caption: how to read it.
    """

    name: str
    title: str
    counts: np.ndarray
    totals: np.ndarray
    names: tuple[str, ...]
    caption: str = ""

    @property
    def shares(self) -> np.ndarray:
        """(classes, classes) float64; NaN in a row without anything."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.totals[:, None] > 0, self.counts / self.totals[:, None], np.nan)


Chart = Plot | Matrix


def nice_ticks(high: float, most: int = 6) -> list[float]:
    """At most `most` round numbers from 0 to `high`, steps of 1, 2 or 5 times a power of ten."""
    step = next(
        factor * 10.0**power
        for power in range(-9, 19)
        for factor in (1, 2, 5)
        if high / (factor * 10.0**power) <= most - 1
    )
    return [round(index * step, 9) for index in range(int(high / step + 1e-9) + 1)]
