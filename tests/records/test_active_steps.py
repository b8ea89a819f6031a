"""Targets of steps drawn from events, against a slow reference, and read in batches: mixed, masked, weak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from audiotag import audio, records
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.models.frames import FrameSteps
from audiotag.records import Clip, Data, Declaration, Event
from audiotag.records.active_steps import draw
from audiotag.records.step_grid import StepGrid
from tests.in_process import ThisProcess

NAMES = ("low", "middle", "high")
RATE, SECONDS = 8000, 1.0
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
STEPS = FrameSteps(length=1, distance=4)  # 0.1 s, the first on the beginning
EVENTS = {
    "overlapping": (("low", 0.12, 0.31), ("low", 0.3, 0.55), ("high", 0.0, 1.0)),
    "edges": (("middle", 0.25, 0.45), ("low", 0.95, 1.0)),
    "silence": (),
    "weak": (),
    "partly": (("low", 0.5, 0.6),),
    "unknown": (("low", 0.2, 0.3),),
}
LABELS = {"weak": ("low", "high"), "partly": ("low", "middle")}


def reference(events: list[tuple[float, float, int]], target: np.ndarray, grid: StepGrid) -> np.ndarray:
    """Step by step, event by event, with edges to a thousandth of a step."""
    drawn = np.zeros((grid.count, len(target)))
    for k in range(grid.count):
        begin, end = k, k + 1
        for onset, offset, index in events:
            on, off = (round((time - grid.first) / grid.distance + 0.5, 3) for time in (onset, offset))
            touches = (on < end and off > begin) or (on == off and begin <= on < end)
            before, beyond = k == 0 and off <= 0, k == grid.count - 1 and on >= grid.count
            drawn[k, index] = max(drawn[k, index], touches or before or beyond)
    sounds = drawn.any(axis=0)
    for index, value in enumerate(target):
        if np.isnan(value) or (value == 1 and not sounds[index]) or ((target == 1).any() and not sounds.any()):
            drawn[:, index] = np.nan
    return drawn


@given(
    st.integers(1, 12),
    st.sampled_from([0.04, 0.1, 0.32]),
    st.sampled_from([0.0, 0.025, 0.4]),
    st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(0, 2)), max_size=4), max_size=4),
    st.integers(0, 99),
)
def test_steps_are_those_of_the_reference(
    count: int, distance: float, first: float, clips: list[list[tuple[int, int, int]]], seed: int
) -> None:
    grid = StepGrid(count, distance, first)
    events = [[(a / 50, (a + b) / 50, index) for a, b, index in clip] for clip in [*clips, []]]
    labels = np.random.default_rng(seed).choice([0.0, 1.0, np.nan], (len(events), 3), p=[0.5, 0.4, 0.1])
    parsed = {
        name: tf.ragged.constant([[event[part] for event in clip] for clip in events], dtype, ragged_rank=1)
        for part, (name, dtype) in enumerate(
            (("event_onset", tf.float32), ("event_offset", tf.float32), ("event_class", tf.int64))
        )
    }
    drawn = draw(parsed | {"target": tf.constant(labels, tf.float32)}, grid).numpy()
    for row, clip, target in zip(drawn, events, labels, strict=True):
        np.testing.assert_array_equal(row, reference(clip, target, grid))


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("timed")
    clips = []
    for name, events in EVENTS.items():
        audio.write(folder / f"{name}.wav", np.zeros(RATE, np.float32), RATE)
        labels = LABELS.get(name, tuple(dict.fromkeys(label for label, _, _ in events)))
        given = tuple(Event(onset, offset, label) for label, onset, offset in events)
        columns = {"unknown": "high"} if name == "unknown" else {}
        clips.append(Clip(name, f"{name}.wav", labels, "train", events=given, columns=columns))
    about = {"name": "timed", "version": "1", "licence": "CC0", "citation": "none", "seconds": SECONDS}
    declared = Declaration(**about, task="multilabel", labels=Labels(NAMES), clips=tuple(clips), root=folder)
    records.build(declared, folder / "data", front_end=FRONT_END, engine=ThisProcess())
    return records.open(folder / "data")


def read(data: Data, **options: object) -> dict[str, dict[str, np.ndarray]]:
    """Targets by clip."""
    batch = data.read("train", batch_size=6, steps=STEPS, keys=True, **options)
    (_, targets, clip_ids, _), *_ = batch.as_numpy_iterator()
    rows = {clip_id.decode(): row for row, clip_id in enumerate(clip_ids)}
    return {clip: {name: values[rows[clip]] for name, values in targets.items()} for clip in EVENTS}


def test_batches_hold_the_steps_of_the_events(timed: Data) -> None:
    targets, grid = read(timed), StepGrid.of(STEPS, timed.clip_format)
    assert (grid.count, round(grid.distance, 9), grid.first) == (10, 0.1, 0.0)
    for clip, events in EVENTS.items():
        rows = [(onset, offset, NAMES.index(label)) for label, onset, offset in events]
        labels = {*LABELS.get(clip, ()), *(event[0] for event in events)}
        label = np.array([name in labels for name in NAMES], np.float32)
        label[2] = np.nan if clip == "unknown" else label[2]
        np.testing.assert_array_equal(targets[clip]["label"], label)
        np.testing.assert_array_equal(targets[clip]["steps"], reference(rows, label, grid))
    # By hand: steps of 0.1 s around 0.0, 0.1 ...
    np.testing.assert_array_equal(targets["edges"]["steps"][:, 1], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(targets["edges"]["steps"][:, 0], [0] * 9 + [1])
    assert not targets["silence"]["steps"].any()
    assert np.isnan(targets["weak"]["steps"]).all()
    assert np.isnan(targets["partly"]["steps"]).all(axis=0).tolist() == [False, True, False]


def test_mixup_mixes_the_steps_by_the_share_of_the_labels_and_leaves_what_nobody_judged(timed: Data) -> None:
    plain, shares = read(timed), set()
    for seed in range(5):
        mixed = read(timed, mixup=0.5, seed=seed)
        for clip, parts in mixed.items():
            np.testing.assert_array_equal(np.isnan(parts["steps"]), np.isnan(plain[clip]["steps"]))
        # Of silence all that sounds is the other clip's, where that says when it does.
        label, steps = mixed["silence"]["label"], mixed["silence"]["steps"]
        shares |= set(label[label > 0].tolist())
        for index in np.flatnonzero(steps.any(axis=0)):
            assert set(steps[:, index].tolist()) <= {0.0, label[index]}
    assert len(shares) > 2


def test_single_examples_have_steps_and_a_grid_has_sizes(timed: Data) -> None:
    example = next(iter(timed.read("train", steps=STEPS)))
    assert example[1]["steps"].shape == (10, 3)
    for changes in ({"count": 0}, {"distance": 0.0}, {"first": float("nan")}):
        with pytest.raises(AudiotagError, match="grid of steps"):
            StepGrid(**{"count": 1, "distance": 1.0, "first": 0.0} | changes)


def test_a_multiclass_data_set_has_no_steps_to_learn(built: Path) -> None:
    with pytest.raises(AudiotagError, match=r"any number of classes .* the task is multiclass"):
        records.open(built).read("fold1", batch_size=2, steps=STEPS)


def test_values_move_from_one_grid_to_another_by_linear_interpolation() -> None:
    other, own = StepGrid(4, 0.32, 0.1), StepGrid(20, 0.07, 0.0)
    before, after, share = own.sources(other)
    values = np.random.default_rng(0).normal(size=4)
    expected = np.interp(np.arange(20) * 0.07, 0.1 + np.arange(4) * 0.32, values)
    np.testing.assert_allclose(values[before] * (1 - share) + values[after] * share, expected, atol=1e-5)
    assert StepGrid.from_dict(other.to_dict(), "here") == other
    with pytest.raises(AudiotagError, match="here has"):
        StepGrid.from_dict({"count": 3}, "here")
