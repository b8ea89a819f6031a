"""Charts as SVG text, coloured by the style sheet of the page."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup, escape

from audiotag.report import formats
from audiotag.report.chart import Axis, Chart, Line, Matrix, Plot
from audiotag.report.html import media

WIDTH, _HEIGHT, _PICTURE_HEIGHT = 360, 290, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 12, 44
_NUMBERED = 25


def draw(chart: Chart) -> Markup:
    """A chart as an `<svg>` element: a plot scales with its place, a matrix has a fixed size."""
    return _matrix(chart) if isinstance(chart, Matrix) else _plot(chart)


def _plot(plot: Plot) -> Markup:
    height = _HEIGHT if plot.image is None else _PICTURE_HEIGHT
    frame = _Frame(plot.x, plot.y, height)
    parts = [frame.axes()] if plot.image is None else [frame.image(plot.image), frame.axes(grid=False)]
    parts += [frame.line(line) for line in plot.lines]
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, plot.title, Markup("").join(parts)
    )


class _Frame:
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
        for tick, text in zip(self.x.ticks, self.x.texts, strict=True):
            place = f"{self.across(tick):.1f}"
            parts.append(f'<path class="{kind}" d="M{place} {self.bottom}V{top}"/>')
            parts.append(f'<text x="{place}" y="{self.bottom + 16}" text-anchor="middle">{escape(text)}</text>')
        for tick, text in zip(self.y.ticks, self.y.texts, strict=True):
            place = float(self.up(tick))
            parts.append(f'<path class="{kind}" d="M{_LEFT} {place:.1f}H{right}"/>')
            parts.append(f'<text x="{_LEFT - 7}" y="{place + 4:.1f}" text-anchor="end">{escape(text)}</text>')
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

    def image(self, log_mel: np.ndarray) -> Markup:
        place = f'x="{_LEFT}" y="{_TOP}" width="{self.right - _LEFT}" height="{self.bottom - _TOP}"'
        address = media.address("image/png", media.png(log_mel))
        return Markup('<image {} preserveAspectRatio="none" href="{}"/>').format(Markup(place), address)


def _matrix(matrix: Matrix) -> Markup:
    """Numbers stand in the cells of up to 25 classes, in the cells' titles always."""
    size = len(matrix.names)
    cell = 32 if size <= _NUMBERED else 15
    shown = [formats.short(name) for name in matrix.names]
    # A wide letter (日) takes two places; 7 is the width of a usual one.
    # The heading of the rows stands there too.
    left = max(64, 18 + 7 * max(sum(2 if ord(letter) > 0x2E7F else 1 for letter in name) for name in shown))
    top, side = left + 8, cell * size
    parts = [Markup('<text x="{}" y="12" class="head">predicted →</text>').format(left)]
    parts.append(Markup('<text x="{}" y="{}" text-anchor="end" class="head">true ↓</text>').format(left - 8, top - 6))
    for place, name in enumerate(shown):
        middle = place * cell + cell / 2
        row = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>')
        parts.append(row.format(left - 8, top + middle + 4, name))
        column = Markup('<text transform="translate({} {}) rotate(-90)">{}</text>')
        parts.append(column.format(left + middle + 4, top - 8, name))
    for true, predicted in zip(*np.nonzero(matrix.counts), strict=True):
        parts.append(_matrix_cell(matrix, true, predicted, left + predicted * cell, top + true * cell, cell))
    lines = "".join(f"M{left} {top + step * cell}h{side}M{left + step * cell} {top}v{side}" for step in range(size + 1))
    parts.append(Markup('<path class="grid" d="{}"/>').format(lines))
    width, height = left + side + 8, top + side + 8
    return Markup(
        '<svg class="matrix" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">{3}</svg>'
    ).format(width, height, matrix.title, Markup("").join(parts))


def _matrix_cell(matrix: Matrix, true: int, predicted: int, x: int, y: int, side: int) -> Markup:
    share, text = matrix.shares[true, predicted], Markup()
    count, total = matrix.counts[true, predicted], matrix.totals[true]
    if side > 15:
        text = Markup('<text x="{}" y="{}" text-anchor="middle" class="{}">{}</text>').format(
            x + side / 2, y + side / 2 + 4, "strong" if share > 0.55 else "weak", count
        )
    return Markup(
        '<g><title>{} → {}: {} of {}</title><rect class="{}" x="{}" y="{}" width="{}" height="{}" '
        'fill-opacity="{}"/>{}</g>'
    ).format(
        matrix.names[true], matrix.names[predicted], count, total, "hit" if true == predicted else "miss",
        x, y, side, side, f"{share:.2f}", text,
    )  # fmt: skip
