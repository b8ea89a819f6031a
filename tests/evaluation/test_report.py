"""Evaluating a run folder: what is written, what is refused, and what is printed."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pandas
import pytest
from rich.console import Console

from audiotag import AudiotagError, models
from audiotag.evaluation import Predictions, Report, evaluate, metrics, show
from audiotag.frontend import preset
from audiotag.labels import Labels

ODD = ("Rooster / hen", '[red]"a", b', ":dog: 🐕")


def a_run(folder: Path, network, data, **changes) -> Path:
    card = models.ModelCard("tiny", data.labels, data.front_end, data.task, 1.0)
    models.save(network, folder / "student.keras", dataclasses.replace(card, **changes))
    return folder


def printed(report: Report, width: int = 100) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=width))
    return stream.getvalue()


def test_a_run_gets_its_table_predictions_and_event_file(tmp_path, memory_data, echo) -> None:
    data = memory_data(names=ODD, splits=["fold1"] * 25 + ["fold2"] * 15)
    run = a_run(tmp_path / "a run", echo(3), data)
    (run / "recipe.toml").write_text('data = "elsewhere"\nvalidation = "fold2"\n', encoding="utf-8")
    for _ in range(2):
        report = evaluate(run, data=data)
    assert (report.run, report.split, report.data_set) == (run, "fold2", "memory")
    assert len(list((run / "evaluation").iterdir())) == 1
    kept = Predictions.load(run / "predictions.npz")
    assert kept.clip_ids.tolist() == data.clip_ids[25:]
    table = pandas.read_csv(run / "metrics.csv", index_col="index")
    assert list(table.columns) == ["id", "class", "positives", "predicted", *metrics.METRICS]
    assert table["class"].tolist()[:3] == list(ODD)
    assert table.index.tolist() == ["0", "1", "2", "mean", "all"]
    expected = metrics.per_class(kept.targets, kept.scores, kept.labels, task="multiclass")
    np.testing.assert_allclose(table.iloc[:3][list(metrics.METRICS)], expected[list(metrics.METRICS)], atol=1e-12)
    assert table.loc["mean", "AP"] == pytest.approx(report.summary["mAP"])
    right = (kept.scores.argmax(1) == kept.targets.argmax(1)).mean()
    assert table.loc["all", "accuracy"] == report.summary["accuracy"] == pytest.approx(right)


def test_the_test_split_comes_first_and_a_named_split_before_it(tmp_path, memory_data, echo) -> None:
    data = memory_data(splits=["test"] * 20 + ["train"] * 20)
    run = a_run(tmp_path, echo(3), data)
    assert evaluate(run, data=data).split == "test"
    assert evaluate(run, data=data, split="train").predictions.clip_ids.tolist() == data.clip_ids[20:]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"front_end": dataclasses.replace(preset("efficientat"), name="other", mels=64)}, "other.*efficientat.*mels"),
        ({"labels": Labels(("dog", "sea", "rain"))}, r"3 classes \(dog, sea, rain\).*3 classes \(dog, rain, sea\)"),
        ({"task": "multilabel"}, "multilabel.*multiclass"),
    ],
)
def test_another_front_end_vocabulary_or_task_is_refused_naming_both(
    tmp_path, memory_data, echo, changes, message
) -> None:
    data = memory_data()
    run = a_run(tmp_path, echo(3), data, **changes)
    with pytest.raises(AudiotagError, match=message) as caught:
        evaluate(run, data=data)
    assert "\n" not in str(caught.value)
    assert [path.name for path in run.iterdir()] == ["student.keras"]


def test_what_is_no_run_or_has_no_recipe_is_one_clear_error(tmp_path, memory_data, echo) -> None:
    with pytest.raises(AudiotagError, match=r"holds student\.keras"):
        evaluate(tmp_path / "nowhere")
    data = memory_data(splits=["fold1"] * 40)
    run = a_run(tmp_path, echo(3), data)
    with pytest.raises(AudiotagError, match=r"no recipe\.toml: name the data set"):
        evaluate(run)
    for content, message in (
        ("seed = 1", "no validation split: name"),
        ('validation = "none"', "no validation split: name"),
        ("not toml", "not valid TOML"),
    ):
        (run / "recipe.toml").write_text(content, encoding="utf-8")
        with pytest.raises(AudiotagError, match=message):
            evaluate(run, data=data)
    (run / "recipe.toml").write_text('data = "/no/data"\ndata_relative = "../gone"\n', encoding="utf-8")
    with pytest.raises(AudiotagError, match=r"data set of .*recipe.toml is not there \(looked at /no/data, .*gone\)"):
        evaluate(run)


def test_the_printed_table_has_every_class_as_it_is_written_in_label_order(tmp_path, memory_data, echo) -> None:
    data = memory_data(names=ODD)
    text = printed(evaluate(a_run(tmp_path, echo(3), data), data=data))
    places = [text.index(name) for name in ODD]
    assert places == sorted(places)
    assert "mean of classes" in text and "all clips together" in text
    assert f"tensorboard --logdir {tmp_path}" in text


def made(classes: int, run: Path) -> Report:
    """A multilabel report in which the classes 0, 7, 14 … are without positives."""
    random = np.random.default_rng(2)
    targets = (random.random((200, classes)) < random.uniform(0.05, 0.4, classes)).astype(np.uint8)
    targets[:, ::7] = 0
    labels = Labels(tuple(f"sound{index:03}" for index in range(classes)))
    found = Predictions(
        np.arange(200).astype(str), targets, 0.7 * random.random(targets.shape) + 0.3 * targets, labels, "multilabel"
    )
    table = metrics.per_class(targets, found.scores, labels, task="multilabel")
    return Report(run, "many", "test", table, metrics.summary(table, targets, found.scores, "multilabel"), found)


def test_classes_without_positives_are_named_beneath_the_table(tmp_path) -> None:
    text = printed(made(10, tmp_path / "it's a run"))
    assert "2 of 10 classes without positives, left out of every mean: sound000, sound007" in text
    assert next(line.split() for line in text.splitlines() if "sound007" in line) == ["sound007", "0", *"——————"]
    assert "'\"'\"'" in text.splitlines()[-1]


def test_of_many_classes_the_best_the_worst_and_the_rarest_are_printed(tmp_path) -> None:
    report = made(120, tmp_path)
    lines = printed(report).splitlines()
    judged = report.table[report.table["positives"] > 0].sort_values("AP", ascending=False)
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


def test_a_run_on_records_on_disk_is_found_by_its_recipe(tmp_path) -> None:
    import keras

    from audiotag import audio, records

    random = np.random.default_rng(0)
    clips = []
    for index in range(6):
        sound = random.normal(size=16000).astype(np.float32) * (0.3 if index % 2 else 0.003)
        audio.write(tmp_path / "sounds" / f"{index}.wav", sound, 32000)
        label = ("quiet", "loud")[index % 2]
        clips.append(records.Clip(f"clip{index}", f"{index}.wav", (label,), f"fold{1 + index // 3}"))
    (tmp_path / "sounds" / "5.wav").write_bytes(b"no sound")
    labels, root = Labels(("quiet", "loud")), tmp_path / "sounds"
    declaration = records.Declaration("noise", "1", "multiclass", "CC0", "none", labels, tuple(clips), 0.5, root)
    records.build(declaration, tmp_path / "data", workers=1)
    data = records.open(tmp_path / "data")
    inputs = keras.Input((None, 128, 1))
    level = keras.layers.GlobalAveragePooling2D()(inputs)
    slopes = [np.array([[-9.0, 9.0]]), np.zeros(2)]
    network = keras.Model(inputs, keras.layers.Dense(2)(level))
    network.layers[-1].set_weights(slopes)
    run = a_run(tmp_path / "run", network, data)
    recipe = 'data = "/moved/away"\ndata_relative = "../data"\nvalidation = "fold1..2"\n'
    (run / "recipe.toml").write_text(recipe, encoding="utf-8")
    report = evaluate(run)
    assert sorted(report.predictions.clip_ids) == ["clip0", "clip1", "clip2", "clip3", "clip4"]
    assert report.predictions.targets.sum(0).tolist() == [3, 2]
    assert report.summary["mAP"] == 1.0
