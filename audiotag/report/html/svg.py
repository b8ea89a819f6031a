"""Line plots as SVG text: axes, ticks, lines, bars and points, coloured by the style sheet of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 12, 44
_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Line:
    """A line through points.

    Args:
        x: (points,) float.
        y: (points,) float; points that are not finite are left out.
        kind: class of the style sheet: "first", "second" or "guide".
        sizes: (points,) radius of a dot at each point, in units of the drawing; None: no dots.
    """

    x: np.ndarray
    y: np.ndarray
    kind: str = "first"
    sizes: np.ndarray | None = None


@dataclass(frozen=True)
class Axis:
    """An axis.

    Args:
        label: what it counts, with its unit.
        low: value at its beginning.
        high: value at its end.
        ticks: where it is marked. Default: every fifth from 0 to 1.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    ticks: Sequence[float] = _SHARES


def plot(lines: Sequence[Line], x: Axis, y: Axis, about: str, *, picture: str = "", height: int = HEIGHT) -> Markup:
    """A plot of lines, or of a picture, within two axes.

    Args:
        lines: drawn in their order.
        x: the axis below.
        y: the axis at the left.
        about: what is seen, in words, for those who do not see it.
        picture: address of a picture that fills the axes, behind the lines.
        height: of the whole drawing; its width is 360.

    Returns:
        An `<svg>` element that scales with its place.
    """
    frame = _Frame(x, y, height)
    parts = [frame.image(picture), frame.axes(grid=False)] if picture else [frame.axes()]
    parts += [frame.line(line) for line in lines]
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, about, Markup("").join(parts)
    )


def nice_ticks(high: float, most: int = 6) -> list[float]:
    """At most `most` round numbers from 0 to `high`, steps of 1, 2 or 5 times a power of ten."""
    step = next(
        factor * 10.0**power
        for power in range(-9, 19)
        for factor in (1, 2, 5)
        if high / (factor * 10.0**power) <= most - 1
    )
    return [round(index * step, 9) for index in range(int(high / step + 1e-9) + 1)]


class _Frame:
    """Where values lie in the drawing."""

    def __init__(self, x: Axis, y: Axis, height: int) -> None:
        self.x, self.y = x, y
        self.right, self.bottom = WIDTH - _RIGHT, height - _BOTTOM

    def across(self, value: float | np.ndarray) -> np.ndarray:
        return _LEFT + (np.asarray(value) - self.x.low) / (self.x.high - self.x.low) * (self.right - _LEFT)

    def up(self, value: float | np.ndarray) -> np.ndarray:
        return self.bottom - (np.asarray(value) - self.y.low) / (self.y.high - self.y.low) * (self.bottom - _TOP)

    def axes(self, grid: bool = True) -> Markup:
        top, right = (_TOP, self.right) if grid else (self.bottom + 4, _LEFT - 4)
        kind, parts = "grid" if grid else "axis", []
        for tick in self.x.ticks:
            place = f"{self.across(tick):.1f}"
            parts.append(f'<path class="{kind}" d="M{place} {self.bottom}V{top}"/>')
            parts.append(f'<text x="{place}" y="{self.bottom + 16}" text-anchor="middle">{tick:g}</text>')
        for tick in self.y.ticks:
            place = float(self.up(tick))
            parts.append(f'<path class="{kind}" d="M{_LEFT} {place:.1f}H{right}"/>')
            parts.append(f'<text x="{_LEFT - 7}" y="{place + 4:.1f}" text-anchor="end">{tick:g}</text>')
        parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{self.bottom}H{self.right}"/>')
        middle, height = (_LEFT + self.right) / 2, (_TOP + self.bottom) / 2
        below, left = escape(self.x.label), escape(self.y.label)
        parts.append(f'<text x="{middle}" y="{self.bottom + 36}" text-anchor="middle">{below}</text>')
        parts.append(f'<text transform="translate(13 {height}) rotate(-90)" text-anchor="middle">{left}</text>')
        return Markup("".join(parts))

    def line(self, line: Line) -> Markup:
        defined = np.isfinite(line.x) & np.isfinite(line.y)
        across, up = self.across(line.x[defined]), self.up(line.y[defined])
        path = "L".join(f"{left:.1f} {top:.1f}" for left, top in zip(across, up, strict=True))
        parts = [Markup('<path class="line {}" d="M{}"/>').format(line.kind, path)] if path else []
        if line.sizes is not None:
            for left, top, size in zip(across, up, line.sizes[defined], strict=True):
                dot = Markup('<circle class="dot {}" cx="{}" cy="{}" r="{}"/>')
                parts.append(dot.format(line.kind, f"{left:.1f}", f"{top:.1f}", f"{size:.1f}"))
        return Markup("").join(parts)

    def image(self, address: str) -> Markup:
        place = f'x="{_LEFT}" y="{_TOP}" width="{self.right - _LEFT}" height="{self.bottom - _TOP}"'
        return Markup('<image {} preserveAspectRatio="none" href="{}"/>').format(Markup(place), address)
