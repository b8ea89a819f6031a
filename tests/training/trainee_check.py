"""Called by test_trainee.py in a process of each backend: a few steps of everything that a step can have."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import keras
import numpy as np

from audiotag.errors import Stopped
from audiotag.models.frames import FrameSteps
from audiotag.scorers.vocabulary import Matching
from audiotag.task import Task
from audiotag.training import Recipe, train
from audiotag.training.averaging import Average
from audiotag.training.features import FeatureLoss
from audiotag.training.live_teachers import LiveTeachers
from audiotag.training.steps import StepCrossentropy, StepLesson
from audiotag.training.trainee import Lesson, Trainee

FRAMES, MELS, CLASSES = 6, 4, 3
SHARES, TEMPERATURE, FEATURE_WEIGHT, LABEL_WEIGHT, DECAY = (1.0, 3.0), 2.0, 0.5, 0.25, 0.9
STRONG_WEIGHT = 0.4
# The first teacher knows all classes in another order, two of its own stand for one; the second knows two.
MATCHINGS = (Matching(((2,), (0, 1), (3,)), 4), Matching(((1,), (), (0,)), 2))


def network(channels: int, outputs: int, seed: int) -> keras.Model:
    """A dense network over mels whose weights are the same on every backend."""
    entry = keras.Input((FRAMES, MELS, 1))
    x = keras.layers.Dense(channels, activation="tanh", name="block")(keras.layers.Reshape((FRAMES, MELS))(entry))
    x = keras.layers.GlobalAveragePooling1D(name="pooled")(x)
    model = keras.Model(entry, keras.layers.Dense(outputs, name="logits")(x), name=f"dense{channels}")
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(size=weight.shape).astype(np.float32) for weight in model.weights])
    return model


def batches(number: int) -> list[dict[str, np.ndarray]]:
    """Log-mel in half precision, labels, steps and what a teacher said of the steps, some of them unknown."""
    made = []
    for generator in map(np.random.default_rng, range(number)):
        label = (generator.random((8, CLASSES)) < 0.4).astype(np.float32)
        label[0, 1] = np.nan
        steps = (generator.random((8, FRAMES, CLASSES)) < 0.3).astype(np.float32)
        steps[2], steps[3, :, 1] = np.nan, np.nan
        batch = {"label": label, "steps": steps, "steps_distillation": generator.random(steps.shape).astype(np.float32)}
        made.append(batch | {"log_mel": generator.normal(size=(8, FRAMES, MELS, 1)).astype(np.float16)})
    return made


def teachers() -> list[keras.Model]:
    """Two, of other classes than the student's."""
    return [network(5, 4, 11), network(6, 2, 12)]


def steps(number: int) -> tuple[list[np.ndarray], list[np.ndarray], list[dict[str, float]]]:
    """Weights of the network, those of its average, and the logs, after some steps."""
    from audiotag.training.losses import KnownCrossentropy

    student, asked = network(7, CLASSES, 1), teachers()
    features = FeatureLoss({"block": "block", "pooled": "pooled"}, student, asked[0])
    generator = np.random.default_rng(2)
    for projection in features.projections:
        projection.set_weights([generator.normal(size=weight.shape) for weight in projection.weights])
    kept = keras.Model(student.input, student.get_layer("logits")(student.get_layer("block").output))
    lesson = Lesson(
        teachers=LiveTeachers(asked, MATCHINGS, SHARES, Task.MULTILABEL, TEMPERATURE, features),
        label_weight=LABEL_WEIGHT,
        steps=StepLesson(kept, FrameSteps(1, 1), StepCrossentropy(), STRONG_WEIGHT, stored=True),
        features=features,
        feature_weight=FEATURE_WEIGHT,
        average=Average(student, DECAY),
    )
    trainee = Trainee(student, KnownCrossentropy("multilabel"), keras.optimizers.SGD(0.1), lesson)
    logs = [trainee.train_on_batch(batch, return_dict=True) for batch in batches(number)]
    if keras.backend.backend() == "jax":
        trainee.jax_state_sync()
    numbers = [{name: float(keras.ops.convert_to_numpy(value)) for name, value in step.items()} for step in logs]
    return student.get_weights(), lesson.average.network.get_weights(), numbers


def interrupted(data: Path, out: Path, choices: dict[str, Any]) -> bool:
    """Train, be told to end in the second epoch and go on; and straight: whether both end in the same bits."""

    class Terminate(keras.callbacks.Callback):
        """Sends what a cloud sends before it takes a machine away."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if (self.epoch, batch) == (1, 1):
                os.kill(os.getpid(), signal.SIGTERM)

    recipe = Recipe(data, **choices)
    try:
        train(recipe, out / "broken", callbacks=[Terminate()])
    except Stopped as stop:
        assert stop.code == 128 + signal.SIGTERM
    kept = {path.name for path in (out / "broken" / "checkpoints").glob("*.npz")}
    assert "epoch-0001-step-000002.npz" in kept, kept
    runs = [train(recipe, out / name) for name in ("broken", "straight")]
    states = []
    for run in runs:
        with np.load(run.path / "checkpoints" / f"epoch-{recipe.epochs:04d}.npz") as archive:
            states.append({name: archive[name] for name in archive.files})
    assert runs[0].history == runs[1].history, (runs[0].history, runs[1].history)
    return all(np.array_equal(value, states[1][name]) for name, value in states[0].items())
