"""Pictures of all classes: what stands at their axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
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
    table = report.table.assign(positives=np.resize(counts, len(report.table)))
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
