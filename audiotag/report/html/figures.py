"""The figures of the page: reliability, the curves of all classes together, and the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from audiotag.report.html.curves import curves
from audiotag.report.html.svg import Axis, Line, plot

if TYPE_CHECKING:
    from audiotag.metrics.predictions import Predictions
    from audiotag.metrics.reliability import Reliability

_DIAGONAL = Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "guide")
_NUMBERED = 25
_NAME_LENGTH = 28


def reliability_plot(found: Reliability, before: Reliability | None, task: str) -> Markup:
    """Observed frequency against mean score, the bins of few clips as small dots; before calibration in grey."""
    share = "share of clips that are right" if task == "multiclass" else "share of pairs that have the class"
    lines = [_DIAGONAL]
    if before is not None:
        lines.append(_bins(before, "second"))
    lines.append(_bins(found, "first"))
    about = f"reliability diagram: expected calibration error {found.ece:.3f}"
    return plot(lines, Axis("mean score"), Axis(share), about)


def micro_plots(found: Predictions) -> tuple[Markup, Markup]:
    """Precision-recall and ROC curve of all pairs of a clip and a class taken together."""
    judged = np.ones(found.scores.shape, bool) if found.known is None else found.known
    ranking = curves(found.targets.astype(bool)[judged], found.scores[judged], most=201)
    precision_recall = plot(
        [Line(ranking.recall, ranking.precision)],
        Axis("recall"),
        Axis("precision"),
        "precision-recall curve of all classes together",
    )
    roc = plot(
        [_DIAGONAL, Line(ranking.false_positive_rate, ranking.true_positive_rate)],
        Axis("false positive rate"),
        Axis("true positive rate"),
        "ROC curve of all classes together",
    )
    return precision_recall, roc


def matrix(counts: np.ndarray, clips: np.ndarray, names: tuple[str, ...]) -> Markup:
    """The confusion matrix, a row a true class, the darker the larger the share of the row's clips.

    Args:
        counts: (classes, classes) int64, see `confusion.confusion`.
        clips: (classes,) int64, clips of each row.
        names: of the classes.

    Returns:
        An `<svg>` of fixed size: numbers in the cells of up to 25 classes, in the cells' titles always.
    """
    size = len(names)
    cell = 32 if size <= _NUMBERED else 15
    shown = [name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…" for name in names]
    # A wide letter (日) takes two places; 7 is the width of a usual one.
    margin = 18 + 7 * max(sum(2 if ord(letter) > 0x2E7F else 1 for letter in name) for name in shown)
    left, top, side = margin, margin + 8, cell * size
    parts = [Markup('<text x="{}" y="12" class="head">predicted →</text>').format(left)]
    parts.append(Markup('<text x="{}" y="{}" text-anchor="end" class="head">true ↓</text>').format(left - 8, top - 6))
    for place, name in enumerate(shown):
        middle = place * cell + cell / 2
        row = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>')
        parts.append(row.format(left - 8, top + middle + 4, name))
        column = Markup('<text transform="translate({} {}) rotate(-90)">{}</text>')
        parts.append(column.format(left + middle + 4, top - 8, name))
    for true, predicted in zip(*np.nonzero(counts), strict=True):
        count, share = counts[true, predicted], counts[true, predicted] / max(clips[true], 1)
        x, y = left + predicted * cell, top + true * cell
        kind = "hit" if true == predicted else "miss"
        text = Markup()
        if size <= _NUMBERED:
            text = Markup('<text x="{}" y="{}" text-anchor="middle" class="{}">{}</text>').format(
                x + cell / 2, y + cell / 2 + 4, "strong" if share > 0.55 else "weak", count
            )
        parts.append(
            Markup(
                '<g><title>{} → {}: {} of {}</title><rect class="{}" x="{}" y="{}" width="{}" height="{}" '
                'fill-opacity="{}"/>{}</g>'
            ).format(names[true], names[predicted], count, clips[true], kind, x, y, cell, cell, f"{share:.2f}", text)
        )
    lines = "".join(f"M{left} {top + step * cell}h{side}M{left + step * cell} {top}v{side}" for step in range(size + 1))
    parts.append(Markup('<path class="grid" d="{}"/>').format(lines))
    about = "confusion matrix: rows are true classes, columns predicted ones"
    width, height = left + side + 8, top + side + 8
    return Markup('<svg class="matrix" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" {2}>{3}</svg>').format(
        width, height, Markup('aria-label="{}"').format(about), Markup("").join(parts)
    )


def _bins(found: Reliability, kind: str) -> Line:
    filled = found.count > 0
    count = found.count[filled]
    sizes = np.where(count < 10, 1.5, np.where(count < 100, 3.0, 4.5))
    return Line(found.mean_score[filled], found.frequency[filled], kind, sizes)
