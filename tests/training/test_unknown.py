"""Classes that nobody judged in some clips, and clips that nobody labelled: neither learnt nor measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from audiotag import distill, records, scorers
from audiotag.errors import AudiotagError
from audiotag.labels import join_cell, split_cell
from audiotag.metrics.per_class import per_class
from audiotag.records import Clip, Declaration
from audiotag.records.clips import clips_of
from audiotag.training import Recipe, losses, train
from tests.in_process import ThisProcess

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def partly(build_tones: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    """Every fifth clip is unlabelled; of every third nobody judged the classes that it does not have."""
    folder = tmp_path_factory.mktemp("partly")
    whole = records.open(build_tones(folder, "multilabel", (("train", 15), ("validation", 15))))
    clips = []
    for number, row in enumerate(whole.clips.to_dict("records")):
        labels, columns = split_cell(row["labels"]), {}
        if number % 5 == 0:
            labels, columns = (), {"unknown": "*"}
        elif number % 3 == 0:
            columns = {"unknown": join_cell([name for name in whole.labels if name not in labels])}
        clips.append(Clip(row["clip_id"], row["source"], labels, row["split"], columns=columns))
    about = {"name": "tones", "version": "2", "licence": "CC0", "citation": "none", "seconds": whole.seconds}
    declared = Declaration(**about, task="multilabel", labels=whole.labels, clips=tuple(clips), root=folder / "sounds")
    records.build(declared, folder / "partly", front_end=whole.front_end, engine=ThisProcess())
    data = records.open(folder / "partly")
    logits = np.random.default_rng(0).normal(size=(len(clips), 3)).astype(np.float32)
    np.savez(folder / "logits.npz", logits=logits, clip_id=data.clips["clip_id"].tolist())
    distill.import_logits(data, folder / "logits.npz", name="random")
    return data


def truth(data: records.Data, split: str) -> dict[str, np.ndarray]:
    """Targets by clip, read from `clips.csv` by hand."""
    rows = clips_of(data, split)
    expected = {}
    for clip_id, labels, unknown in zip(rows["clip_id"], rows["labels"], rows["unknown"], strict=True):
        expected[clip_id] = np.array(
            [
                np.nan if unknown == "*" or name in unknown.split(";") else float(name in labels.split(";"))
                for name in data.labels
            ]
        )
    return expected


def test_targets_are_nan_where_nobody_judged(partly: records.Data) -> None:
    expected = truth(partly, "all")
    assert 0 < np.isnan(np.stack(list(expected.values()))).mean() < 1
    for batch in partly.batches(batch_size=8):
        for clip_id, row in zip(batch["clip_id"], batch["target"], strict=True):
            np.testing.assert_array_equal(row, expected[clip_id])
    assert not records.verify(partly.path)


def test_mixup_leaves_what_the_other_clip_does_not_know(partly: records.Data) -> None:
    options = {"batch_size": 15, "first_epoch": 0, "keys": True}
    plain = {
        key: row
        for _, rows, keys, _ in partly.read("train", **options).take(1)
        for key, row in zip(keys.numpy(), rows.numpy(), strict=True)
    }
    for _, rows, keys, _ in partly.read("train", mixup=0.5, **options).take(4):
        for key, row in zip(keys.numpy(), rows.numpy(), strict=True):
            np.testing.assert_array_equal(np.isnan(row), np.isnan(plain[key]))
            known = ~np.isnan(row)
            assert (np.abs(row[known] - plain[key][known]) <= 0.5).all()


def test_a_teacher_alone_says_what_nobody_judged(partly: records.Data) -> None:
    logits = np.load(partly.path.parent / "logits.npz")
    teacher_of = dict(zip(logits["clip_id"].tolist(), 1 / (1 + np.exp(-logits["logits"])), strict=True))
    expected = truth(partly, "train")
    for _, rows, keys, _ in partly.read("train", batch_size=15, teacher="random", label_weight=0.3, keys=True):
        for key, row in zip(keys.numpy(), rows.numpy(), strict=True):
            label, teacher = expected[key.decode()], teacher_of[key.decode()]
            np.testing.assert_allclose(row, np.where(np.isnan(label), teacher, 0.3 * label + 0.7 * teacher), atol=1e-6)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_the_loss_counts_what_is_known(task: str) -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(6, 3)).astype(np.float32)
    target = np.eye(3, dtype=np.float32)[generator.integers(3, size=6)]
    if task == "multilabel":
        target[0, 1] = target[4, 2] = np.nan
    target[2] = np.nan
    with np.errstate(invalid="ignore"):
        if task == "multilabel":
            terms = np.logaddexp(0, logits) - target * logits
            expected = np.where(np.isnan(target), 0, terms).mean(axis=1)
        else:
            log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            expected = np.where(np.isnan(target).any(axis=1), 0, -(target * log_p).sum(axis=1))
    loss = losses.KnownCrossentropy(task)
    assert float(loss(target, logits)) == pytest.approx(expected.mean(), rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(target, logits)) == pytest.approx(expected.mean(), rel=1e-5)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.train_on_batch(logits, target)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_training_and_evaluation_leave_out_what_is_not_known(partly: records.Data, tmp_path: Path) -> None:
    data = partly
    tiny = {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4}
    small = {"model": "passt", "model_options": tiny, "epochs": 1, "batch_size": 6}
    with pytest.raises(AudiotagError, match=r"learnt from a teacher, train of tones has \d+ of them.*--teacher"):
        train(Recipe(data=data.path, **small), tmp_path / "refused")
    run = train(Recipe(data=data.path, teacher="random", **small), tmp_path / "run")
    assert all(np.isfinite(value) for entry in run.history for value in entry.values())
    predicted = scorers.predict(scorers.open(run.path), data, "validation")
    expected, predictions = truth(data, "validation"), predicted.predictions
    labelled = [clip_id for clip_id, row in expected.items() if not np.isnan(row).all()]
    assert sorted(predictions.clip_ids.tolist()) == sorted(labelled)
    unlabelled = len(expected) - len(labelled)
    assert any(
        f"{unlabelled} of {len(expected)} clips of tones validation are unlabelled" in note for note in predicted.notes
    )
    rows, table = np.stack([expected[clip_id] for clip_id in predictions.clip_ids]), per_class(predictions)
    for index, name in enumerate(data.labels):
        known = ~np.isnan(rows[:, index])
        if 0 < rows[known, index].sum() < known.sum():
            ap = average_precision_score(rows[known, index], predictions.scores[known, index])
            assert table.set_index("class").loc[name, "AP"] == pytest.approx(ap)
