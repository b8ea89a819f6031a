"""Where plots draw their points."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from audiotag.report.html.svg import Axis, Line, nice_ticks, plot


def path_of(svg: str, kind: str) -> list[list[float]]:
    root = ElementTree.fromstring(svg)
    (path,) = [element.get("d") for element in root.iter("path") if element.get("class") == kind]
    return [[float(number) for number in point.split()] for point in path.removeprefix("M").split("L")]


def test_a_line_is_drawn_to_scale_within_the_axes() -> None:
    line = Line(np.array([10.0, 15.0, 30.0]), np.array([-1.0, 0.0, 1.0]))
    svg = plot([line], Axis("x", 10, 30, (10, 20, 30)), Axis("y", -1, 1, (-1, 1)), "a line")
    first, middle, last = path_of(svg, "line first")
    frame = [element.get("d") for element in ElementTree.fromstring(svg) if element.get("class") == "axis"]
    (left, top), (bottom, right) = [frame[0][1:].split("V")[0].split(), frame[0].split("V")[1].split("H")]
    assert first == [float(left), float(bottom)] and last == [float(right), float(top)]
    assert middle == pytest.approx([first[0] + (last[0] - first[0]) / 4, (first[1] + last[1]) / 2], abs=0.06)


def test_what_is_not_finite_is_not_drawn() -> None:
    line = Line(np.array([0.0, np.nan, 1.0]), np.array([0.0, 0.5, 1.0]), sizes=np.array([1.0, 2.0, 3.0]))
    svg = plot([line], Axis("x"), Axis("y"), "a line")
    assert len(path_of(svg, "line first")) == 2
    radii = [element.get("r") for element in ElementTree.fromstring(svg) if element.tag == "circle"]
    assert radii == ["1.0", "3.0"]
    assert "nan" not in svg


def test_words_are_words() -> None:
    hostile = '"><script>alert(1)</script>&'
    root = ElementTree.fromstring(plot([], Axis(hostile), Axis(hostile), hostile, picture=hostile))
    assert root.get("aria-label") == hostile
    assert [element.text for element in root.iter("text")].count(hostile) == 2
    assert {element.tag for element in root.iter()} == {"svg", "path", "text", "image"}


@pytest.mark.parametrize(
    ("high", "ticks"),
    [
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (10, [0, 2, 4, 6, 8, 10]),
        (0.96, [0, 0.2, 0.4, 0.6, 0.8]),
        (128, [0, 50, 100]),
        (1000, [0, 200, 400, 600, 800, 1000]),
        (0.003, [0, 0.001, 0.002, 0.003]),
    ],
)
def test_ticks_are_round_numbers(high, ticks) -> None:
    assert nice_ticks(high) == ticks
