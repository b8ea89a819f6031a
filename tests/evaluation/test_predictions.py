"""Predictions: scores by task, every clip once, and the file that keeps them."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag import AudiotagError
from audiotag.evaluation import Predictions, predict
from audiotag.evaluation.predictions import probabilities
from audiotag.labels import Labels


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_scores_are_softmax_or_sigmoid_of_the_logits_by_task(memory_data, echo, task) -> None:
    data = memory_data(task=task)
    found = predict(echo(3), data, "test", batch_size=7)
    powers = np.exp(data.logits.astype(np.float64))
    expected = powers / powers.sum(1, keepdims=True) if task == "multiclass" else powers / (1 + powers)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    assert found.clip_ids.tolist() == data.clip_ids
    assert found.targets.tolist() == data.targets.tolist()
    assert data.asked == [{"batch_size": 7, "variants": 0, "keys": True}]


def test_only_the_clips_of_the_split_are_scored(memory_data, echo) -> None:
    data = memory_data(splits=["train", "test"] * 20)
    assert predict(echo(3), data, "test").clip_ids.tolist() == data.clip_ids[1::2]


def test_rejected_clips_are_not_expected(memory_data, echo) -> None:
    data = memory_data(clips=4)
    data.clips.loc[len(data.clips)] = ["broken", "test", "dog", "rejected", "truncated"]
    assert len(predict(echo(3), data, "test").clip_ids) == 4


def test_high_logits_keep_their_order() -> None:
    scores = probabilities(np.array([[20.0], [21.0], [30.0]], np.float32), "multilabel")
    assert scores[0, 0] < scores[1, 0] < scores[2, 0] <= 1.0


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
    with pytest.raises(AudiotagError, match=r"one logit a class, \(4,\) for 3 classes"):
        predict(wider, memory_data(), "test")


def test_predictions_survive_their_file(tmp_path) -> None:
    labels = Labels(("R&B/soul", 'a "quoted", one', "🐕 dog", "naïve ∕ é"), ("a", "b", "c", "d"))
    scores = np.random.default_rng(0).random((5, 4))
    targets = np.eye(4, dtype=np.uint8)[[0, 1, 2, 3, 0]]
    before = Predictions(np.array(["a/b.wav", "ü", "c", "d, e", "🐕"]), targets, scores, labels, "multiclass")
    before.save(tmp_path / "predictions.npz")
    after = Predictions.load(tmp_path / "predictions.npz")
    assert after.clip_ids.tolist() == before.clip_ids.tolist()
    assert (after.scores == scores).all() and (after.targets == targets).all()
    assert (after.labels, after.task) == (labels, "multiclass")


def test_what_is_no_file_of_predictions_is_one_clear_error(tmp_path) -> None:
    path = tmp_path / "predictions.npz"
    with pytest.raises(AudiotagError, match="no such file"):
        Predictions.load(path)
    for content in (b"", b"not an archive", b"PK\x03\x04 torn"):
        path.write_bytes(content)
        with pytest.raises(AudiotagError, match="not a file of predictions"):
            Predictions.load(path)
    np.savez(path, clip_ids=np.array(["a", None], dtype=object))
    with pytest.raises(AudiotagError, match="not a file of predictions"):
        Predictions.load(path)


def test_the_batch_size_does_not_change_the_scores_and_gives_the_model_one_shape(memory_data, echo) -> None:
    data, network = memory_data(), echo(3)
    shapes = set()
    ask = network.predict_on_batch
    network.predict_on_batch = lambda batch: shapes.add(batch.shape) or ask(batch)
    assert (predict(network, data, "test", 1).scores == predict(network, data, "test", 27).scores).all()
    assert shapes == {(1, 3, 1, 1), (27, 3, 1, 1)}
