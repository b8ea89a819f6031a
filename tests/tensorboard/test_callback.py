"""The callback in a real `fit`: what later callbacks see, what TensorBoard gets, on every backend."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from kept_process import outcomes
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from audiotag import AudiotagError
from audiotag.metrics import per_class
from audiotag.scorers.keras_models import predict
from audiotag.tensorboard import PerClassMetrics

pytestmark = pytest.mark.usefixtures("eager")


class Seen(keras.callbacks.Callback):
    """Keeps the logs that a callback after `PerClassMetrics` is handed."""

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
    history = fitted(network, data, [PerClassMetrics((data, "test"), batch_size=8, model=network), seen])
    found = predict(network, data, "test")
    means = per_class.summary(found)
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
        PerClassMetrics((data, "test"), model=network),
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
    model.fit(rows, targets, verbose=0, callbacks=[PerClassMetrics((data, "test"), model=network), seen])
    assert 0 < seen.logs[0]["val_mAP"] <= 1


def test_every_class_and_epoch_is_written_to_the_log_folder(memory_data, echo, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data, network = memory_data(names=("a/b", "c", "d")), echo(3)
    history = fitted(
        network, data, [PerClassMetrics((data, "test"), model=network, logdir=tmp_path / "validation")], epochs=3
    )
    reader = EventAccumulator(str(tmp_path / "validation")).Reload()
    points = reader.Tensors("summary/mAP")
    assert [point.step for point in points] == [1, 2, 3]
    values = [point.tensor_proto.float_val[0] for point in points]
    assert values == pytest.approx(history.history["val_mAP"])
    assert "· average_precision/a∕b" in reader.Tags()["tensors"]


def test_a_split_without_a_label_is_refused_before_training(memory_data, echo) -> None:
    data = memory_data(task="multilabel")
    data.clips["labels"] = ""
    with pytest.raises(AudiotagError, match="needs labelled clips, 'test' of memory has none"):
        fitted(echo(3), data, [PerClassMetrics((data, "test"), model=echo(3))])


def test_a_metric_that_is_not_defined_is_left_out_of_the_logs(memory_data, echo) -> None:
    data, network, seen = memory_data(task="multilabel"), echo(3), Seen()
    data.targets[:] = 1.0
    fitted(network, data, [PerClassMetrics((data, "test"), model=network), seen], epochs=1)
    assert set(seen.logs[0]) == {"loss", "val_loss", "val_mAP", "val_F1"}


def test_weights_that_are_not_finite_end_the_training_naming_a_clip(memory_data, echo) -> None:
    data, network = memory_data(), echo(3)
    data_of_nan = memory_data()
    data_of_nan.logits[:] = np.nan
    with pytest.raises(AudiotagError, match=r"finite.*'clip 0 é'"):
        fitted(network, data_of_nan, [PerClassMetrics((data, "test"), model=network)], epochs=1)


def plain(outputs: int, activation: str | None = "sigmoid", dropout: float = 0.2) -> keras.Model:
    """A small Keras model that has nothing of audiotag, the same at every call."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dropout(dropout)(keras.layers.Dense(8, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(outputs, activation=activation)(hidden))
    model.compile("adam", "mse")
    return model


def clips(task: str, count: int = 45) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    x = random.normal(size=(count, 6)).astype("float32")
    if task == "multiclass":
        return x, np.eye(3, dtype="float32")[random.integers(0, 3, count)]
    return x, (x[:, :3] > 0.3).astype("float32")


def sources(x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """The same clips in every form that a validation may have."""
    import tensorflow as tf

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            rows = slice(15 * index, 15 * index + 15)
            return x[rows], y[rows], np.ones(len(x[rows]))

    return {
        "arrays": (x, y),
        "list of batches": [(x[rows : rows + 15], y[rows : rows + 15]) for rows in (0, 15, 30)],
        "PyDataset": Batches(),
        "tf.data": tf.data.Dataset.from_tensor_slices((x, y)).batch(15),
    }


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("form", ["arrays", "list of batches", "PyDataset", "tf.data"])
def test_any_form_of_clips_gives_scikit_learns_metrics_of_a_plain_model(task, form) -> None:
    x, y = clips(task)
    model = plain(3, "softmax" if task == "multiclass" else "sigmoid")
    watch = PerClassMetrics(sources(x, y)[form], batch_size=15)
    logs = model.fit(x, y, verbose=0, callbacks=[watch]).history
    scores = model.predict(x, batch_size=15, verbose=0).astype("float64")
    assert logs["val_mAP"] == [pytest.approx(average_precision_score(y, scores), abs=1e-6)]
    assert logs["val_AUC"] == [pytest.approx(roc_auc_score(y, scores), abs=1e-6)]
    if task == "multiclass":
        assert logs["val_accuracy"] == [pytest.approx((scores.argmax(1) == y.argmax(1)).mean())]
    else:
        assert logs["val_F1"] == [pytest.approx(f1_score(y, scores >= 0.5, average="macro"))]


def test_watching_does_not_change_the_training() -> None:
    """Apart from what is drawn: scoring takes numbers from PyTorch's generator, as Keras's own validation does."""
    x, y = clips("multilabel")
    trained = []
    for callbacks in ([], [PerClassMetrics((x, y))]):
        model = plain(3, dropout=0.0)
        model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0, callbacks=callbacks)
        trained.append(model.get_weights())
    for alone, watched in zip(*trained, strict=True):
        np.testing.assert_array_equal(alone, watched)


@pytest.mark.parametrize("shape", [(45,), (45, 1)])
def test_class_indices_are_multiclass(shape) -> None:
    x, y = clips("multiclass")
    model = plain(3, "softmax")
    logs = model.fit(x, y, verbose=0, callbacks=[PerClassMetrics((x, y.argmax(1).reshape(shape)))]).history
    assert logs["val_accuracy"] == [pytest.approx((model.predict(x, verbose=0).argmax(1) == y.argmax(1)).mean())]


def test_one_output_is_one_class_that_is_there_or_not() -> None:
    x, y = clips("multilabel")
    model = plain(1)
    logs = model.fit(x, y[:, 0], verbose=0, callbacks=[PerClassMetrics((x, y[:, 0]))]).history
    scores = model.predict(x, verbose=0)[:, 0]
    assert logs["val_mAP"] == [pytest.approx(average_precision_score(y[:, 0], scores), abs=1e-6)]


def test_logits_become_scores_where_they_are_said_to_be_logits_and_are_refused_where_not() -> None:
    x, y = clips("multilabel")
    model = plain(3, None)
    logs = model.fit(x, y, verbose=0, callbacks=[PerClassMetrics((x, y), from_logits=True)]).history
    predicted = model.predict(x, verbose=0) >= 0
    assert logs["val_F1"] == [pytest.approx(f1_score(y, predicted, average="macro"))]
    with pytest.raises(AudiotagError, match=r"probabilities in \[0, 1\].*from_logits=True"):
        plain(3, None).fit(x, y, verbose=0, callbacks=[PerClassMetrics((x, y))])


def test_every_second_epoch_and_the_last_are_measured(tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    x, y = clips("multilabel")
    watch = PerClassMetrics((x, y), labels=("dog", "a/b", "c"), logdir=tmp_path, every=2)
    history = plain(3).fit(x, y, epochs=5, verbose=0, callbacks=[watch]).history
    reader = EventAccumulator(str(tmp_path)).Reload()
    assert [point.step for point in reader.Tensors("· average_precision/a∕b")] == [2, 4, 5]
    assert len(history["val_mAP"]) == 3


def test_the_task_can_be_said() -> None:
    x, y = clips("multiclass")
    logs = plain(3).fit(x, y, verbose=0, callbacks=[PerClassMetrics((x, y), task="multilabel")]).history
    assert "val_F1" in logs and "val_accuracy" not in logs


def test_a_split_of_a_data_set_is_watched(memory_data, echo) -> None:
    data, network = memory_data(), echo(3)
    both = [fitted(network, data, [watch], epochs=1, rate=0.0).history for watch in (
        PerClassMetrics((data, "test")),
        PerClassMetrics((data, "test"), model=network),
    )]  # fmt: skip
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda x, y: iter([(x, y)]), "read once"),
        (lambda x, y: ((x, y) for _ in range(3)), "read once"),
        (lambda x, y: sources(x, y)["tf.data"].repeat(), "repeats for ever"),
    ],
)
def test_clips_that_cannot_be_read_after_every_epoch_are_refused_at_once(made, message) -> None:
    with pytest.raises(AudiotagError, match=message):
        PerClassMetrics(made(*clips("multilabel")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: [], "received none"),
        (lambda x, y: (x, np.zeros_like(y)), "none of 45 has a label"),
        (lambda x, y: (x, y[:, :2]), r"must be \(clips, 3\)"),
        (lambda x, y: (x, np.arange(45)), "from 0 to 2, received 0 to 44"),
        (lambda x, y: (x, 0.5 * y), "targets must be 0 or 1"),
        (lambda x, y: (np.full_like(x, np.nan), y), "finite.*'row 0'"),
    ],
)
def test_clips_that_cannot_be_judged_end_the_training_with_a_reason(change, message) -> None:
    x, y = clips("multilabel")
    with pytest.raises(AudiotagError, match=message):
        plain(3).fit(x, y, verbose=0, callbacks=[PerClassMetrics(change(x, y))])


def test_of_several_outputs_one_must_be_named() -> None:
    x, y = clips("multilabel")
    one = plain(3)
    both = keras.Model(one.input, [one.output, keras.layers.Identity()(one.output)])
    both.compile("adam", ["mse", "mse"])
    with pytest.raises(AudiotagError, match=r"model=keras\.Model"):
        both.fit(x, [y, y], verbose=0, callbacks=[PerClassMetrics((x, y))])
    logs = both.fit(x, [y, y], verbose=0, callbacks=[PerClassMetrics((x, y), model=one)]).history
    assert 0 < logs["val_mAP"][0] <= 1


@pytest.mark.parametrize("says_so", [True, False])
def test_whether_outputs_are_logits_is_what_the_loss_says(says_so: bool) -> None:
    x, y = clips("multilabel")
    model = plain(3, None)
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=says_so))
    watch = PerClassMetrics((x, y))
    watch.set_model(model)
    raw = model.predict(x, verbose=0)
    if says_so:
        np.testing.assert_allclose(watch.predict().scores, 1 / (1 + np.exp(-raw.astype(float))), atol=1e-6)
    else:
        assert raw.min() < 0
        with pytest.raises(AudiotagError, match="must be probabilities"):
            watch.predict()


def test_an_epoch_count_below_one_is_refused() -> None:
    with pytest.raises(AudiotagError, match="received 0"):
        PerClassMetrics(clips("multilabel"), every=0)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_metrics_on_another_backend(kept_process, backend) -> None:
    tests = [
        "test_later_callbacks_and_the_history_see_the_metrics_of_the_trained_weights[multilabel-F1]",
        "test_a_network_inside_a_model_with_two_outputs_is_watched",
        "test_any_form_of_clips_gives_scikit_learns_metrics_of_a_plain_model[tf.data-multilabel]",
        "test_watching_does_not_change_the_training",
    ]
    assert kept_process(backend).call(outcomes, [f"{__file__}::{name}" for name in tests]) == dict.fromkeys(
        tests, "passed"
    )
