"""What TensorBoard shows of a run's first batch: pictures, sounds that have their log-mel, and targets."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from audiotag.augment.batches import BatchPolicy
from audiotag.frontend import PRESETS, log_mel
from audiotag.labels import Labels
from audiotag.training.views import describe, show  # the test session replaces the module's own `show`

CONFIG = PRESETS["efficientat"]


def test_the_first_examples_are_seen_and_heard_as_they_are_augmented(tmp_path: Path) -> None:
    seconds = np.arange(CONFIG.sample_rate // 2) / CONFIG.sample_rate
    tones = [0.3 * np.sin(2 * np.pi * pitch * seconds).astype(np.float32) for pitch in (500, 1000, 2000, 4000, 8000)]
    values = np.stack([log_mel(tone, CONFIG) for tone in tones])[..., None].astype(np.float16)
    batch = {"log_mel": values, "label": np.eye(5, dtype=np.float32)}
    show(batch, BatchPolicy({"mixup": 0.3}, CONFIG, 1), Labels(tuple("abcde")), CONFIG, tmp_path)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    assert set(events.Tags()["tensors"]) == {f"views/{n}/{kind}" for n in (1, 2, 3, 4) for kind in ("picture", "sound")}
    mixed = BatchPolicy({"mixup": 0.3}, CONFIG, 1)(batch, training=True)
    for number in range(4):
        picture = events.Tensors(f"views/{number + 1}/picture")[0].tensor_proto.string_val[2]
        frames = values.shape[1]
        assert Image.open(io.BytesIO(picture)).size == (2 * frames, 256)
        sound, rate = soundfile.read(
            io.BytesIO(events.Tensors(f"views/{number + 1}/sound")[0].tensor_proto.string_val[0])
        )
        assert rate == CONFIG.sample_rate
        heard, seen = log_mel(sound.astype(np.float32), CONFIG), np.asarray(mixed["log_mel"])[number, ..., 0]
        # The sound's peak is set, so that levels differ; which band is the loudest does not.
        assert abs(int(heard[10:40].mean(0).argmax()) - int(seen[10:40].astype(np.float32).mean(0).argmax())) <= 1
        about = events.SummaryMetadata(f"views/{number + 1}/picture").summary_description
        assert about == describe({"label": np.asarray(mixed["label"])[number]}, Labels(tuple("abcde")))


def test_targets_are_named_by_their_share_and_unknown_ones_counted() -> None:
    targets = {"label": np.array([0.75, np.nan, 0.25]), "distillation": np.array([0.0, 0.001, 0.5])}
    assert describe(targets, Labels(("dog", "cat", "rain"))) == (
        "label: dog 0.75, rain 0.25 (1 classes that nobody judged)\n\ndistillation: rain 0.50"
    )
