"""The texts, as TensorBoard's own Markdown renders them."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.report.tensorboard import markdown
from audiotag.report.tensorboard.texts import texts

# The sanitizer that TensorBoard carries warns of itself when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated:DeprecationWarning")


def rendered(text: str) -> str:
    """HTML of a Markdown text."""
    from tensorboard.plugin_util import markdown_to_safe_html

    return markdown_to_safe_html(text)


def cells(text: str) -> list[list[str]]:
    """Every row of every table of a Markdown text, rendered."""
    rows = re.findall(r"<tr>(.*?)</tr>", rendered(text), re.DOTALL)
    return [
        [html.unescape(re.sub("<.*?>", "", one)) for one in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]


@given(st.text(st.characters(exclude_categories=("C",), codec="utf-8"), min_size=1, max_size=30))
def test_any_name_is_shown_as_it_is(name: str) -> None:
    shown = " ".join(name.split())
    ((_, _), (found, number)) = cells(markdown.rows(["class", "clips"], [(name, 3)]))
    assert (found.strip(), number) == (shown, "3")


def test_numbers_are_counts_or_have_three_decimals() -> None:
    values = (1234, np.int64(7), 0.5, np.float64(2.0), float("nan"), None, float("inf"))
    assert [markdown.cell(value) for value in values] == ["1,234", "7", "0.500", "2.000", "—", "—", "∞"]


@pytest.fixture(scope="module")
def report(make_report, tmp_path_factory):
    return make_report(tmp_path_factory.mktemp("run"))


def test_few_classes_are_all_shown_in_every_order(report) -> None:
    found = texts(report)
    judged = report.table[report.table["positives"] > 0]
    orders = {
        "classes/1 worst first": judged.sort_values("AP"),
        "classes/2 best first": judged.sort_values("AP", ascending=False),
        "classes/3 rarest first": judged.sort_values("positives", kind="stable"),
    }
    for tag, rows in orders.items():
        table = cells(found[tag])[1:]
        assert [row[0] for row in table] == rows["class"].tolist()
        assert [row[1] for row in table] == [f"{count:,}" for count in rows["positives"]]
        assert [row[2] for row in table] == [f"{value:.3f}" for value in rows["AP"]]


def test_false_alarms_are_counted_of_every_class_one_without_clips_too(report) -> None:
    found = report.predictions
    expected = {
        name: sum(
            score >= 0.5 and not held for score, held in zip(found.scores[:, i], found.targets[:, i], strict=True)
        )
        for i, name in enumerate(found.labels.names)
    }
    table = cells(texts(report)["classes/4 most false alarms first"])[1:]
    assert {row[0]: int(row[-1]) for row in table} == expected
    counts = [int(row[-1]) for row in table]
    assert counts == sorted(counts, reverse=True)


def test_of_many_classes_the_extremes_are_shown_and_all_by_name(make_report, tmp_path) -> None:
    names = (*(f"class {number}" for number in range(69)), "nobody")
    found = texts(make_report(tmp_path, names, clips=120))
    for order in ("1 worst first", "2 best first", "3 rarest first", "4 most false alarms first"):
        assert len(cells(found[f"classes/{order}"])) == 21
    assert "20 of 69 classes" in found["classes/1 worst first"]
    assert sorted(row[0] for row in cells(found["classes/5 every class by name"])[1:]) == sorted(names)


def test_the_figures_have_their_intervals_and_the_notes_name_the_classes_left_out(report) -> None:
    found = texts(report)
    figures = {row[0]: row for row in cells(found["about/1 figures"])}
    low, high = report.intervals.means["mAP"]
    assert figures["mAP"][1:3] == [f"{report.summary['mAP']:.3f}", f"{low:.3f} to {high:.3f}"]
    notes = rendered(found["about/2 notes"])
    assert "`a|b`" in html.unescape(notes) and "left out of every mean: nobody" in notes
    assert report.command in rendered(found["about/3 data and model"])


def test_without_intervals_noise_slices_and_notes_nothing_is_said_of_them(report) -> None:
    summary = report.summary | {"without_positives": []}
    bare = replace(report, intervals=None, noise=None, slices=report.slices[:0], notes=(), summary=summary)
    found = texts(bare)
    assert not any(tag.startswith(("about/2", "about/4", "about/5")) for tag in found)
    assert all("interval" not in text for text in found.values())


def test_sound_events_are_shown(report) -> None:
    import pandas

    from audiotag.evaluation.sections.sound_events import SoundEvents

    classes = pandas.DataFrame({"class": ["a|b"], "events": [3], "event_F1": [0.25]})
    events = SoundEvents(classes, {"macro_event_F1": 0.25}, (), {"collar": "0.2 s"}, 4)
    rows = cells(texts(replace(report, sound_events=events))["about/6 sound events"])
    assert ["macro event F1", "0.250"] in rows and ["collar", "0.2 s"] in rows and ["a|b", "3", "0.250"] in rows
