"""How far scores are probabilities, with and without the calibration."""

from __future__ import annotations

import numpy as np

from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.reliability import Reliability, reliability
from audiotag.report.chart import DIAGONAL, Axis, Line, Plot
from audiotag.report.formats import figure
from audiotag.report.section import Section


def measure(evaluation: Evaluation) -> Section:
    """The reliability diagram, the calibration error and the Brier score of all scores together."""
    after = reliability(evaluation.predictions)
    before = None if evaluation.uncalibrated is None else reliability(evaluation.uncalibrated)
    without = "" if before is None else f", {figure(before.ece)} without"
    scalars = {"ECE": after.ece, "Brier": after.brier}
    if before is not None:
        scalars |= {"ECE_before_calibration": before.ece, "Brier_before_calibration": before.brier}
    return Section(
        "Reliability",
        how="How far a score can be taken for a probability. ECE: how far scores lie from observed frequencies.",
        conclusions=(
            f"calibration: {evaluation.calibration}; calibration error {figure(after.ece)}{without}, "
            f"Brier {figure(evaluation.summary['Brier'])}",
        ),
        scalars=scalars,
        figures=(_diagram(after, before, evaluation.predictions.task.exclusive),),
        values={"reliability": after, "uncalibrated": before},
    )


def _diagram(after: Reliability, before: Reliability | None, exclusive: bool) -> Plot:
    """Observed frequency against mean score."""
    share = "share of clips that are right" if exclusive else "share of pairs that have the class"
    lines, grey = [DIAGONAL], ""
    if before is not None:
        lines.append(_bins(before, "second", "before calibration"))
        grey = " In grey: before calibration."
    lines.append(_bins(after, "first", "" if before is None else "after calibration"))
    caption = (
        "On the dashed line a score of 0.8 is right in 8 of 10 cases; below it the scores promise too much. "
        f"Small dots stand for few {'clips' if exclusive else 'pairs'}.{grey}"
    )
    return Plot("reliability", "Reliability", Axis("mean score"), Axis(share), tuple(lines), caption)


def _bins(result: Reliability, kind: str, name: str) -> Line:
    """Bins that hold anything; those of few as small dots."""
    filled = result.count > 0
    count = result.count[filled]
    sizes = np.where(count < 10, 1.5, np.where(count < 100, 3.0, 4.5))
    return Line(result.mean_score[filled], result.frequency[filled], kind, sizes, name)
