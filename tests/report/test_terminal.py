"""What is printed of a report."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from audiotag.labels import Labels
from audiotag.metrics.bootstrap import bootstrap
from audiotag.metrics.predictions import Predictions
from audiotag.report import Report, show
from audiotag.report.section import Section

ODD = ("Rooster / hen", '[red]"a", b', ":dog: 🐕")


def printed(report: Report, width: int = 80) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=width))
    return stream.getvalue()


def test_every_class_stands_there_as_it_is_written_in_label_order(tmp_path, make_report) -> None:
    text = printed(make_report(ODD))
    places = [text.index(name) for name in ODD]
    assert places == sorted(places)
    assert "mean of classes" in text and "all clips together" in text
    assert text.splitlines()[-1].replace("\n", "") == f"tensorboard --logdir {tmp_path}"


def test_intervals_stand_beside_the_average_precision_and_fit_eighty_columns(make_report) -> None:
    report = make_report(ODD, resamples=100)
    text = printed(report)
    low, high = report.intervals.classes.loc[1, ["AP_low", "AP_high"]]
    assert f"{low:.2f}–{high:.2f}" in text and "95 %" in text
    assert "100 resamples of 120 clips" in text
    assert max(map(len, text.splitlines()[:-2])) <= 80


def test_where_there_are_too_few_clips_for_intervals_the_reason_is_printed(make_report) -> None:
    report = make_report(ODD, "multiclass")
    few = replace(report.predictions, recordings=np.repeat(["one", "two"], 60))
    none = bootstrap(few, resamples=10)
    text = printed(make_report(ODD, "multiclass", intervals=none))
    assert "no intervals: 2 recordings: intervals need at least 5 to draw from" in text
    assert "()" not in text


def test_classes_without_positives_are_named_beneath_the_table(tmp_path, make_report) -> None:
    names = tuple(f"sound{index:03}" for index in range(10))
    report = make_report(names, silent=slice(None, None, 7), resamples=0, out=tmp_path / "it's a run")
    text = printed(report)
    assert "2 of 10 classes without positives, left out of the means: sound000, sound007" in text
    assert next(line.split() for line in text.splitlines() if "sound007" in line) == ["sound007", "0", *"—————"]
    assert "'\"'\"'" in text.splitlines()[-1]


def test_a_class_that_every_clip_has_is_named_with_what_its_ap_means(make_report) -> None:
    scores = np.random.default_rng(0).uniform(size=(9, 1))
    everywhere = Predictions(
        np.arange(9).astype(str), np.ones((9, 1), np.uint8), scores, Labels(("bark",)), "multilabel"
    )
    text = " ".join(printed(make_report(predictions=everywhere, resamples=0)).split())
    assert "1 of 1 classes without negatives, left out of the mean of AUC; whatever the scores, their AP is 1" in text


def test_of_many_classes_the_best_the_worst_and_the_rarest_are_printed(make_report) -> None:
    names = tuple(f"sound{index:03}" for index in range(120))
    report = make_report(names, clips=200, silent=slice(None, None, 7), resamples=0)
    lines = printed(report).splitlines()
    judged = report.table[report.table["positives"] > 0].sort_values("AP", ascending=False, kind="stable")
    start = {
        title: lines.index(next(line for line in lines if line.strip() == f"15 {title}"))
        for title in ("best", "worst", "rarest")
    }
    shown = {title: [line.split()[0] for line in lines[at + 1 : at + 16]] for title, at in start.items()}
    assert shown["best"] == judged["class"].tolist()[:15]
    assert shown["worst"] == judged["class"].tolist()[-15:]
    counts = report.table.set_index("class")["positives"]
    assert [counts[name] for name in shown["rarest"]] == sorted(counts[counts > 0])[:15]
    assert any("every class:" in line and "metrics.csv" in line for line in lines)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_lines_beneath_say_what_the_task_needs(make_report, task) -> None:
    text = printed(make_report(ODD, task))
    assert ("accuracy 0." in text) == (task == "multiclass")
    assert ("thresholds of F1" in text) == (task == "multilabel")


def test_what_sections_conclude_is_printed_with_the_notes_at_the_end(make_report) -> None:
    sections = {"one": Section("One", conclusions=("first [b]line[/b]", "second line")), "two": None}
    text = printed(make_report(ODD, sections=sections, notes=("a note",)))
    assert text.index("calibration: none") < text.index("first [b]line[/b]") < text.index("second line")
    assert text.index("second line") < text.index("a note")
