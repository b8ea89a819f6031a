"""The page as a parser reads it: what it shows, what it needs, and that names stay text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest

from audiotag.report.chart import Axis, Line, Matrix, Plot
from audiotag.report.html import embedded, page
from audiotag.report.section import Section, Table

HOSTILE = (
    "</script><script>window.hurt = 1</script>",
    '"><img src=x onerror="window.hurt = 1">',
    "' onmouseover='window.hurt = 1",
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;<b>bold</b>",
    "]]></svg><svg onload='window.hurt = 1'>",
    "🐕 日本 \u2028 ‮",
    r"\u003c\"",
    "javascript:window.hurt=1",
)


class Reader(HTMLParser):
    """Elements with their attributes, and the text of each row of the table of classes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self._place = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.elements.append((tag, found))
        if tag == "table":
            self._place = found.get("id") or "other"
        if tag == "tr" and self._place == "classes":
            self.rows.append([])
        if tag in ("th", "td") and self._place == "classes":
            self.rows[-1].append("")
        if tag in ("script", "style", "title"):
            self._place = found.get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "script", "style", "title"):
            self._place = ""

    def handle_data(self, data: str) -> None:
        if self._place == "classes" and self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += f"{data} "
        self.texts[self._place] = self.texts.get(self._place, "") + data


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_every_class_stands_in_the_table_with_its_figures(make_report, task) -> None:
    report = make_report(task=task)
    heads, *rows = Reader(page.render(report)).rows
    assert len(rows) == len(report.table) == 10
    columns = {head.strip(): place for place, head in enumerate(heads)}
    for row, expected in zip(rows, report.table.to_dict("records"), strict=True):
        assert row[0].strip() == expected["class"] and row[1].strip() == str(expected["positives"])
        for name in ("AUC", "F1", "precision", "recall"):
            assert float(row[columns[name]]) == pytest.approx(expected[name], abs=0.00051)
        average_precision, interval = row[columns["AP"]].split()
        assert float(average_precision) == pytest.approx(expected["AP"], abs=0.00051)
        ends = report.intervals.classes.loc[report.predictions.labels.index(expected["class"])]
        assert [float(end) for end in interval.split("–")] == pytest.approx(
            [ends["AP_low"], ends["AP_high"]], abs=0.00051
        )
    assert ("threshold" in columns) == (task == "multilabel")


def test_figures_that_are_not_defined_are_a_dash(make_report) -> None:
    text = page.render(make_report(resamples=0, silent=slice(2, 3)))
    name, clips, *figures = (cell.strip() for cell in Reader(text).rows[3])
    assert name == "sea waves" and clips == "0" and figures[:5] == ["—"] * 5
    assert "1 of 10 classes without positives, left out of the means" in text and not re.search(
        r"[>\s(]nan[<\s).,%]", text
    )


def test_the_page_needs_nothing_but_itself(make_report) -> None:
    text = page.render(make_report(whole=True, mistakes=2))
    for tag, attributes in Reader(text).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;", "data:audio/mpeg;"))
        assert not [name for name in attributes if name.startswith("on")]
    style = Reader(text).texts["style"]
    assert "url(" not in style and "@import" not in style


def test_only_the_script_of_the_page_may_run(make_report) -> None:
    reader = Reader(page.render(make_report()))
    (policy,) = [found["content"] for tag, found in reader.elements if found.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(reader.texts["script"].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_names_of_classes_stay_text(make_report) -> None:
    harmless = Reader(page.render(make_report(whole=True, mistakes=4)))
    text = page.render(make_report(HOSTILE, whole=True, mistakes=4))
    reader = Reader(text)
    assert Counter(tag for tag, _ in reader.elements) == Counter(tag for tag, _ in harmless.elements)
    assert [row[0] for row in reader.rows[1:]] == [f"{name} " for name in HOSTILE]
    assert json.loads(reader.texts["details"])["names"] == list(HOSTILE)


def test_every_text_of_users_stays_text(make_report) -> None:
    from audiotag.report.report import Subject

    hostile = HOSTILE[0] + HOSTILE[1]
    plain = make_report(whole=True, notes=("a note",))
    line = Line(np.zeros(2), np.ones(2), name=hostile)
    figures = (
        Plot("x", hostile, Axis(hostile), Axis(hostile), (line,), hostile),
        Matrix("y", hostile, np.eye(2, dtype=int), np.ones(2, int), (hostile, hostile), hostile),
    )
    tables = (Table([hostile], [[hostile]], hostile, hostile),)
    section = Section(
        hostile, hostile, (hostile,), {hostile: 0.5}, tables, figures, facts={hostile: hostile},
        columns={hostile: [hostile] * 10},
    )  # fmt: skip
    changes = {
        "subject": Subject(hostile, "run", plain.out / hostile, {hostile: hostile}),
        "data_set": dict.fromkeys(("name", "licence", hostile), hostile),
        "split": hostile,
        "command": hostile,
        "thresholds_from": hostile,
        "sections": {"hostile": section},
        "notes": (hostile,),
        "hyperparameters": {hostile: hostile},
    }
    text = page.render(make_report(whole=True, **changes))
    tags = Counter(tag for tag, _ in Reader(text).elements)
    assert (
        tags["script"] == 2
        and "img" not in tags
        and "onerror" not in Counter(name for _, attributes in Reader(text).elements for name in attributes)
    )


def test_a_clip_id_of_hostile_signs_stays_text(make_report, made_exhibit) -> None:
    hostile = f"{HOSTILE[0]}\n{HOSTILE[1]}"
    texts = dict.fromkeys(("clip_id", "kind", "text"), hostile)
    clip = made_exhibit(1, hostile, np.random.default_rng(0), scores=((HOSTILE[0], 0.5),), **texts)
    report = make_report(sections={"mistakes": Section("Worst mistakes", exhibits=(clip,))})
    tags = Counter(tag for tag, _ in Reader(page.render(report)).elements)
    assert tags["script"] == 2 and "img" not in tags


def test_sections_are_there_for_what_the_report_holds(make_report) -> None:
    def sections(text: str) -> list[str]:
        return re.findall(r'<section id="(\w+)-section"', text)

    bare = page.render(make_report(sections={"slices": None}))
    assert sections(bare) == ["know", "classes", "means", "reliability", "curves", "confusion", "about"]
    report = make_report(whole=True, mistakes=1)
    whole = page.render(report)
    assert sections(whole) == ["know", "classes", "means", *report.sections, "about"]
    for text in (bare, whole):
        assert re.findall(r'<li><a href="#(\w+)-section"', text) == sections(text)


def test_what_does_not_fit_is_left_out_and_said(make_report, made_exhibit, monkeypatch) -> None:
    random = np.random.default_rng(0)
    exhibits = tuple(made_exhibit(0, "dog", random, seconds) for seconds in (0.5, 20.0, 0.5))
    report = make_report(resamples=0, sections={"mistakes": Section("Worst mistakes", exhibits=exhibits)})
    cards = page.render(report).split('<article class="card">')[1:]
    assert all("data:image/png" in card and "data:audio/mpeg" in card for card in cards)
    addresses = [sum(map(len, re.findall(r"data:[^\"]*", card))) for card in cards]
    monkeypatch.setattr(embedded, "MOST_BYTES", addresses[0] + addresses[2] + 10_000)
    cards = page.render(report).split('<article class="card">')[1:]
    assert ["data:" in card for card in cards] == [True, False, True]
    assert [card.count("so that this page stays small") for card in cards] == [0, 1, 0]


def test_the_details_of_a_class_are_those_of_its_scores(make_report) -> None:
    report = make_report()
    found = json.loads(Reader(page.render(report)).texts["details"])["classes"]
    for index, record in enumerate(found):
        truth, scores = report.predictions.targets[:, index].astype(bool), report.predictions.scores[:, index]
        assert sum(record["scores"][0]) == record["positives"] == truth.sum()
        assert sum(record["scores"][1]) == (~truth).sum()
        assert record["predicted"] == (scores >= 0.5).sum()
        alarms = [
            (~report.predictions.targets[:, other].astype(bool) & (report.predictions.scores[:, other] >= 0.5))[
                truth
            ].sum()
            for other in range(len(found))
        ]
        for other, count in record["taken_for"]:
            assert alarms[other] == count and other != index
        assert record["metrics"]["AP"][0] == pytest.approx(report.table["AP"][index], abs=5e-5)


def test_pairs_that_nobody_judged_are_not_drawn(make_report) -> None:
    plain = make_report(resamples=0)
    known = np.ones(plain.predictions.targets.shape, bool)
    known[::3, 4] = False
    old = plain.predictions
    targets = np.where(known, old.targets, 0).astype(np.uint8)
    masked = dataclasses.replace(old, targets=targets, known=known)
    report = make_report(resamples=0, predictions=masked)
    (record,) = json.loads(Reader(page.render(report)).texts["details"])["classes"][4:5]
    assert record["judged"] == sum(map(sum, record["scores"])) == known[:, 4].sum()
    assert "judged by nobody" in page.render(report)
