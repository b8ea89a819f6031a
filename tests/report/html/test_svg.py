"""Charts as SVG: where plots draw their points, and what a matrix says of its cells."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from audiotag.report.chart import Axis, Line, Matrix, Plot, nice_ticks
from audiotag.report.html.svg import draw

COUNTS = np.array([[8, 2, 0], [1, 3, 0], [0, 4, 1]])
CLIPS = np.array([10, 4, 5])
NAMES = ("dog", "<rain>", "sea & wind")


def path_of(svg: str, kind: str) -> list[list[float]]:
    root = ElementTree.fromstring(svg)
    (path,) = [element.get("d") for element in root.iter("path") if element.get("class") == kind]
    return [[float(number) for number in point.split()] for point in path.removeprefix("M").split("L")]


def test_a_line_is_drawn_to_scale_within_the_axes() -> None:
    line = Line(np.array([10.0, 15.0, 30.0]), np.array([-1.0, 0.0, 1.0]))
    svg = draw(Plot("", "a line", Axis("x", 10, 30, (10, 20, 30)), Axis("y", -1, 1, (-1, 1)), (line,)))
    first, middle, last = path_of(svg, "line first")
    frame = [element.get("d") for element in ElementTree.fromstring(svg) if element.get("class") == "axis"]
    (left, top), (bottom, right) = [frame[0][1:].split("V")[0].split(), frame[0].split("V")[1].split("H")]
    assert first == [float(left), float(bottom)] and last == [float(right), float(top)]
    assert middle == pytest.approx([first[0] + (last[0] - first[0]) / 4, (first[1] + last[1]) / 2], abs=0.06)


def test_what_is_not_finite_is_not_drawn() -> None:
    line = Line(np.array([0.0, np.nan, 1.0]), np.array([0.0, 0.5, 1.0]), sizes=np.array([1.0, 2.0, 3.0]))
    svg = draw(Plot("", "a line", Axis("x"), Axis("y"), (line,)))
    assert len(path_of(svg, "line first")) == 2
    radii = [element.get("r") for element in ElementTree.fromstring(svg) if element.tag == "circle"]
    assert radii == ["1.0", "3.0"]
    assert "nan" not in svg


def test_words_are_words() -> None:
    hostile = '"><script>alert(1)</script>&'
    picture = np.arange(6.0).reshape(3, 2)
    root = ElementTree.fromstring(draw(Plot(hostile, hostile, Axis(hostile), Axis(hostile), image=picture)))
    assert root.get("aria-label") == hostile
    assert [element.text for element in root.iter("text")].count(hostile) == 2
    assert {element.tag for element in root.iter()} == {"svg", "path", "text", "image"}


def test_every_cell_of_the_matrix_says_what_it_counts() -> None:
    root = ElementTree.fromstring(draw(Matrix("", "a matrix", COUNTS, CLIPS, NAMES)))
    cells = {group.find("title").text: (group.find("text").text, group.find("rect").attrib) for group in root.iter("g")}
    assert len(cells) == np.count_nonzero(COUNTS)
    for true, predicted in zip(*np.nonzero(COUNTS), strict=True):
        count = COUNTS[true, predicted]
        text, rectangle = cells[f"{NAMES[true]} → {NAMES[predicted]}: {count} of {CLIPS[true]}"]
        assert text == str(count)
        assert float(rectangle["fill-opacity"]) == pytest.approx(count / CLIPS[true], abs=0.006)
        assert rectangle["class"] == ("hit" if true == predicted else "miss")
    corners = {title: (float(cell["x"]), float(cell["y"])) for title, (_, cell) in cells.items()}
    assert corners["dog → dog: 8 of 10"][1] == corners["dog → <rain>: 2 of 10"][1]
    assert corners["dog → <rain>: 2 of 10"][0] == corners["<rain> → <rain>: 3 of 4"][0]


def test_a_large_matrix_has_its_numbers_in_titles_only() -> None:
    counts = np.eye(40, dtype=np.int64)
    names = tuple(f"class {index}" for index in range(40))
    svg = draw(Matrix("", "a matrix", counts, np.ones(40, np.int64), names))
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter("title"))) == 40
    assert all(group.find("text") is None for group in root.iter("g"))


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
