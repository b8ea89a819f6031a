"""TensorBoard: tags, precision-recall curves, and what a real TensorBoard serves of them over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.evaluation import Predictions, confusion, events, metrics
from audiotag.labels import Labels

NAMES = ("Rooster / hen", "Rooster ∕ hen", 'a "quoted", name', "🐕 & <b>", "costs $5, 100%", "nobody")


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    random = np.random.default_rng(5)
    targets = np.pad(random.random((80, 5)) < 0.4, ((0, 0), (0, 1))).astype(np.uint8)
    ids = np.array([f"c{index}" for index in range(80)])
    return Predictions(ids, targets, 0.6 * random.random((80, 6)) + 0.3 * targets, Labels(NAMES), "multilabel")


@pytest.fixture(scope="module")
def run(predictions, tmp_path_factory) -> Path:
    """A run with an evaluation in it, made twice as a user would."""
    folder = tmp_path_factory.mktemp("run")
    found = (predictions.targets, predictions.scores)
    table = metrics.per_class(*found, predictions.labels, task="multilabel")
    means = metrics.summary(table, *found, "multilabel")
    for step in (3, 7):
        events.write(folder / "evaluation", predictions, table, means, step=step)
    return folder


@given(st.text(), st.text())
def test_two_class_names_never_share_a_tag(one: str, other: str) -> None:
    assert (events.class_tag(one) == events.class_tag(other)) == (one == other)


@given(st.lists(st.sampled_from("/∕%25EF89 a\n\\"), max_size=8).map("".join))
def test_a_tag_can_be_turned_back_into_its_class_name(name: str) -> None:
    tag = events.class_tag(name)
    assert "/" not in tag and tag.isprintable()
    assert urllib.parse.unquote(tag.replace("∕", "/")) == name


def test_tags_stay_readable() -> None:
    assert events.class_tag("R&B / soul, 🐕 été") == "R&B ∕ soul, 🐕 été"


def test_precision_recall_counts_every_clip_at_every_threshold(predictions) -> None:
    truth, scores = predictions.targets[:, 0], np.round(predictions.scores[:, 0] * 10) / 10
    scores[:2] = 0.0, 1.0
    found = events.precision_recall(truth, scores, thresholds=11)
    for column, threshold in enumerate(np.linspace(0, 1, 11)):
        said = scores >= threshold
        counts = [(said & (truth == 1)).sum(), (said & (truth == 0)).sum()]
        counts += [(~said & (truth == 0)).sum(), (~said & (truth == 1)).sum()]
        precision = counts[0] / max(counts[0] + counts[1], 1)
        assert found[:, column].tolist() == [*counts, precision, counts[0] / truth.sum()]


def test_precision_recall_equals_tensorboards_own_first_generation_writer() -> None:
    from tensorboard.plugins.pr_curve import summary
    from tensorboard.util import tensor_util

    random = np.random.default_rng(0)
    truth, scores = random.random(500) < 0.3, random.random(500)
    theirs = summary.pb("curve", truth, scores.astype(np.float32), num_thresholds=201).value[0].tensor
    np.testing.assert_allclose(events.precision_recall(truth, scores), tensor_util.make_ndarray(theirs), atol=1e-7)


def test_a_second_evaluation_replaces_the_first(run) -> None:
    assert len(list((run / "evaluation").glob("events*"))) == 1


def test_the_last_epoch_is_that_of_the_validation_curves(tmp_path) -> None:
    assert events.last_epoch(tmp_path / "none") == 0
    with events.EventFile(tmp_path) as file:
        for epoch in (0, 4):
            file.scalar("summary/mAP", 0.5, epoch)
        file.scalar("loss_vs_iterations", 0.5, 900)
    with next(tmp_path.glob("events*")).open("ab") as file:
        file.write(b"torn off in the middle")
    assert events.last_epoch(tmp_path) == 4


@pytest.fixture(scope="module")
def board(run) -> Any:
    """Ask a TensorBoard that runs on the run folder, in a process of its own, for JSON or bytes."""
    # Without TensorFlow, which these plugins do not need, TensorBoard is up in two seconds instead of nine.
    starter = "import sys; sys.modules['tensorflow'] = None; from tensorboard.main import run_main; run_main()"
    command = [sys.executable, "-c", starter, "--logdir", str(run), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if address := re.search(r"http://\S+:\d+/", line.partition("TensorBoard ")[2]):
                break
        else:
            pytest.fail(f"TensorBoard did not start: {said}")

        def ask(path: str, **query: str) -> Any:
            url = f"{address[0]}{path}?{urllib.parse.urlencode(query)}"
            content = urllib.request.urlopen(url, timeout=20).read()
            return content if path.endswith("individualImage") else json.loads(content)

        asked = range(20_000)
        assert any(ask("data/plugin/images/tags").get("evaluation") for _ in asked), "TensorBoard found no data"
        yield ask
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_tensorboard_serves_every_class_grouped_by_metric(board, predictions) -> None:
    tags = board("data/plugin/scalars/tags")["evaluation"]
    groups = {tag.split("/")[0] for tag in tags}
    assert groups == {"average_precision", "AUC", "F1", "precision", "recall", "accuracy", "summary"}
    for group in groups - {"summary"}:
        assert {tag for tag in tags if tag.startswith(f"{group}/")} == {
            f"{group}/{events.class_tag(name)}" for name in NAMES[:-1]
        }
    table = metrics.per_class(predictions.targets, predictions.scores, predictions.labels, task="multilabel")
    tag = f"average_precision/{events.class_tag(NAMES[0])}"
    ((_, step, value),) = board("data/plugin/scalars/scalars", run="evaluation", tag=tag)
    assert (step, value) == (7, pytest.approx(table.loc[0, "AP"], abs=1e-7))
    ((_, _, mean),) = board("data/plugin/scalars/scalars", run="evaluation", tag="summary/mAP")
    assert mean == pytest.approx(table["AP"].mean(), abs=1e-7)
    assert tags[tag]["displayName"] == "average_precision/Rooster / hen"


def test_tensorboard_serves_the_precision_recall_curves(board, predictions) -> None:
    tags = board("data/plugin/pr_curves/tags")["evaluation"]
    assert {about["displayName"] for about in tags.values()} == set(NAMES[:-1])
    tag = f"pr_curve/{events.class_tag(NAMES[1])}"
    (curve,) = board("data/plugin/pr_curves/pr_curves", run="evaluation", tag=tag)["evaluation"]
    expected = events.precision_recall(predictions.targets[:, 1], predictions.scores[:, 1])
    kept = len(curve["thresholds"])
    names = ("true_positives", "false_positives", "true_negatives", "false_negatives", "precision", "recall")
    for name, values in zip(names, expected, strict=True):
        assert curve[name] == pytest.approx(values[:kept].tolist(), abs=1e-6)
    assert expected[:2, kept:].sum() == 0
    assert curve["recall"][0] == 1.0


def test_tensorboard_serves_the_picture_of_the_confusion_matrix(board, predictions) -> None:
    assert "confusion_matrix" in board("data/plugin/images/tags")["evaluation"]
    (about,) = board("data/plugin/images/images", run="evaluation", tag="confusion_matrix", sample="0")
    query = dict(urllib.parse.parse_qsl(about["query"]))
    assert board("data/plugin/images/individualImage", **query) == confusion.picture(predictions)
