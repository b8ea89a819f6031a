"""The model card as a Markdown reader and a YAML reader see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from audiotag.report import card, templates
from audiotag.report.report import Subject

HOSTILE = (
    "<script>alert(1)</script>",
    "a|b\\|c",
    "[link](http://x.y)",
    "`code`",
    "# *head*",
    "</details>",
    "$x$ ~~y~~",
)


def parts(text: str) -> tuple[str, str]:
    """Front matter and body."""
    _, head, body = text.split("---\n", 2)
    return head, body


def html(body: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(body)


def tensorboards_html(body: str) -> str:
    from tensorboard.plugin_util import markdown_to_safe_html

    return markdown_to_safe_html(body)


def cells(body: str) -> list[list[str]]:
    """Rows of the table of classes."""
    import html as entities

    (table,) = [table for table in re.findall(r"<table>.*?</table>", html(body), re.S) if "<th>class</th>" in table]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
    return [[entities.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)] for row in rows]


def test_every_class_stands_in_the_table(make_report) -> None:
    report = make_report(whole=True)
    rows = cells(parts(card.render(report))[1])
    assert [row[0] for row in rows] == list(report.table["class"])
    for row, expected in zip(rows, report.table.to_dict("records"), strict=True):
        assert int(row[1]) == expected["positives"]
        assert float(row[2]) == pytest.approx(expected["AP"], abs=0.00051)
    (alarms,) = report.sections["noise"].columns.values()
    assert [row[-1] for row in rows] == alarms


# The sanitizer that TensorBoard carries warns of itself when it is imported.
@pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated:DeprecationWarning")
@pytest.mark.parametrize("reader", [html, tensorboards_html])
@given(st.text(st.characters(exclude_categories=("C",), codec="utf-8"), min_size=1, max_size=30))
def test_any_name_is_shown_as_it_is_by_every_reader(reader, name: str) -> None:
    import html as entities

    table = f"| class | clips |\n|---|---|\n| {templates.plain(name)} | 3 |\n"
    (shown,) = re.findall(r"<td[^>]*>(.*?)</td>\s*<td[^>]*>3</td>", reader(table), re.S)
    assert entities.unescape(re.sub("<.*?>", "", shown)).strip() == " ".join(name.split())


@pytest.mark.parametrize("name", HOSTILE)
def test_names_mean_nothing_to_markdown(make_report, name) -> None:
    report = make_report((name, "rain", "dog"), subject=Subject(name, "run", Path(name), {name: name}), notes=(name,))
    _, body = parts(card.render(report))
    assert cells(body)[0][0] == name
    harmless = make_report(("x", "rain", "dog"), subject=Subject("x", "run", Path("x"), {"x": "x"}), notes=("x",))
    tags = re.compile(r"</?[a-z]+\d?")
    assert tags.findall(html(body)) == tags.findall(html(parts(card.render(harmless))[1]))


def test_the_head_is_yaml(make_report) -> None:
    name = 'a: "b" # c \U0001f415'
    report = make_report(subject=Subject(name, "run", Path("runs/a")), data_set={"name": "x: [1", "licence": "-"})
    head = yaml.safe_load(parts(card.render(report))[0])
    (model,) = head["model-index"]
    assert model["name"] == name
    (result,) = model["results"]
    assert result["dataset"]["name"] == "x: [1"
    found = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert found["mAP"] == pytest.approx(report.summary["mAP"], abs=5e-5)


def test_the_code_of_a_run_loads_its_tagger(make_report) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", card.render(make_report()), re.S)
    compile(code, "card", "exec")
    assert 'audiotag.load("tagger.keras")' in code
    exported = make_report(subject=Subject("x", "LiteRT model", Path("x.tflite")))
    assert "```python" not in card.render(exported) and "x.tflite" in card.render(exported)


def test_a_command_cannot_leave_its_block(make_report) -> None:
    report = make_report(command="audiotag evaluate 'a\n```\n<script>'")
    assert "<script>" not in html(parts(card.render(report))[1])


def test_limits_name_the_classes_not_to_rely_on(make_report) -> None:
    report = make_report(clips=60)
    text = card.render(report)
    rare = report.table[(report.table["positives"] > 0) & (report.table["positives"] < 10)]
    (line,) = [line for line in text.splitlines() if "fewer than 10 clips" in line]
    assert len(rare) and all(f"{row['class']} ({row['positives']})" in line for row in rare.to_dict("records"))
    weak = report.table[report.table["AP"] < 0.5]
    lines = [line for line in text.splitlines() if "Not to be relied on" in line]
    assert len(lines) == bool(len(weak)) and all(name in lines[0] for name in weak["class"])


def test_the_text_alone_has_neither_head_nor_every_class(make_report) -> None:
    text = card.render(make_report(whole=True), whole=False)
    assert text.startswith("# esc10-mn04\n") and "<details>" not in text and "| rooster |" not in text
    assert "On noise" not in text and "False alarms in" in text and "Onsets and offsets: " in text
