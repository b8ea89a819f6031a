"""What a worker makes of one clip, without the process around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from audiotag import augment
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudioError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Event, plan, worker

FRONT_END = LogMelConfig(name="tiny", sample_rate=16_000, window=400, hop=400, fft=512, mels=4, fmax=7_900.0)
CLIP = Clip("clip", "x", ("b",), "train", events=(Event(0.1, 0.3, "a"),))


def job(read: Callable, *, pad: str = "repeat", variants: int = 0) -> plan.Job:
    policy = augment.policy("light" if variants else "none")
    return plan.Job(
        Path(), Path(), read, ClipFormat(Labels(("a", "b")), FRONT_END, "multiclass", 1.0, pad), policy, variants, 0
    )


def ramp(root: Path, clip: Clip, sample_rate: int) -> np.ndarray:
    return np.linspace(-1, 1, 6400, dtype=np.float32)


def events_of(example: bytes) -> list[tuple[float, float, int]]:
    feature = tf.train.Example.FromString(example).features.feature
    times = (feature[f"event_{name}"].float_list.value for name in ("onset", "offset"))
    return [
        (round(a, 3), round(b, 3), c) for a, b, c in zip(*times, feature["event_class"].int64_list.value, strict=True)
    ]


def test_events_are_repeated_with_the_sound_and_cut_with_it() -> None:
    (repeated,) = worker.examples(job(ramp), CLIP)
    assert events_of(repeated) == [(0.1, 0.3, 0), (0.5, 0.7, 0), (0.9, 1.0, 0)]
    (padded,) = worker.examples(job(ramp, pad="zero"), CLIP)
    assert events_of(padded) == [(0.1, 0.3, 0)]


@pytest.mark.parametrize(
    ("event", "fitted"),
    [((-1, 0.2), [(0.0, 0.2)]), ((0.2, 9), [(0.2, 0.5)]), ((0.6, 0.7), []), ((0.3, 0.3), [])],
)
def test_events_past_the_ends_are_cut(event: tuple[float, float], fitted: list[tuple[float, float]]) -> None:
    cut = worker.fit_events([Event(*event, "a")], 500, 1000, 1000, "zero")
    assert [(one.onset, one.offset) for one in cut] == fitted


def test_variants_differ_and_are_the_same_every_time() -> None:
    first, again = (list(worker.examples(job(ramp, variants=2), CLIP)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 3


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros((2, 10)), "shape"),
        (np.zeros(0), "at least one sample"),
        (np.array([0, np.inf]), "NaN or infinite"),
        ("text", "ValueError"),
    ],
)
def test_what_is_not_a_waveform_rejects_the_clip(waveform: object, reason: str) -> None:
    with pytest.raises(AudioError, match=reason):
        list(worker.examples(job(lambda root, clip, rate: waveform), CLIP))
