"""Watch the metrics that matter while training: mAP, AUC, accuracy or F1, and every class's, after every epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions, check, cross_entropy
from audiotag.records.clips import clips_of
from audiotag.scorers.keras_models import predict
from audiotag.task import Task
from audiotag.tensorboard.events import EventFile
from audiotag.tensorboard.scalars import add_layout, add_scalars

_INFINITE = -1  # cardinality of a `tf.data.Dataset` that repeats for ever


class PerClassMetrics(keras.callbacks.Callback):
    """Adds `val_mAP`, `val_AUC` and `val_accuracy` (multiclass) or `val_F1` (multilabel) to the logs of any `fit`.

    It works with any Keras model on every backend. `val_loss`, where Keras has not measured it (`validation_data`), is
    the cross-entropy against the labels, so that runs with different losses compare. A metric that is not defined for
    the clips (AUC where every clip has the class) is left out.

    Put it before the callbacks that read them, `EarlyStopping(monitor="val_mAP", mode="max")` for example: Keras
    hands one dictionary of logs from callback to callback.

    Args:
        validation: what to score, the same clips after every epoch. A pair of arrays (x, y), whose x may be all that
            `model.predict` takes; or a `tf.data.Dataset`, a `keras.utils.PyDataset` or another iterable of batches
            (x, y), of which anything after y is ignored; or a pair of an open audiotag data set and an expression of
            its splits. y is one-hot or multi-hot (clips, classes), or class indices (clips,) or (clips, 1).
        labels: names of the classes, in the order of the outputs. Default: "class 0", "class 1" …
        task: "multiclass" or "multilabel". Default: multiclass where every clip has exactly one class, else multilabel.
            A data set says both itself.
        logdir: TensorBoard folder for every class's curves, for example `<run>/validation`. Default: none written.
        from_logits: whether the outputs are logits, of which softmax (multiclass) or sigmoid (multilabel) makes
            scores. Default: what the compiled loss says (`from_logits=True`), else they are probabilities. For a data
            set always True, as audiotag's networks are.
        batch_size: clips at a time, of arrays and data sets.
        every: epochs from one measurement to the next; the last epoch is always measured. Default: 1.
        model: what gives the outputs (clips, classes). Default: the model being trained.

    Raises:
        AudiotagError: `every` is below 1, or `validation` can be read only once or never ends. When training begins,
            if no clip of a split has a label. After an epoch, if outputs and targets do not fit, an output that should
            be a probability is none, or a score is not finite, naming the clip.

    Example:
        >>> watch = PerClassMetrics((x_test, y_test), labels=("dog", "rain"), logdir="runs/mine/validation")
        >>> history = model.fit(x, y, epochs=10, callbacks=[watch])
        >>> history.history["val_mAP"]
    """

    def __init__(
        self,
        validation: Any,
        labels: Labels | Sequence[str] | None = None,
        task: Task | str | None = None,
        logdir: Path | str | None = None,
        *,
        from_logits: bool | None = None,
        batch_size: int = 32,
        every: int = 1,
        model: keras.Model | None = None,
    ) -> None:
        super().__init__()
        if every < 1:
            raise AudiotagError(f"every counts epochs from 1, received {every}: choose 1 to measure after each")
        self.validation = validation
        self.labels = labels if labels is None or isinstance(labels, Labels) else Labels(tuple(labels))
        self.task = task
        self.logdir = logdir
        self.from_logits = from_logits
        self.batch_size = batch_size
        self.every = every
        self._scorer = model
        self._file: EventFile | None = None
        _check_readable_again(validation)

    @property
    def _is_split(self) -> bool:
        """Whether the clips are a split of a data set."""
        return isinstance(self.validation, tuple) and len(self.validation) == 2 and isinstance(self.validation[1], str)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuse a split in which nothing can be found; open the event file."""
        if self._is_split:
            data, split = self.validation
            if not clips_of(data, split)["labels"].astype(bool).any():
                raise AudiotagError(
                    f"a validation split needs labelled clips, {split!r} of {data.name} has none: choose another"
                )
        if self.logdir is not None:
            self._file = EventFile(Path(self.logdir))
            add_layout(self._file)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the clips and add the metrics to the logs."""
        if (epoch + 1) % self.every and epoch + 1 != self.params.get("epochs"):
            return
        predictions = self.predict()
        table = per_class.per_class(predictions)
        means = per_class.summary(predictions, table)
        if logs is not None:
            logs.setdefault("val_loss", cross_entropy(predictions))
            watched = ("mAP", "AUC", predictions.task.decision)
            logs |= {f"val_{name}": means[name] for name in watched if not math.isnan(means[name])}
        if self._file is not None:
            add_scalars(self._file, table, means, epoch + 1)
            self._file.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the event file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def predict(self) -> Predictions:
        """Truth and scores of the validation as the model is now."""
        model = self.model if self._scorer is None else self._scorer
        if self._is_split:
            return predict(model, *self.validation, self.batch_size)
        if isinstance(self.validation, tuple):
            x, y = self.validation[:2]
            pairs = [_pair(model.predict(x, self.batch_size, verbose=0), y)]
        else:
            pairs = [_pair(model.predict_on_batch(x), y) for x, y in _batches(self.validation)]
        if not pairs:
            raise AudiotagError("a validation needs clips, received none: give at least one batch")
        raw, truth = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        if not truth.any():
            raise AudiotagError(f"a validation needs labelled clips, none of {len(truth)} has a label: choose others")
        names = np.array([f"row {row}" for row in range(len(truth))])
        one_each = truth.shape[1] > 1 and bool((truth.sum(axis=1) == 1).all())
        task = Task(self.task or ("multiclass" if one_each else "multilabel"))
        check(truth, raw, task, names)
        labels = self.labels or Labels(tuple(f"class {index}" for index in range(truth.shape[1])))
        return Predictions(names, truth.astype(np.uint8), self._scores(raw, task), labels, task)

    def _scores(self, raw: np.ndarray, task: Task) -> np.ndarray:
        """Outputs as probabilities, (clips, classes) float64."""
        from_logits = self.from_logits
        if from_logits is None and isinstance(loss := getattr(self.model, "loss", None), keras.losses.Loss):
            from_logits = loss.get_config().get("from_logits", False)
        if from_logits:
            return task.probabilities(raw)
        if raw.min() < 0 or raw.max() > 1 + 1e-6:
            raise AudiotagError(
                f"a model's outputs must be probabilities in [0, 1], received {raw.min():.4g} to {raw.max():.4g}: "
                "pass from_logits=True where they are logits"
            )
        return np.minimum(raw.astype(np.float64), 1.0)


def _check_readable_again(validation: Any) -> None:
    """Refuse what is read up after one epoch, or never."""
    if isinstance(validation, Iterator):
        raise AudiotagError(
            f"a validation is read after every epoch, received a {type(validation).__name__} that is read once: "
            "give a list of its batches"
        )
    cardinality = getattr(validation, "cardinality", None)
    if cardinality is not None and int(cardinality()) == _INFINITE:
        raise AudiotagError("a validation must end, this dataset repeats for ever: take(n) batches of it")


def _batches(validation: Any) -> Iterator[tuple[Any, Any]]:
    """Inputs and targets batch by batch, as arrays: a backend takes no tensors of another (JAX none of tf.data)."""
    indexed = isinstance(validation, keras.utils.PyDataset)
    for batch in map(validation.__getitem__, range(validation.num_batches)) if indexed else validation:
        yield keras.tree.map_structure(keras.ops.convert_to_numpy, batch[0]), batch[1]


def _pair(outputs: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """A model's outputs and the targets, both (clips, classes)."""
    if not hasattr(outputs, "shape") or len(outputs.shape) != 2:
        received = getattr(outputs, "shape", None) or f"{len(outputs)} outputs"
        raise AudiotagError(
            f"a model must give one output of shape (clips, classes), received {received}: "
            "pass model=keras.Model(inputs, the output to watch)"
        )
    return np.asarray(outputs), _multi_hot(keras.ops.convert_to_numpy(targets), outputs.shape[1])


def _multi_hot(targets: np.ndarray, classes: int) -> np.ndarray:
    """Targets as (clips, classes), from the same or from class indices (clips,) or (clips, 1)."""
    if targets.ndim == 2 and targets.shape[1] == classes:
        return targets
    indices = targets.reshape(-1)
    if len(indices) != len(targets):
        raise AudiotagError(
            f"targets must be (clips, {classes}) as the outputs or class indices (clips,), received {targets.shape}"
        )
    if classes == 1:
        return indices[:, None]
    if not np.isin(indices, np.arange(classes)).all():
        raise AudiotagError(
            f"class indices must be whole numbers from 0 to {classes - 1}, received {indices.min()} to {indices.max()}"
        )
    return indices[:, None] == np.arange(classes)
