"""Predictions: scores by task, every clip once, and the file that keeps them."""

from __future__ import annotations

import numpy as np
import pandas
import pyarrow
import pytest
from pyarrow import parquet

from audiotag import AudiotagError, metrics
from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions, cross_entropy
from audiotag.scorers.keras_models import predict


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_scores_are_softmax_or_sigmoid_of_the_logits_by_task(memory_data, echo, task) -> None:
    data = memory_data(task=task)
    found = predict(echo(3), data, "test", batch_size=7)
    powers = np.exp(data.logits.astype(np.float64))
    expected = powers / powers.sum(1, keepdims=True) if task == "multiclass" else powers / (1 + powers)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    assert found.clip_ids.tolist() == data.clip_ids
    assert found.targets.tolist() == data.targets.tolist()
    assert data.asked == [{"batch_size": 7, "variants": 0, "waveforms": False}]


def test_only_the_clips_of_the_split_are_scored(memory_data, echo) -> None:
    data = memory_data(splits=["train", "test"] * 20)
    assert predict(echo(3), data, "test").clip_ids.tolist() == data.clip_ids[1::2]


def test_rejected_clips_are_not_expected(memory_data, echo) -> None:
    data = memory_data(clips=4)
    data.clips.loc[len(data.clips)] = ["broken", "test", "dog", "rejected", "truncated"]
    assert len(predict(echo(3), data, "test").clip_ids) == 4


def test_a_clip_that_the_records_lack_is_refused_by_name(memory_data, echo) -> None:
    data = memory_data(clips=6)
    data.clips.loc[6] = ["lost", "test", "dog", "ok", ""]
    with pytest.raises(AudiotagError, match="lack 1 clips, 'lost' for one"):
        predict(echo(3), data, "test")


def test_a_clip_that_the_list_of_clips_does_not_know_is_refused_by_name(memory_data, echo) -> None:
    data = memory_data(clips=6)
    data.clips = data.clips.drop(index=2)
    with pytest.raises(AudiotagError, match=r"unknown to clips\.csv, 1 clips, 'clip 2 é'"):
        predict(echo(3), data, "test")


def test_a_clip_that_comes_twice_is_refused_by_name(memory_data, echo) -> None:
    data = memory_data(clips=6)
    data.clip_ids[4] = data.clip_ids[0]
    with pytest.raises(AudiotagError, match="'clip 0 é' more than once"):
        predict(echo(3), data, "test")


def test_a_logit_that_is_not_finite_is_refused_naming_the_clip(memory_data, echo) -> None:
    data = memory_data(task="multilabel")
    data.logits[5, 1] = np.inf
    with pytest.raises(AudiotagError, match=r"finite.*'clip 5 é'"):
        predict(echo(3), data, "test")


def test_a_model_with_another_number_of_outputs_is_refused(memory_data, echo) -> None:
    import keras

    network = echo(3)
    wider = keras.Model(network.input, keras.layers.Dense(4)(network.output))
    with pytest.raises(AudiotagError, match=r"gives 4 outputs for 3 classes"):
        predict(wider, memory_data(), "test")


def test_predictions_survive_their_file(tmp_path) -> None:
    labels = Labels(("R&B/soul", 'a "quoted", one', "🐕 dog", "naïve ∕ é"), ("a", "b", "c", "d"))
    scores = np.random.default_rng(0).random((5, 4))
    targets = np.eye(4, dtype=np.uint8)[[0, 1, 2, 3, 0]]
    before = Predictions(np.array(["a/b.wav", "ü", "c", "d, e", "🐕"]), targets, scores, labels, "multiclass")
    metrics.save(before, tmp_path / "predictions.npz")
    after = metrics.load(tmp_path / "predictions.npz")
    assert after.clip_ids.tolist() == before.clip_ids.tolist()
    assert (after.scores == scores).all() and (after.targets == targets).all()
    assert (after.labels, after.task) == (labels, "multiclass")


def test_what_is_no_file_of_predictions_is_one_clear_error(tmp_path) -> None:
    path = tmp_path / "predictions.npz"
    with pytest.raises(AudiotagError, match="no such file"):
        metrics.load(path)
    for content in (b"", b"not an archive", b"PK\x03\x04 torn"):
        path.write_bytes(content)
        with pytest.raises(AudiotagError, match="not a file of predictions"):
            metrics.load(path)
    np.savez(path, clip_ids=np.array(["a", None], dtype=object))
    with pytest.raises(AudiotagError, match="not a file of predictions"):
        metrics.load(path)


def test_the_batch_size_does_not_change_the_scores_and_gives_the_model_one_shape(memory_data, echo) -> None:
    data, network = memory_data(), echo(3)
    shapes = set()
    ask = network.predict_on_batch
    network.predict_on_batch = lambda batch: shapes.add(batch.shape) or ask(batch)
    assert (predict(network, data, "test", 1).scores == predict(network, data, "test", 27).scores).all()
    assert shapes == {(1, 3, 1, 1), (27, 3, 1, 1)}


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_masks_and_recordings_survive_the_file(tmp_path, suffix) -> None:
    labels = Labels(("R&B/soul", 'a "quoted", one', "🐕 dog"), ("a", "b", "c"))
    random = np.random.default_rng(0)
    known = random.random((6, 3)) < 0.6
    targets = ((random.random((6, 3)) < 0.5) & known).astype(np.uint8)
    ids, tapes = np.array(["a/b.wav", "ü", "c", "d, e", "🐕", "f"]), np.array(["x", "y", "x", "ü", "🐕", "z"])
    before = Predictions(ids, targets, random.random((6, 3)), labels, "multilabel", known, tapes)
    metrics.save(before, tmp_path / f"predictions{suffix}")
    after = metrics.load(tmp_path / f"predictions{suffix}")
    for name in ("clip_ids", "targets", "scores", "known", "recordings"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
    assert (after.labels, after.task, after.known.dtype) == (labels, "multilabel", bool)
    without = Predictions(ids, targets, before.scores, labels, "multilabel")
    metrics.save(without, tmp_path / f"without{suffix}")
    again = metrics.load(tmp_path / f"without{suffix}")
    assert again.known is None and again.recordings is None and again.targets.dtype == np.uint8


def test_the_parquet_table_is_readable_without_audiotag(tmp_path) -> None:
    known = np.array([[True, False], [True, True]])
    labels, scores = Labels(("dog", "rain")), np.array([[0.1, 0.2], [0.3, 0.4]])
    targets = np.array([[1, 0], [0, 1]], np.uint8)
    found = Predictions(np.array(["a", "b"]), targets, scores, labels, "multilabel", known)
    metrics.save(found, tmp_path / "p.parquet")
    table = pandas.read_parquet(tmp_path / "p.parquet")
    assert table.columns.tolist() == ["clip_id", "score: dog", "score: rain", "label: dog", "label: rain"]
    assert table["score: rain"].tolist() == [0.2, 0.4]
    assert table["label: rain"].isna().tolist() == [True, False]


def test_what_is_no_parquet_file_of_predictions_is_one_clear_error(tmp_path) -> None:
    path = tmp_path / "predictions.parquet"
    with pytest.raises(AudiotagError, match="no such file"):
        metrics.load(path)
    parquet.write_table(pyarrow.table({"clip_id": ["a"], "dog": [0.5]}), path)
    with pytest.raises(AudiotagError, match="not a file of predictions"):
        metrics.load(path)
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(AudiotagError, match="not a Parquet table"):
        metrics.load(path)


def test_pairs_that_nobody_judged_do_not_count_in_the_loss() -> None:
    known = np.array([[True, False], [True, True]])
    targets, scores = np.array([[1, 0], [0, 1]], np.uint8), np.array([[0.5, 0.999], [0.5, 0.5]])
    found = Predictions(np.array(["a", "b"]), targets, scores, Labels(("dog", "rain")), "multilabel", known)
    assert cross_entropy(found) == pytest.approx(np.log(2))


def test_some_clips_and_classes_keep_all_that_is_known_of_them() -> None:
    random = np.random.default_rng(1)
    known = random.random((5, 3)) < 0.7
    targets, scores = ((random.random((5, 3)) < 0.5) & known).astype(np.uint8), random.random((5, 3))
    ids, labels, limits = (
        np.array(list("abcde")),
        Labels(("dog", "rain", "sea"), ("x", "y", "z")),
        np.array([0.1, 0.2, 0.3]),
    )
    whole = Predictions(ids, targets, scores, labels, "multilabel", known, ids, limits)
    part = whole.take(np.array([4, 1]), np.array([2, 0]))
    for name in ("targets", "scores", "known"):
        assert getattr(part, name).tolist() == getattr(whole, name)[[4, 1]][:, [2, 0]].tolist()
    assert part.clip_ids.tolist() == part.recordings.tolist() == ["e", "b"]
    assert (part.labels, part.limits.tolist()) == (Labels(("sea", "dog"), ("z", "x")), [0.3, 0.1])
    assert whole.take(ids == "c").labels == labels
    truth, own = part.of_class(0)
    assert truth.tolist() == part.targets[part.known[:, 0], 0].astype(bool).tolist()
    assert own.tolist() == part.scores[part.known[:, 0], 0].tolist()
    assert Predictions(ids, targets, scores, labels, "multilabel").limits.tolist() == [0.5] * 3
