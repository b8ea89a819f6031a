"""Training on strong labels: a small run from records to a student, its resume, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from audiotag import audio, records
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models import build, heads
from audiotag.models.frames import frame_level
from audiotag.records import Clip, Declaration, Event
from audiotag.training import Recipe
from audiotag.training.fitting import Training, fit
from audiotag.training.lessons import augmentation, lesson_for
from audiotag.training.recipe import resolve
from tests.in_process import ThisProcess
from tests.training.conftest import FRONT_END, NAMES, RATE

CHOICES: dict[str, Any] = {
    "model": "crnn",
    "model_options": {"width": 0.25, "depth": 1, "units": 8, "dropout": 0.0},
    "batch_size": 8,
    "learning_rate": 0.02,
    "mixup": 0.3,
    "monitor": "last",
}


def declare(folder: Path, seconds: float = 0.5) -> Declaration:
    """Tones of three pitches, each in one half of its clip; every fourth clip says what sounds, and not when."""
    generator, clips = np.random.default_rng(1), []
    for number in range(32):
        label, late = number % 3, number % 2
        time = np.arange(int(RATE * seconds)) / RATE
        sounds = (time >= seconds / 2) == bool(late)
        waveform = 0.3 * np.sin(2 * np.pi * 300 * 2.5**label * time) * sounds
        waveform += generator.normal(scale=0.05, size=len(time))
        audio.write(folder / f"{number}.wav", waveform.astype(np.float32), RATE)
        events = (Event(late * seconds / 2, (1 + late) * seconds / 2, NAMES[label]),)
        split = "train" if number < 24 else "validation"
        clips.append(Clip(str(number), f"{number}.wav", (NAMES[label],), split, events=events if number % 4 else ()))
    about = {"name": "halves", "version": "1", "licence": "CC0", "citation": "none", "seconds": seconds}
    return Declaration(**about, task="multilabel", labels=Labels(NAMES), clips=tuple(clips), root=folder)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    folder = tmp_path_factory.mktemp("halves")
    records.build(declare(folder), folder / "data", front_end=FRONT_END, engine=ThisProcess())
    return records.open(folder / "data")


def small() -> keras.Model:
    """A convolution over short times and all bands, steps of 2 frames."""
    keras.utils.set_random_seed(1)
    log_mel = keras.Input((None, FRONT_END.mels, 1))
    x = keras.layers.Conv2D(8, (3, FRONT_END.mels), strides=(2, FRONT_END.mels), padding="same")(log_mel)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(log_mel, heads.frames(x, 3, "mean"), name="small")


def separation(run: Any, data: records.Data) -> float:
    """How much higher the logit of a clip's class is in the half in which it sounds than in the other one."""
    frames = frame_level(keras.saving.load_model(run.student))
    differences = []
    for batch in data.batches("validation", batch_size=8):
        logits = np.asarray(frames.predict_on_batch(batch["log_mel"]))
        half = logits.shape[1] // 2
        for clip_id, target, steps in zip(batch["clip_id"], batch["target"], logits, strict=True):
            own = steps[:, target.argmax()]
            halves = (own[:half].mean(), own[half:].mean())
            differences.append(halves[int(clip_id) % 2] - halves[1 - int(clip_id) % 2])
    return float(np.mean(differences))


@pytest.mark.usefixtures("eager")
def test_a_network_learns_when_classes_sound_and_its_losses_are_shown_apart(
    halves: records.Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = CHOICES | {"strong_weight": 0.9, "epochs": 4, "learning_rate": 0.1, "augment": {"roll": 2}}
    recipe = resolve(Recipe(halves.path, **choices), halves)
    run = fit(Training(small(), halves, recipe, tmp_path / "strong"))
    assert separation(run, halves) > 0.5
    first, last = run.history[0], run.history[-1]
    assert last["loss"] == pytest.approx(0.1 * last["label_loss"] + 0.9 * last["steps_loss"], rel=1e-4)
    assert last["steps_loss"] < 0.8 * first["steps_loss"]
    assert "steps_loss" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_run_with_everything_goes_on_with_the_same_bits(
    halves: records.Data, kept_process: Callable[..., Any], tmp_path: Path, backend: str
) -> None:
    from tests.training.test_trainee import check

    choices = CHOICES | {"epochs": 2, "strong_weight": 0.5, "accumulate": 2, "ema": 0.9, "augment": {"roll": 3}}
    assert kept_process(backend).call(check.interrupted, halves.path, tmp_path, choices)


def test_the_steps_of_the_network_decide_how_targets_move(halves: records.Data) -> None:
    recipe = resolve(Recipe(halves.path, strong_weight=1.0, augment={"roll": 3}, **CHOICES), halves)
    network = build("mn01", classes=3, mels=16)
    lesson = lesson_for(recipe, halves, network)
    assert lesson.steps.steps.distance == 32
    assert lesson.weights == {"steps": 1.0}
    assert augmentation(recipe, halves, lesson.steps).augmentations[1].distance == 32
    assert lesson_for(resolve(Recipe(halves.path, **CHOICES), halves), halves, network).weights == {"label": 1.0}


def test_what_cannot_be_is_one_line(
    halves: records.Data, tones: records.Data, build_tones: Callable[..., Path], tmp_path: Path
) -> None:
    weak = records.open(build_tones(tmp_path, "multilabel", (("train", 6), ("validation", 3))))
    passt = build("passt", classes=3, width=8, depth=1, heads=2, patch=4, stride=4, mels=16, frames=20)
    network = build("mn01", classes=3, mels=16)
    for data, given, message in (
        (tones, network, r"strong_weight=0.5: .* the task is multiclass"),
        (weak, network, r"strong_weight=0.5 needs strong labels, train of tones has none"),
        (halves, passt, r"strong_weight=0.5: .* a network that keeps time"),
    ):
        recipe = resolve(Recipe(data.path, strong_weight=0.5), data)
        with pytest.raises(AudiotagError, match=message):
            lesson_for(recipe, data, given)
    for choices, message in (
        ({"strong_weight": 1.5}, "strong_weight lies in 0 to 1, received 1.5"),
        ({"strong_weight": 0.5, "live_teacher": "x", "features": "all", "blockwise": True}, "train blockwise first"),
    ):
        with pytest.raises(AudiotagError, match=message):
            Recipe(halves.path, **choices)
