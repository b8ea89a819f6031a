"""Teachers that keep time: logits of steps beside the records, read onto another grid, verified, distilled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from audiotag import distill, models, records, storage
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models import heads
from audiotag.models.frames import FrameSteps, frame_level
from audiotag.records import tfrecord
from audiotag.records.example import encode_teacher
from audiotag.training import Recipe
from audiotag.training.fitting import Training, fit
from audiotag.training.recipe import resolve
from tests.distill.conftest import FRONT_END, LABELS, RATE

pytestmark = pytest.mark.usefixtures("eager")


def timed(stride: int = 2, seed: int = 1, classes: int = 3) -> keras.Model:
    """A convolution over short times and all bands."""
    keras.utils.set_random_seed(seed)
    log_mel = keras.Input((None, FRONT_END.mels, 1))
    x = keras.layers.Conv2D(6, (3, 16), strides=(stride, 16), padding="same", activation="relu")(log_mel)
    return keras.Model(log_mel, heads.frames(x, classes, "mean"), name="timed")


@pytest.fixture
def timed_file(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "timed", labels: Labels = LABELS, task: str = "multilabel", **options: int) -> Path:
        card = models.ModelCard(name, ClipFormat(labels, FRONT_END, task, 0.2))
        models.save(timed(classes=len(labels), **options), tmp_path / f"{name}.keras", card)
        return tmp_path / f"{name}.keras"

    return make


def step_logits(folder: Path, data: records.Data) -> dict[tuple[str, int], np.ndarray]:
    """The logits of steps by clip and variant, read by TensorFlow's own protobuf."""
    found = {}
    for shard in data.shards("all"):
        for record in tf.data.TFRecordDataset(str(folder / shard.name)).as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            key = feature["clip_id"].bytes_list.value[0].decode(), feature["variant"].int64_list.value[0]
            found[key] = np.frombuffer(feature["step_logits"].bytes_list.value[0], np.float16).reshape(-1, 3)
    return found


def targets(data: records.Data, **options: Any) -> dict[tuple[str, int], dict[str, np.ndarray]]:
    elements = data.read("all", keys=True, **options).as_numpy_iterator()
    return {(clip_id.decode(), int(variant)): parts for _, parts, clip_id, variant in elements}


def test_every_step_of_every_view_has_the_teachers_logits_and_a_run_that_was_cut_off_goes_on(
    data: records.Data, timed_file: Callable[..., Path], stored: Callable
) -> None:
    file = timed_file()
    folder = distill.teach(data, file, frames=True, batch_size=4)
    network = models.load(file)[0]
    frames, ours, clips = frame_level(network), step_logits(folder, data), stored(folder, data)
    for log_mel, _, clip_id, variant in data.read("all", keys=True).as_numpy_iterator():
        key = (clip_id.decode(), int(variant))
        np.testing.assert_allclose(ours[key], np.asarray(frames(log_mel[None]))[0], atol=2e-3)
        np.testing.assert_allclose(clips[key], np.asarray(network(log_mel[None]))[0], atol=1e-5)
    card = storage.read_json(folder / "teacher.json")
    assert card["steps"] == {"count": 4, "distance": pytest.approx(0.05), "first": pytest.approx(0.0)}
    assert records.verify(data.path) == []
    straight = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / data.shards("train")[0].name).unlink()
    distill.teach(data, file, frames=True, batch_size=4)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == straight
    with pytest.raises(AudiotagError, match=r"holds outputs with steps .* asked for are outputs without steps"):
        distill.teach(data, file)


def test_the_clip_is_taught_the_same_with_steps_or_without(
    data: records.Data, timed_file: Callable[..., Path], stored: Callable
) -> None:
    files = [timed_file("one"), timed_file("two", Labels(("sea", "dog")), seed=2)]
    clips = stored(distill.teach(data, files, name="clips"), data)
    for key, row in stored(distill.teach(data, files, name="steps", frames=True), data).items():
        np.testing.assert_allclose(row, clips[key], atol=1e-6)
    assert records.verify(data.path) == []


def test_a_student_of_other_steps_is_given_them_interpolated_and_several_teachers_are_averaged(
    data: records.Data, timed_file: Callable[..., Path]
) -> None:
    folders = [
        distill.teach(data, timed_file("fine"), frames=True),
        distill.teach(data, timed_file("coarse", stride=3, seed=2), frames=True),
    ]
    distill.teach(data, timed_file("untimed", seed=3))
    fine, coarse = (step_logits(folder, data) for folder in folders)
    steps = FrameSteps(1, 1)  # 8 frames of 25 ms
    read = targets(data, steps=steps, teacher="fine,coarse=3,untimed", separate=True, temperature=2.0)
    blended = targets(data, steps=steps, teacher="fine", label_weight=0.25)
    same = targets(data, steps=FrameSteps(1, 2), teacher="fine", separate=True)
    times = np.arange(8)
    for key, parts in read.items():
        expected = np.zeros((8, 3))
        for index in range(3):
            one = np.interp(times, np.arange(0, 8, 2), fine[key][:, index].astype(float))
            other = np.interp(times, np.arange(0, 9, 3)[: len(coarse[key])], coarse[key][:, index].astype(float))
            expected[:, index] = (one + 3 * other) / 4
            soft = 1 / (1 + np.exp(-one))
            # These clips say what sounds, not when: the steps are the teacher's alone.
            np.testing.assert_allclose(blended[key]["steps"][:, index], soft, atol=1e-5)
        np.testing.assert_allclose(parts["steps_distillation"], 1 / (1 + np.exp(-expected / 2)), atol=1e-5)
        assert np.isnan(parts["steps"]).all()
        np.testing.assert_allclose(
            same[key]["steps_distillation"], 1 / (1 + np.exp(-fine[key].astype(np.float64))), atol=1e-5
        )
    assert "steps_distillation" not in next(iter(targets(data, steps=steps, teacher="untimed", separate=True).values()))


def test_a_student_learns_the_steps_of_a_teacher_alone(
    data: records.Data, timed_file: Callable[..., Path], tmp_path: Path
) -> None:
    distill.teach(data, timed_file(), frames=True)
    choices = {
        "train": "train",
        "validation": "none",
        "batch_size": 9,
        "epochs": 2,
        "mixup": 0.3,
        "augment": {"roll": 2},
    }
    recipe = resolve(Recipe(data.path, teacher="timed", strong_weight=0.5, label_weight=0.2, **choices), data)
    run = fit(Training(timed(stride=4, seed=5), data, recipe, tmp_path / "run"))
    last = run.history[-1]
    shares = {"label": 0.1, "distillation": 0.4, "steps": 0.1, "steps_distillation": 0.4}
    assert last["loss"] == pytest.approx(sum(share * last[f"{name}_loss"] for name, share in shares.items()), rel=1e-4)
    assert last["steps_loss"] == 0  # nobody said when
    assert last["steps_distillation_loss"] > 0


def test_what_says_nothing_of_steps_is_refused(
    data: records.Data,
    exclusive: records.Data,
    audible: records.Data,
    timed_file: Callable[..., Path],
    teacher_file: Callable[..., Path],
) -> None:
    for where, teacher, message in (
        (data, teacher_file("plain"), "a network that keeps time"),
        (exclusive, timed_file("rivals", task="multiclass"), "the task is multiclass"),
        (data, [timed_file("one"), timed_file("two", stride=4)], r"where they lie at the same times.*--teacher a,b"),
        (audible, "tests.distill.test_frames:silence", "is a function: leave out frames"),
    ):
        stated = {"labels": LABELS, "sample_rate": RATE, "outputs": "logits"} if isinstance(teacher, str) else {}
        with pytest.raises(AudiotagError, match=message):
            distill.teach(where, teacher, name="refused", frames=True, **stated)
    distill.teach(data, timed_file("long", stride=8), frames=True)
    with pytest.raises(AudiotagError, match=r"teacher long has one step a clip, .* in 4"):
        data.read("train", steps=FrameSteps(1, 2), teacher="long", separate=True)


def silence(waveforms: np.ndarray) -> np.ndarray:
    return np.zeros((len(waveforms), 3), np.float32)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (np.zeros((3, 3)), "of steps have 18 bytes, its card counts 24"),
        (None, "of steps have 0 bytes, its card counts 24"),
        (np.full((4, 3), np.nan), "outputs of steps hold NaN"),
    ],
)
def test_verification_looks_into_steps(
    data: records.Data, timed_file: Callable[..., Path], steps: np.ndarray | None, message: str
) -> None:
    folder = distill.teach(data, timed_file(), frames=True)
    shard, card = data.shards("test")[0].name, storage.read_json(folder / "teacher.json")
    rows = [encode_teacher(*key, np.zeros(3), steps) for key in data.keys(shard)]
    card["shards"][shard]["sha256"] = tfrecord.write(folder / shard, rows).sha256
    storage.write_json(folder / "teacher.json", card)
    problems = records.verify(data.path)
    assert len(problems) == len(data.keys(shard))
    assert all(message in problem.message for problem in problems)
    with pytest.raises(AudiotagError, match="float16, from -65504 to 65504, clip 'loud'"):
        encode_teacher("loud", 0, np.zeros(3), np.full((4, 3), 1e5))


def test_steps_that_the_card_does_not_state_are_one_line(data: records.Data, timed_file: Callable[..., Path]) -> None:
    folder = distill.teach(data, timed_file(), frames=True)
    card = storage.read_json(folder / "teacher.json")
    storage.write_json(folder / "teacher.json", card | {"steps": {"count": 4}})
    with pytest.raises(AudiotagError, match=r"count, distance and first, .*teacher\.json has"):
        data.read("train", teacher="timed")
    assert "teach again" in records.verify(data.path)[0].message
