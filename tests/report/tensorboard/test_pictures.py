"""Pictures of all classes: what stands at their axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from audiotag.report.tensorboard import pictures


@pytest.mark.parametrize(
    "counts",
    [(8, 8), (1, 1), (1, 2), (40, 41), (1, 10), (1, 11), (7, 99), (1, 315), (5, 3000), (1, 10**6), (10**6, 9 * 10**6)],
)
def test_numbers_of_clips_at_the_axis_are_whole_each_once_and_apart(
    make_report: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, counts: Sequence[int]
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(pictures, "content", figures.append)
    report = make_report(resamples=0)
    rows = len(report.table)
    table = report.table.assign(positives=np.resize(counts, rows), AP=np.linspace(0.1, 0.2, rows))
    pictures.average_precision_by_clips(replace(report, table=table))
    (figure,) = figures
    figure.draw_without_rendering()
    axis = figure.axes[0].xaxis
    low, high = axis.get_view_interval()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_text()]
    texts = [label.get_text().replace(",", "") for label in shown]
    assert texts and len(set(texts)) == len(texts)
    assert [float(text) for text in texts] == [label.get_position()[0] for label in shown]
    places = sorted(label.get_window_extent().intervalx.tolist() for label in shown)
    assert all(right[0] - left[1] > 4 for left, right in pairwise(places))
    names = [text.get_window_extent() for text in figure.axes[0].texts]
    same = [(left, right) for left, right in combinations(names, 2) if left.x0 == right.x0]
    assert names and not any(left.overlaps(right) for left, right in same)
