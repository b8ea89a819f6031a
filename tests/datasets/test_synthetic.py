"""The synthetic sounds: reproducible, labelled by what is heard, different within a class."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from audiotag import records
from audiotag.errors import AudiotagError

RATE = 16_000


@pytest.fixture(scope="module")
def mixtures() -> records.Declaration:
    return records.declare("synthetic", clips=96)


def waveform(declaration: records.Declaration, clip: records.Clip) -> np.ndarray:
    return declaration.read(declaration.root, clip, RATE)


def test_every_split_holds_every_class_and_the_default_is_a_multilabel_mixture(mixtures):
    assert mixtures.task == "multilabel"
    assert len(mixtures.labels) >= 10
    for split in ("train", "validation", "test"):
        heard = {label for clip in mixtures.clips if clip.split == split for label in clip.labels}
        assert heard == set(mixtures.labels)
    assert {len(clip.labels) for clip in mixtures.clips} == {1, 2, 3}


def test_labels_are_the_labels_of_the_events_which_lie_inside_the_clip(mixtures):
    for clip in mixtures.clips:
        assert {event.label for event in clip.events} == set(clip.labels)
        assert all(0 <= event.onset < event.offset <= mixtures.seconds for event in clip.events)


def test_soundscapes_hold_several_short_events_that_overlap_and_can_be_heard():
    scenes = records.declare("synthetic", clips=48, seconds=4.0, soundscapes=True)
    overlapping = repeated = 0
    for clip in scenes.clips:
        assert {event.label for event in clip.events} == set(clip.labels)
        assert 2 <= len(clip.labels) <= 4
        assert list(clip.events) == sorted(clip.events, key=lambda event: (event.onset, event.label))
        for event in clip.events:
            assert 0.14 < event.offset - event.onset < 1.51
            assert 0 <= event.onset < event.offset <= 4.0
        pairs = zip(clip.events, clip.events[1:], strict=False)
        overlapping += any(later.onset < earlier.offset for earlier, later in pairs)
        repeated += len(clip.events) > len(clip.labels)
    assert overlapping > 24
    assert repeated > 24
    clip = scenes.clips[0]
    sound = waveform(scenes, clip)
    covered = np.zeros(len(sound), bool)
    for event in clip.events:
        covered[round(event.onset * RATE) : round(event.offset * RATE)] = True
    assert np.mean(sound[covered] ** 2) > 10 * np.mean(sound[~covered] ** 2)
    with pytest.raises(AudiotagError, match="several classes"):
        records.declare("synthetic", soundscapes=True, multilabel=False)


def test_waveforms_have_the_stated_length_and_do_not_clip(mixtures):
    for clip in mixtures.clips[:24]:
        sound = waveform(mixtures, clip)
        assert sound.shape == (2 * RATE,)
        assert sound.dtype == np.float32
        assert 0.09 < np.abs(sound).max() <= 0.9


def test_a_single_sound_is_loud_within_its_event_and_faint_outside():
    single = records.declare("synthetic", clips=48, multilabel=False)
    assert single.task == "multiclass"
    for clip in single.clips:
        sound, event = waveform(single, clip), clip.events[0]
        inside = sound[round(event.onset * RATE) : round(event.offset * RATE)]
        outside = np.concatenate([sound[: round(event.onset * RATE)], sound[round(event.offset * RATE) :]])
        assert np.mean(inside**2) > 30 * np.mean(outside**2), clip.clip_id


def test_noises_have_the_spectral_slope_of_their_colour():
    single = records.declare("synthetic", clips=48, multilabel=False)
    slopes: dict[str, list[float]] = {"white noise": [], "pink noise": [], "brown noise": []}
    for clip in single.clips:
        if clip.labels[0] in slopes:
            event = clip.events[0]
            sound = waveform(single, clip)[round(event.onset * RATE) : round(event.offset * RATE)]
            power, frequency = np.abs(np.fft.rfft(sound)) ** 2, np.fft.rfftfreq(len(sound), 1 / RATE)
            bands = [(100 * 2**octave, 200 * 2**octave) for octave in range(6)]
            levels = [np.log2(power[(frequency >= low) & (frequency < high)].mean()) for low, high in bands]
            slopes[clip.labels[0]].append(np.polyfit(range(6), levels, 1)[0])
    for name, expected in (("white noise", 0.0), ("pink noise", -1.0), ("brown noise", -2.0)):
        np.testing.assert_allclose(slopes[name], expected, atol=0.4, err_msg=name)


def test_clips_of_one_class_differ_from_each_other():
    single = records.declare("synthetic", clips=24, multilabel=False)
    for first, second in zip(single.clips[:12], single.clips[12:], strict=True):
        assert first.labels == second.labels
        assert abs(np.corrcoef(waveform(single, first), waveform(single, second))[0, 1]) < 0.5


def test_a_clip_depends_on_its_name_and_the_seed_alone(mixtures):
    longer = records.declare("synthetic", clips=120)
    other = records.declare("synthetic", clips=12, seed=1)
    assert longer.clips[:96] == mixtures.clips
    assert not np.array_equal(waveform(mixtures, mixtures.clips[5]), waveform(other, other.clips[5]))


def test_another_process_computes_the_same_waveform(mixtures):
    code = (
        "import hashlib; from audiotag import records\n"
        "made = records.declare('synthetic', clips=12)\n"
        f"print(hashlib.sha256(made.read(made.root, made.clips[7], {RATE}).tobytes()).hexdigest())"
    )
    import hashlib

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert printed == hashlib.sha256(waveform(mixtures, mixtures.clips[7]).tobytes()).hexdigest()


@pytest.mark.parametrize("options", [{"clips": 0}, {"seconds": 0.1}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(AudiotagError, match="received"):
        records.declare("synthetic", **options)
