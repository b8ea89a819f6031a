"""Charts as PNG."""

from __future__ import annotations

import io
import warnings

import numpy as np
from matplotlib.image import imread

from audiotag.report.chart import DIAGONAL, Axis, Line, Matrix, Plot
from audiotag.report.tensorboard import png

ODD = ("$x_{", "costs $5 and $6", "🐕", "日本", "a/b", r"\frac{", "%", "x" * 200, "nobody")


def drawn(chart) -> tuple[int, ...]:
    """Height and width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = imread(io.BytesIO(png.draw(chart)))
    assert picture[..., :3].std() > 0.02
    return picture.shape[:2]


def test_names_with_dollars_emoji_and_newlike_signs_draw_without_a_warning() -> None:
    counts, totals = np.diag(np.arange(len(ODD))), np.arange(len(ODD))
    height, width = drawn(Matrix("matrix", "a $matrix", counts, totals, ODD))
    assert 300 < height < 2000 and 300 < width < 2000
    lines = tuple(
        Line(np.linspace(0, 1, 3), np.array([0, np.nan, 1]), sizes=np.full(3, 3.0), name=name) for name in ODD
    )
    drawn(Plot("plot", ODD[0], Axis(ODD[1]), Axis(ODD[2]), (DIAGONAL, *lines)))


def test_the_picture_of_many_classes_stays_within_a_screen_and_a_half() -> None:
    names = tuple(f"a rather long name of a class {index}" for index in range(60))
    assert max(drawn(Matrix("matrix", "a matrix", np.eye(60, dtype=int), np.ones(60, int), names))) < 2400


def test_a_matrix_without_any_clip_draws() -> None:
    drawn(Matrix("matrix", "a matrix", np.zeros((2, 2), int), np.zeros(2, int), ("a", "b")))
