"""What a real TensorBoard serves of an evaluation over HTTP, tab by tab."""

from __future__ import annotations

import html
import io
import json
import re
import urllib.parse
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from audiotag.labels import Labels
from audiotag.metrics.curves import at_thresholds
from audiotag.metrics.predictions import Predictions
from audiotag.report.report import Subject
from audiotag.report.section import Section
from audiotag.report.tensorboard import board, pictures, png, projector
from audiotag.tensorboard import hparams
from audiotag.tensorboard.events import class_tag
from audiotag.tensorboard.scalars import GROUPS

RUN = "one/evaluation"
NAMES = ("Rooster / hen", "Rooster ∕ hen", 'a "quoted", name', "🐕 & <b>", "costs $5, 100% | *all*", "nobody")


def network(classes: int) -> Any:
    import keras

    inputs = keras.Input((64, 32, 1), name="log_mel")
    level = keras.layers.Conv2D(4, 3, activation="relu", name="block1_convolution")(inputs)
    level = keras.layers.BatchNormalization(name="block1_normalization")(level)
    level = keras.layers.GlobalAveragePooling2D(name="features")(level)
    return keras.Model(inputs, keras.layers.Dense(classes, name="logits")(level))


def blank(patch: pytest.MonkeyPatch) -> None:
    """Whatever is drawn is one small square, where only files count: drawing is most of a report's time."""
    square = png.content(png.new(figsize=(0.1, 0.1)))
    for module in (png, pictures):
        patch.setattr(module, "content", lambda figure: square)
    patch.setattr(png, "draw", lambda chart: square)


@pytest.fixture(scope="module")
def report(built, made_exhibit, write_run, write_evaluation, tmp_path_factory) -> Any:
    """A report made twice as a user would, with its session, beside runs that were trained."""
    folder, random = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    exhibits = (
        made_exhibit(1, NAMES[0], random, clip_id="c0"),
        made_exhibit(0, NAMES[1], random, waveform=None, sample_rate=0),
        made_exhibit(2, NAMES[2], random, waveform=None, sample_rate=0, log_mel=None),
    )
    subject = Subject("esc-mn04", "run", folder, {"architecture": "mn04"}, network(len(NAMES)))
    mistakes = {"mistakes": Section("Worst mistakes", exhibits=exhibits)}
    made = built(folder / "one", NAMES, whole=True, silent=slice(-1, None), subject=subject, sections=mistakes)
    with pytest.MonkeyPatch.context() as patch:
        blank(patch)
        board.write(made, 3)
    board.write(made, 7)
    figures = hparams.of_evaluation(made.summary)
    hparams.write_session(folder / "one" / "evaluation", made.hyperparameters, figures, 7)
    evaluated = write_run(folder / "runs" / "evaluated", [0.5, 0.75, 0.25, 0.25], learning_rate=1e-4)
    write_evaluation(evaluated, mAP=0.5, accuracy=0.625, top_3=0.9)
    write_evaluation(evaluated / "evaluation-esc50", "multilabel", F1=0.125)
    write_run(folder / "runs" / "trained", [0.5, 0.25, 0.25, 0.25], teacher="passt_s", balance=True)
    for name, values in (("killed", [0.25]), ("diverged", [])):
        write_run(folder / "runs" / name, values, finished=False)
    for run in (folder / "runs").iterdir():
        for _ in range(2):  # as after training, and after every evaluation
            hparams.write(run, failed=run.name == "diverged")
    return made


@pytest.fixture(scope="module")
def ask(report, tensorboard_server) -> Any:
    with tensorboard_server(report.out.parent) as ask:
        yield ask


def test_a_second_evaluation_replaces_the_first(report) -> None:
    assert len(list((report.out / "evaluation").glob("events*"))) == 1


def test_scalars_are_grouped_by_metric_with_every_class_that_has_clips(ask, report) -> None:
    tags = ask("scalars/tags")[RUN]
    names = report.table[report.table["positives"] > 0]["class"]
    for column, group in GROUPS.items():
        defined = report.table[np.isfinite(report.table[column])]["class"]
        expected = {f"{group}/{class_tag(name)}" for name in names if name in set(defined)}
        assert {tag for tag in tags if tag.startswith(f"{group}/")} == expected
    tag = f"· average_precision/{class_tag(names[0])}"
    ((_, step, value),) = ask("scalars/scalars", run=RUN, tag=tag)
    assert (step, value) == (7, pytest.approx(report.table.loc[0, "AP"], abs=1e-7))
    ((_, _, mean),) = ask("scalars/scalars", run=RUN, tag="summary/mAP")
    assert mean == pytest.approx(report.summary["mAP"], abs=1e-7)
    assert tags[tag]["displayName"] == "· average_precision/Rooster / hen"
    assert f"{report.table.loc[0, 'positives']} clips of this class" in tags[tag]["description"]


def test_the_charts_of_the_classes_come_after_all_others(ask) -> None:
    groups = {tag.partition("/")[0] for tag in ask("scalars/tags")[RUN]}
    others = (groups | {"epoch_loss", "epoch_mAP"}) - set(GROUPS.values())
    assert "summary" in others and max(others) < min(GROUPS.values())


def test_precision_recall_curves(ask, report) -> None:
    names = report.predictions.labels.names
    tags = ask("pr_curves/tags")[RUN]
    assert {about["displayName"] for about in tags.values()} == set(names[:-1])
    (curve,) = ask("pr_curves/pr_curves", run=RUN, tag=f"pr_curve/{class_tag(names[1])}")[RUN]
    expected = at_thresholds(report.predictions.targets[:, 1].astype(bool), report.predictions.scores[:, 1])
    kept = len(curve["thresholds"])
    parts = ("true_positives", "false_positives", "true_negatives", "false_negatives", "precision", "recall")
    for name, values in zip(parts, expected, strict=True):
        assert curve[name] == pytest.approx(values[:kept].tolist(), abs=1e-6)
    assert expected[:2, kept:].sum() == 0


def test_histograms_hold_the_scores_of_clips_with_and_without_the_class(ask, report) -> None:
    tag, truth = class_tag(report.predictions.labels.names[2]), report.predictions.targets[:, 2].astype(bool)
    for which, held in (("with", truth), ("without", ~truth)):
        ((_, _, buckets),) = ask("histograms/histograms", run=RUN, tag=f"scores/{tag}/{which}")
        assert sum(count for _, _, count in buckets) == held.sum()


def test_the_text_says_what_was_measured_and_concluded(ask, report) -> None:
    assert list(ask("text/tags")[RUN]) == ["report"]
    (shown,) = ask("text/text", run=RUN, tag="report")
    text = html.unescape(shown["text"])
    assert "<table>" in text and "<h1>esc-mn04</h1>" in text and report.command in text
    assert "nobody" in text and "False alarms in" in text and f"{report.summary['mAP']:.3f}" in text


def test_numbers_of_sections_are_scalars(ask, report) -> None:
    for name, section in report.shown():
        for key, value in section.scalars.items():
            ((_, step, shown),) = ask("scalars/scalars", run=RUN, tag=f"{name}/{key}")
            assert (step, shown) == (7, pytest.approx(value, abs=1e-6))


def served(ask, plugin: str, tag: str) -> bytes:
    (about,) = ask(f"{plugin}/{plugin}", run=RUN, tag=tag, sample="0")
    one = {"images": "individualImage", "audio": "individualAudio"}[plugin]
    return ask(f"{plugin}/{one}", **dict(urllib.parse.parse_qsl(about["query"])))


def test_pictures_are_png_files_and_charts_are_those_of_the_sections(ask, report) -> None:
    tags = ask("images/tags")[RUN]
    charts = {tag for tag in tags if tag.startswith("charts/")}
    assert charts == {
        f"charts/{name}"
        for name in (
            "average_precision",
            "average_precision_by_clips",
            "confusion_matrix",
            "precision_recall_of_all_pairs",
            "reliability",
            "roc",
            "roc_of_all_pairs",
            "scores_of_worst_classes",
        )
    }
    for tag in charts:
        picture = imread(io.BytesIO(served(ask, "images", tag)))
        assert picture[..., :3].std() > 0.05 and min(picture.shape[:2]) > 300
    (matrix,) = report.sections["confusion"].figures
    assert served(ask, "images", "charts/confusion_matrix") == png.draw(matrix)


def test_a_clip_can_be_seen_and_heard_under_one_name(ask, report) -> None:
    pictures, sounds = ask("images/tags")[RUN], ask("audio/tags")[RUN]
    (sound,) = sounds
    exhibit = report.sections["mistakes"].exhibits[0]
    assert sound == f"mistakes/1 false alarm {class_tag(exhibit.label)} in clip c0/sound"
    assert sound.replace("/sound", "/picture") in pictures
    assert sum(tag.startswith("mistakes/") for tag in pictures) == 2
    samples, rate = soundfile.read(io.BytesIO(served(ask, "audio", sound)))
    assert rate == exhibit.sample_rate
    np.testing.assert_allclose(samples, np.clip(exhibit.waveform, -1, 1), atol=1e-4)
    assert "Scored 0.930" in sounds[sound]["description"]


def test_the_summary_and_the_loss_stand_first_in_custom_scalars(ask, report) -> None:
    layout = ask("custom_scalars/layout")
    first, classes = layout["category"]
    assert [chart["title"] for chart in first["chart"]][:2] == ["mAP", "loss"]
    tags = ask("scalars/tags")[RUN]
    for chart in first["chart"][:1] + classes["chart"]:
        for pattern in chart["multiline"]["tag"]:
            assert any(re.fullmatch(pattern, tag) for tag in tags), pattern


def test_the_projector_has_a_vector_and_a_line_a_clip(ask, report) -> None:
    assert ask("projector/runs") == [RUN]
    (about,) = ask("projector/info", run=RUN)["embeddings"]
    points, size = report.embeddings[1].shape
    assert about["tensorShape"] == [points, size]
    content = ask("projector/tensor", run=RUN, name=about["tensorName"])
    vectors = np.frombuffer(content, np.float32).reshape(points, size)
    np.testing.assert_allclose(vectors, report.embeddings[1], rtol=1e-4, atol=1e-6)
    header, *lines = ask("projector/metadata", run=RUN, name=about["tensorName"]).decode().splitlines()
    assert header.split("\t")[:5] == ["class", "labels", "predicted", "found", "clip"]
    assert len(lines) == points and {line.count("\t") for line in lines} == {header.count("\t")}
    for state in json.loads((report.out / "evaluation" / about["bookmarksPath"]).read_text()):
        assert state["selectedColorOptionName"] in header.split("\t")
        assert state["dataSetDimensions"] == [points, size]
    assert len(ask("projector/bookmarks", run=RUN, name=about["tensorName"])) == 2


@pytest.fixture(scope="module")
def sessions(ask) -> dict[str, Any]:
    """Rows of the HPARAMS tab, by run."""
    statuses = [f"STATUS_{name}" for name in ("SUCCESS", "FAILURE", "UNKNOWN", "RUNNING")]
    wanted = {"allowedStatuses": statuses, "colParams": [], "startIndex": 0, "sliceSize": 20}
    for _ in range(2_000):  # TensorBoard reads run after run
        groups = ask("hparams/session_groups", wanted)["sessionGroups"]
        if len(groups) == 5:
            break
    return {group["name"]: group for group in groups}


def figures_of(group: dict[str, Any]) -> dict[str, float]:
    return {value["name"]["tag"]: value["value"] for value in group["metricValues"]}


def test_every_run_is_one_row_of_the_hparams_tab(sessions) -> None:
    trained = {f"runs/{name}/hparams" for name in ("evaluated", "trained", "killed", "diverged")}
    assert sessions.keys() == {f"{RUN}/hparams", *trained}
    statuses = {name.split("/")[1]: group["sessions"][0]["status"] for name, group in sessions.items()}
    assert statuses == {
        "evaluation": "STATUS_SUCCESS",
        "evaluated": "STATUS_SUCCESS",
        "trained": "STATUS_SUCCESS",
        "killed": "STATUS_UNKNOWN",
        "diverged": "STATUS_FAILURE",
    }


def test_hyperparameters_have_their_types_and_ranges(ask, report, sessions) -> None:
    infos = {info["name"]: info for info in ask("hparams/experiment", {})["hparamInfos"]}
    assert {*report.hyperparameters, "teacher", "balance", "monitor", "model_options.head"} < infos.keys()
    assert {name for name, info in infos.items() if info.get("differs")} == {"learning_rate", "epochs"}
    assert infos["learning_rate"]["type"] == infos["epochs"]["type"] == "DATA_TYPE_FLOAT64"
    assert infos["learning_rate"]["domainInterval"] == {"minValue": 1e-4, "maxValue": 1e-3}
    assert (infos["balance"]["type"], infos["balance"]["domainDiscrete"]) == ("DATA_TYPE_BOOL", [True])
    assert (infos["teacher"]["type"], infos["teacher"]["domainDiscrete"]) == ("DATA_TYPE_STRING", ["passt_s"])
    assert sessions[f"{RUN}/hparams"]["hparams"] == report.hyperparameters
    assert sessions["runs/trained/hparams"]["hparams"]["teacher"] == "passt_s"


def test_figures_of_runs_stand_in_the_hparams_tab_before_and_after_evaluation(ask, report, sessions) -> None:
    shown = {info["name"]["tag"] for info in ask("hparams/experiment", {})["metricInfos"]}
    means = {f"summary/{name}" for name in ("mAP", "AUC", "lwlrap", "F1", "accuracy", "overall_ECE")}
    assert shown == {*means, "best/val_accuracy", "final/loss", "final/val_loss", "esc50/F1"}
    assert figures_of(sessions[f"{RUN}/hparams"])["summary/mAP"] == pytest.approx(report.summary["mAP"], abs=1e-6)
    trained = {"best/val_accuracy": 0.5, "final/loss": 0.5, "final/val_loss": 0.75}
    assert figures_of(sessions["runs/trained/hparams"]) == trained
    evaluated = trained | {"best/val_accuracy": 0.75, "summary/mAP": 0.5, "summary/accuracy": 0.625, "esc50/F1": 0.125}
    assert figures_of(sessions["runs/evaluated/hparams"]) == evaluated
    assert figures_of(sessions["runs/killed/hparams"]) == {
        "best/val_accuracy": 0.25,
        "final/loss": 2.0,
        "final/val_loss": 3.0,
    }


def test_the_graph_of_the_network(ask, report) -> None:
    assert ask("graphs/info")[RUN]["run_graph"]
    graph = ask("graphs/graph", run=RUN).decode()
    for name in ("log_mel", "block1/convolution", "block1/normalization", "features", "logits"):
        assert f'name: "{name}"' in graph


def test_a_bare_report_is_written_and_clears_what_a_full_one_left(make_report, tmp_path, monkeypatch) -> None:
    blank(monkeypatch)
    full = make_report(task="multiclass", whole=True, mistakes=1)
    board.write(full)
    board.write(replace(full, intervals=None, embeddings=None, sections={"noise": None}, notes=(), hyperparameters={}))
    assert [path.name[:6] for path in sorted((tmp_path / "evaluation").iterdir())] == ["events"]


def test_one_clip_and_classes_that_cannot_be_judged_do_not_stop_it(make_report, tmp_path) -> None:
    targets, scores = np.array([[0, 1]], np.uint8), np.array([[0.2, 0.9]])
    few = Predictions(np.array(["a"]), targets, scores, Labels(("x", "y")), "multilabel", thresholds=np.full(2, 0.5))
    board.write(make_report(predictions=few, resamples=0))
    assert list((tmp_path / "evaluation").glob("events*"))


def test_names_with_tabs_and_line_breaks_do_not_break_the_projectors_lines(make_report, tmp_path) -> None:
    full = make_report(whole=True, resamples=0)
    ids = full.predictions.clip_ids.astype("<U40")
    ids[:3:2] = "a\tb\nc", "  "
    projector.write(tmp_path, replace(full, predictions=replace(full.predictions, clip_ids=ids)))
    lines = (tmp_path / projector.METADATA).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(full.embeddings[0])
    assert [line.split("\t")[4] for line in lines[1:3]] == ["a b c", "(none)"]


def test_a_clip_is_coloured_by_the_rarest_of_its_labels_that_has_a_colour(make_report, tmp_path) -> None:
    names = tuple(f"class {number}" for number in range(80))
    full = make_report(names, clips=200, resamples=0)
    rows = np.arange(0, 200, 2)
    columns = projector.describe(full, rows)
    truth = full.predictions.targets[rows].astype(bool)
    often = truth.sum(axis=0, dtype=int)
    coloured = sorted(range(80), key=lambda index: (-often[index], index))[:48]
    for shown, held in zip(columns["class"], truth, strict=True):
        candidates = [index for index in coloured if held[index]]
        if candidates:
            assert often[names.index(shown)] == min(often[index] for index in candidates)
        else:
            assert shown == ("(other)" if held.any() else "(none)")
    assert 20 < len(set(columns["class"])) <= 50
    assert columns["labels"] == [", ".join(names[index] for index in np.flatnonzero(held)) for held in truth]
