"""`metrics.csv` and `metrics.json` read back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from audiotag.report import tables


def strictly(text: str) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_the_table_has_every_class_with_intervals_and_the_means(tmp_path, make_report, task) -> None:
    report = make_report(task=task)
    tables.write_table(tmp_path / "metrics.csv", report)
    table = pandas.read_csv(tmp_path / "metrics.csv", index_col="index")
    assert table.index.tolist() == [*map(str, range(10)), "mean", "all"]
    truth, scores = report.predictions.targets, report.predictions.scores
    predicted = scores >= 0.5 if task == "multilabel" else scores.argmax(1)[:, None] == np.arange(10)
    columns = table.columns.tolist()
    for name in ("AP", "AUC", "F1", "precision", "recall"):
        place = columns.index(name)
        assert columns[place : place + 3] == [name, f"{name}_low", f"{name}_high"]
        assert (table[f"{name}_low"] <= table[f"{name}_high"])[:-2].all()
    average = [average_precision_score(truth[:, index], scores[:, index]) for index in range(10)]
    assert table["AP"][:10].tolist() == pytest.approx(average)
    assert table.loc["mean", "AP"] == pytest.approx(np.mean(average))
    assert [table.loc["mean", end] for end in ("AP_low", "AP_high")] == pytest.approx(report.intervals.means["mAP"])
    assert table.loc["all", "AP"] == pytest.approx(average_precision_score(truth.ravel(), scores.ravel()))
    assert table.loc["all", "AUC"] == pytest.approx(roc_auc_score(truth.ravel(), scores.ravel()))
    assert table.loc["all", "F1"] == pytest.approx(f1_score(truth.ravel(), predicted.ravel()))
    right = (truth == predicted).mean() if task == "multilabel" else (scores.argmax(1) == truth.argmax(1)).mean()
    assert table.loc["all", "accuracy"] == pytest.approx(right)
    assert table.loc["all", "positives"] == truth.sum() and table.loc["all", "predicted"] == predicted.sum()


def test_counts_in_the_table_are_whole_numbers_and_gaps_are_empty(tmp_path, make_report) -> None:
    report = make_report(resamples=0)
    report.table.loc[1, ["AP", "AUC"]] = np.nan
    tables.write_table(tmp_path / "metrics.csv", report)
    rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text(encoding="utf-8").splitlines()]
    head = rows[0]
    assert "AP_low" not in head
    for name in ("positives", "clips"):
        assert all(row[head.index(name)].isdigit() for row in rows[1:])
    assert rows[2][head.index("AP")] == rows[2][head.index("AUC")] == ""


def test_the_json_is_strict_and_holds_everything(tmp_path, make_report) -> None:
    report = make_report(whole=True, command="audiotag evaluate caf\udce9")
    report.table.loc[3, ["AP", "d_prime"]] = [np.nan, np.inf]
    tables.write_json(tmp_path / "metrics.json", report)
    found = strictly((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["summary"]["mAP"] == report.summary["mAP"]
    assert found["intervals"]["means"]["mAP"] == list(report.intervals.means["mAP"])
    assert [row["class"] for row in found["classes"]] == report.table["class"].tolist()
    assert found["classes"][3]["AP"] is None and found["classes"][3]["d_prime"] is None
    assert found["classes"][0]["AP_low"] == report.intervals.classes["AP_low"][0]
    alarms, events = (report.sections[name].values[name] for name in ("noise", "sound_events"))
    assert found["noise"]["kinds"] == list(alarms.kinds)
    assert found["noise"]["counts"] == alarms.counts.tolist()
    scalars = report.sections["reliability"].scalars
    assert found["reliability"]["ece"] == scalars["ECE"]
    assert found["uncalibrated"]["ece"] == scalars["ECE_before_calibration"]
    assert len(found["folds"]) == 7 and found["folds"][-1]["clips"] is None
    assert found["slices"][0]["value"] == "forest"
    assert found["sound_events"]["means"] == events.means
    assert found["subject"]["path"] == "runs/esc10-mn04" and found["command"] == "audiotag evaluate caf?"
    assert found["mistakes"] == []
    assert found["hyperparameters"]["mixup"] is True
    assert found["versions"]["audiotag"]


def test_what_a_report_lacks_is_null(tmp_path, make_report) -> None:
    tables.write_json(tmp_path / "metrics.json", make_report(resamples=0))
    found = strictly((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert [found[name] for name in ("intervals", "folds", "noise", "sound_events", "uncalibrated")] == [None] * 5
