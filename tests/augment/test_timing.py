"""Strong labels follow the sound: checked on clicks whose place in the waveform can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import audiomentations
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import audio
from audiotag.augment import policy
from audiotag.augment.timing import Applied, move
from audiotag.errors import AudiotagError

RATE = 16_000
SECONDS = 2.0


@dataclass(frozen=True)
class Event:
    onset: float
    offset: float
    label: str


def applied(transform, **parameters) -> Applied:
    return Applied(transform, parameters, int(SECONDS * RATE), RATE)


def spans(events) -> list[tuple[float, float]]:
    return [(event.onset, event.offset) for event in events]


def own(tmp_path: Path, *transforms: str):
    """A policy of the given transforms."""
    text = f"from audiomentations import *\ndef policy(sample_rate): return [{', '.join(transforms)}]"
    (tmp_path / "own.py").write_text(text)
    return policy(tmp_path / "own.py")


@pytest.mark.parametrize(
    "transforms",
    [
        ["Shift(min_shift=-0.4, max_shift=0.4, rollover=False, p=1.0)"],
        ["Shift(min_shift=-0.5, max_shift=0.5, p=1.0)"],
        ["Shift(min_shift=-700, max_shift=9000, shift_unit='samples', p=1.0)"],
        ["Shift(min_shift=-1.9, max_shift=1.9, shift_unit='seconds', p=1.0)"],
        ["TimeStretch(min_rate=0.8, max_rate=1.25, p=1.0)"],
        ["TimeStretch(min_rate=0.9, max_rate=1.1, leave_length_unchanged=False, p=1.0)", "Gain(p=1.0)"],
        ["Reverse(p=1.0)"],
        ["OneOf([Reverse(p=1.0), Compose([Shift(p=1.0), TimeStretch(p=0.5)], shuffle=True)])"],
        ["SomeOf((1, 2), [Shift(p=1.0), PitchShift(p=1.0)])", "LowPassFilter(p=1.0)"],
    ],
    ids=lambda transforms: transforms[0][:44],
)
def test_an_event_goes_where_its_sound_goes(tmp_path: Path, transforms: list[str]) -> None:
    generator = np.random.default_rng(5)
    waveform = np.zeros(int(SECONDS * RATE), np.float32)
    waveform[11_200:14_400] = generator.normal(scale=0.2, size=3200)
    made = own(tmp_path, *transforms)
    for variant in range(1, 7):
        event = Event(0.7, 0.9, "burst")
        view, events = made.apply(waveform, RATE, seed=0, clip_id="x", variant=variant, events=[event])
        power = np.convolve(view**2, np.ones(160), "same")
        heard = power > 0.01 * power.max()
        labelled = np.zeros(len(view), bool)
        for onset, offset in spans(events):
            labelled[round(onset * RATE) : round(offset * RATE)] = True
        tolerance = np.ones(int(0.06 * RATE), bool)
        assert not (heard & ~np.convolve(labelled, tolerance, "same").astype(bool)).any()
        assert not (labelled & ~np.convolve(heard, tolerance, "same").astype(bool)).any()


def test_an_event_waits_for_the_direct_sound_of_a_room(tmp_path: Path) -> None:
    response = np.zeros(4000)
    response[1600], response[2500] = 1.0, 0.3
    (tmp_path / "rooms").mkdir()
    audio.write(tmp_path / "rooms" / "far.wav", response, RATE)
    made = own(tmp_path, f"ApplyImpulseResponse({str(tmp_path / 'rooms')!r}, p=1.0)")
    waveform = np.zeros(RATE, np.float32)
    waveform[3200] = 1.0
    view, events = made.apply(waveform, RATE, seed=0, clip_id="x", variant=1, events=[Event(0.2, 0.3, "click")])
    assert int(np.abs(view).argmax()) == 4800
    np.testing.assert_allclose(spans(events), [(0.3, 0.4)])


def test_an_event_that_rolls_over_the_end_becomes_two() -> None:
    shift = audiomentations.Shift(min_shift=-1, max_shift=1, rollover=True)
    moved = move([Event(1.0, 1.8, "a")], [applied(shift, shift_amount=0.25)], SECONDS)
    np.testing.assert_allclose(spans(moved), [(0.0, 0.3), (1.5, 2.0)], atol=1e-9)
    assert [event.label for event in moved] == ["a", "a"]


def test_an_event_that_falls_off_is_gone_and_one_half_off_is_cut() -> None:
    shift = audiomentations.Shift(rollover=False)
    events = [Event(1.8, 1.9, "gone"), Event(1.4, 1.9, "cut"), Event(0.0, 0.1, "kept")]
    moved = move(events, [applied(shift, shift_amount=0.25)], SECONDS)
    assert [event.label for event in moved] == ["cut", "kept"]
    np.testing.assert_allclose(spans(moved), [(1.9, 2.0), (0.5, 0.6)])


@given(
    onset=st.floats(0, 1.99),
    length=st.floats(0.001, 2),
    shift=st.floats(-1, 1),
    rate=st.floats(0.5, 2),
    rollover=st.booleans(),
)
def test_moved_events_stay_inside_and_rolling_over_loses_no_time(onset, length, shift, rate, rollover) -> None:
    event = Event(onset, min(onset + length, SECONDS), "a")
    shifted = applied(audiomentations.Shift(rollover=rollover), shift_amount=shift)
    stretched = applied(audiomentations.TimeStretch(), rate=rate)
    rolled = move([event], [shifted], SECONDS)
    if rollover:
        total = sum(offset - begin for begin, offset in spans(rolled))
        assert total == pytest.approx(event.offset - event.onset, abs=1e-9)
    for begin, offset in spans(rolled) + spans(move([event], [stretched, shifted], SECONDS)):
        assert 0 <= begin < offset <= SECONDS


@pytest.mark.parametrize(
    "transform",
    [
        "RepeatPart(p=1.0)",
        "Trim(p=0.0)",
        "Compose([AdjustDuration(duration_seconds=1.0, p=1.0)])",
        "lambda x, rate: x",
        "type('Gain', (Reverse,), {})(p=1.0)",
    ],
)
def test_events_meet_no_transform_whose_time_is_unknown(tmp_path: Path, transform: str) -> None:
    made = own(tmp_path, transform)
    waveform = np.full(RATE, 0.1, np.float32)
    with pytest.raises(AudiotagError, match="strong labels"):
        made.apply(waveform, RATE, seed=0, clip_id="x", variant=1, events=[Event(0.1, 0.2, "a")])
    assert made.apply(waveform, RATE, seed=0, clip_id="x", variant=1)[1] == ()


@pytest.mark.parametrize("name", ["light", "standard", "strong"])
def test_named_policies_take_strong_labels(name: str) -> None:
    waveform = np.random.default_rng(0).normal(scale=0.1, size=RATE).astype(np.float32)
    for variant in range(1, 6):
        _, events = policy(name).apply(
            waveform, RATE, seed=0, clip_id="x", variant=variant, events=[Event(0.2, 0.5, "a")]
        )
        assert events and {event.label for event in events} == {"a"}
