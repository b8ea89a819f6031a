"""The callback in a real `fit`: what later callbacks see, what TensorBoard gets, on every backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from audiotag import AudiotagError
from audiotag.evaluation import ValidationMetrics, metrics, predict


class Seen(keras.callbacks.Callback):
    """Keeps the logs that a callback after `ValidationMetrics` is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict[str, float]] = []

    def on_epoch_end(self, epoch, logs=None) -> None:
        self.logs.append(dict(logs))


def fitted(network, data, callbacks, epochs=2, rate=0.3):
    network.compile(keras.optimizers.SGD(rate), "mse")
    rows = data.logits[:, :, None, None]
    return network.fit(rows, data.targets, epochs=epochs, batch_size=16, verbose=0, callbacks=callbacks)


@pytest.mark.parametrize(("task", "third"), [("multiclass", "accuracy"), ("multilabel", "F1")])
def test_later_callbacks_and_the_history_see_the_metrics_of_the_trained_weights(memory_data, echo, task, third) -> None:
    data, network, seen = memory_data(task=task), echo(3), Seen()
    history = fitted(network, data, [ValidationMetrics(network, data, "test", 8), seen])
    found = predict(network, data, "test")
    table = metrics.per_class(found.targets, found.scores, found.labels, task=task)
    means = metrics.summary(table, found.targets, found.scores, task)
    assert set(seen.logs[-1]) == {"loss", "val_loss", "val_mAP", "val_AUC", f"val_{third}"}
    if task == "multiclass":
        expected = log_loss(found.targets, found.scores)
    else:
        each = [log_loss(found.targets[:, i], found.scores[:, i], labels=[0, 1]) for i in range(3)]
        expected = np.mean(each)
    assert seen.logs[-1]["val_loss"] == pytest.approx(expected)
    for name in ("mAP", "AUC", third):
        assert seen.logs[-1][f"val_{name}"] == history.history[f"val_{name}"][-1] == pytest.approx(means[name])


def test_early_stopping_and_checkpoints_can_watch_them(memory_data, echo, tmp_path) -> None:
    data, network = memory_data(), echo(3)
    best = tmp_path / "best.weights.h5"
    callbacks = [
        ValidationMetrics(network, data, "test"),
        keras.callbacks.ModelCheckpoint(
            best, monitor="val_accuracy", mode="max", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.EarlyStopping(monitor="val_mAP", mode="max", patience=2),
    ]
    history = fitted(network, data, callbacks, epochs=9, rate=0.0)
    assert len(history.epoch) == 3
    assert best.exists()


def test_a_network_inside_a_model_with_two_outputs_is_watched(memory_data, echo) -> None:
    data, network, seen = memory_data(), echo(3), Seen()
    logits = network.output
    model = keras.Model(network.input, {"label": logits, "distillation": keras.layers.Identity()(logits)})
    rows = data.logits[:, :, None, None]
    model.compile("sgd", {"label": "mse", "distillation": "mse"})
    targets = {"label": data.targets, "distillation": data.targets}
    model.fit(rows, targets, verbose=0, callbacks=[ValidationMetrics(network, data, "test"), seen])
    assert 0 < seen.logs[0]["val_mAP"] <= 1


def test_every_class_and_epoch_is_written_to_the_log_folder(memory_data, echo, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data, network = memory_data(names=("a/b", "c", "d")), echo(3)
    history = fitted(
        network, data, [ValidationMetrics(network, data, "test", logdir=tmp_path / "validation")], epochs=3
    )
    reader = EventAccumulator(str(tmp_path / "validation")).Reload()
    points = reader.Tensors("summary/mAP")
    assert [point.step for point in points] == [0, 1, 2]
    values = [point.tensor_proto.float_val[0] for point in points]
    assert values == pytest.approx(history.history["val_mAP"])
    assert "average_precision/a∕b" in reader.Tags()["tensors"]


def test_a_split_without_a_label_is_refused_before_training(memory_data, echo) -> None:
    data = memory_data(task="multilabel")
    data.clips["labels"] = ""
    with pytest.raises(AudiotagError, match="needs labelled clips, 'test' of memory has none"):
        fitted(echo(3), data, [ValidationMetrics(echo(3), data, "test")])


def test_a_metric_that_is_not_defined_is_left_out_of_the_logs(memory_data, echo) -> None:
    data, network, seen = memory_data(task="multilabel"), echo(3), Seen()
    data.targets[:] = 1.0
    fitted(network, data, [ValidationMetrics(network, data, "test"), seen], epochs=1)
    assert set(seen.logs[0]) == {"loss", "val_loss", "val_mAP", "val_F1"}


def test_weights_that_are_not_finite_end_the_training_naming_a_clip(memory_data, echo) -> None:
    data, network = memory_data(), echo(3)
    data_of_nan = memory_data()
    data_of_nan.logits[:] = np.nan
    with pytest.raises(AudiotagError, match=r"finite.*'clip 0 é'"):
        fitted(network, data_of_nan, [ValidationMetrics(network, data, "test")], epochs=1)


@pytest.mark.parametrize("backend", ["jax", pytest.param("torch", marks=pytest.mark.slow)])
def test_the_same_metrics_on_another_backend(backend) -> None:
    pytest.importorskip(backend)
    tests = [
        "test_later_callbacks_and_the_history_see_the_metrics_of_the_trained_weights[multilabel-F1]",
        "test_a_network_inside_a_model_with_two_outputs_is_watched",
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"{__file__}::{name}" for name in tests),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
