"""The figures against the numbers that they draw."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from audiotag.metrics.reliability import Reliability
from audiotag.report.html.content import confusions
from audiotag.report.html.figures import matrix, micro_plots, reliability_plot

COUNTS = np.array([[8, 2, 0], [1, 3, 0], [0, 4, 1]])
CLIPS = np.array([10, 4, 5])
NAMES = ("dog", "<rain>", "sea & wind")


def test_every_cell_of_the_matrix_says_what_it_counts() -> None:
    root = ElementTree.fromstring(matrix(COUNTS, CLIPS, NAMES))
    cells = {group.find("title").text: (group.find("text").text, group.find("rect").attrib) for group in root.iter("g")}
    assert len(cells) == np.count_nonzero(COUNTS)
    for true, predicted in zip(*np.nonzero(COUNTS), strict=True):
        count = COUNTS[true, predicted]
        text, rectangle = cells[f"{NAMES[true]} → {NAMES[predicted]}: {count} of {CLIPS[true]}"]
        assert text == str(count)
        assert float(rectangle["fill-opacity"]) == pytest.approx(count / CLIPS[true], abs=0.006)
        assert rectangle["class"] == ("hit" if true == predicted else "miss")
    corners = {title: (float(found["x"]), float(found["y"])) for title, (_, found) in cells.items()}
    assert corners["dog → dog: 8 of 10"][1] == corners["dog → <rain>: 2 of 10"][1]
    assert corners["dog → <rain>: 2 of 10"][0] == corners["<rain> → <rain>: 3 of 4"][0]


def test_a_large_matrix_has_its_numbers_in_titles_only() -> None:
    counts = np.eye(40, dtype=np.int64)
    svg = matrix(counts, np.ones(40, np.int64), tuple(f"class {index}" for index in range(40)))
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter("title"))) == 40
    assert all(group.find("text") is None for group in root.iter("g"))


def test_the_strongest_confusions_weigh_count_and_share() -> None:
    assert confusions(COUNTS, CLIPS, NAMES) == [
        ["sea & wind", "<rain>", 4, 5, 0.8],
        ["dog", "<rain>", 2, 10, 0.2],
        ["<rain>", "dog", 1, 4, 0.25],
    ]
    assert confusions(np.diag([3, 4]), np.array([3, 4]), ("a", "b")) == []


def test_the_reliability_diagram_shows_filled_bins_only() -> None:
    edges = np.linspace(0, 1, 5)
    score, frequency = np.array([0.1, np.nan, 0.6, 0.9]), np.array([0.0, np.nan, 0.5, 1.0])
    found = Reliability(edges, score, frequency, np.array([500, 0, 50, 5]), 0.1, 0.05)
    dots = re.findall(
        r'<circle class="dot first" cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', reliability_plot(found, None, "")
    )
    assert [float(size) for *_, size in dots] == [4.5, 3.0, 1.5]
    across, up = (np.array([float(dot[place]) for dot in dots]) for place in (0, 1))
    assert np.diff(across) / (across[-1] - across[0]) == pytest.approx(np.diff([0.1, 0.6, 0.9]) / 0.8, abs=0.001)
    assert np.diff(up) / (up[-1] - up[0]) == pytest.approx([0.5, 0.5], abs=0.001)
    both = reliability_plot(found, found, "")
    assert both.count('class="dot second"') == both.count('class="dot first"') == 3


def test_the_curves_of_all_classes_leave_out_unknown_pairs(make_report) -> None:
    found = make_report(resamples=0).predictions
    known = np.random.default_rng(1).random(found.targets.shape) < 0.7
    targets = np.where(known, found.targets, 0).astype(np.uint8)
    masked = type(found)(found.clip_ids, targets, found.scores, found.labels, found.task, known)
    column = [values[known][:, None] for values in (found.targets, found.scores)]
    ids = np.array([str(index) for index in range(known.sum())])
    alone = type(found)(ids, *column, type(found.labels)(("all",)), found.task)
    assert micro_plots(masked) == micro_plots(alone)
