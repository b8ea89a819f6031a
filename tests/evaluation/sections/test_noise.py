"""False alarms: noise that is what its name says, and counts that a slow loop finds too."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.evaluation.sections import noise

RATE = 8000


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    return dict(noise.built_in(RATE, 2.0, windows=3))


def test_every_kind_is_there_in_float32(sounds):
    assert len(sounds) == 10
    assert list(sounds)[:2] == ["silence", "white noise at -60 dBFS"]
    assert {(waveforms.shape, waveforms.dtype.name) for waveforms in sounds.values()} == {((3, 2 * RATE), "float32")}
    assert not sounds["silence"].any()


def test_by_default_there_are_twenty_windows():
    assert sum(len(waveforms) for _, waveforms in noise.built_in(RATE, 0.5)) == 20


def test_levels_are_rms(sounds):
    for kind, waveforms in sounds.items():
        if kind != "silence":
            level = 20 * np.log10(np.sqrt(np.mean(waveforms.astype(float) ** 2, axis=1)))
            np.testing.assert_allclose(level, float(kind.split()[-2]), atol=0.01)


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -1.0), ("brown", -2.0)])
def test_colours_have_their_slope_and_nothing_is_below_hearing(sounds, colour, slope):
    from scipy.signal import periodogram

    frequencies, power = periodogram(sounds[f"{colour} noise at -20 dBFS"].astype(np.float64), RATE)
    audible = (frequencies >= 20) & (frequencies < RATE / 2)
    fitted = np.polyfit(np.log(frequencies[audible]), np.log(power.mean(axis=0)[audible]), 1)
    assert fitted[0] == pytest.approx(slope, abs=0.05)
    assert power[:, frequencies < 19].max() < 1e-6 * power.max()


def test_noise_is_the_same_at_every_call_and_differs_between_windows(sounds):
    again = dict(noise.built_in(RATE, 2.0, windows=3))
    assert all(np.array_equal(again[kind], waveforms) for kind, waveforms in sounds.items())
    white = sounds["white noise at -20 dBFS"]
    assert np.abs(np.corrcoef(white) - np.eye(3)).max() < 0.05
    other = dict(noise.built_in(RATE, 2.0, windows=3, seed=1))
    assert not np.array_equal(other["white noise at -20 dBFS"], white)


def loudness(waveforms: np.ndarray) -> np.ndarray:
    """Three "classes": anything, what is louder than -50 dBFS, what is louder than -30 dBFS."""
    rms = np.sqrt(np.mean(waveforms.astype(np.float64) ** 2, axis=1))
    return np.stack([np.full(len(rms), 0.9), np.clip(rms / 0.00632, 0, 1), np.clip(rms / 0.0632, 0, 1)], axis=1)


def test_counts_are_those_of_a_slow_loop(sounds):
    thresholds = np.array([0.95, 0.5, 0.5])
    found = noise.listen(loudness, sounds.items(), RATE).false_alarms(thresholds)
    assert found.kinds == tuple(sounds)
    for row, waveforms in enumerate(sounds.values()):
        counts, alarmed = [0, 0, 0], 0
        for scores in loudness(waveforms):
            fired = [score >= least for score, least in zip(scores, thresholds, strict=True)]
            counts = [count + one for count, one in zip(counts, fired, strict=True)]
            alarmed += any(fired)
        assert found.counts[row].tolist() == counts
        assert found.alarmed[row] == alarmed
    assert found.windows.tolist() == [3] * 10
    np.testing.assert_allclose(found.hours, 3 * 2 / 3600)
    # Of nine kinds of noise six are louder than -50 dBFS and three louder than -30 dBFS.
    np.testing.assert_allclose(found.per_hour, np.array([0, 18, 9]) / (30 * 2 / 3600))
    assert found.alarmed.tolist() == [0, 0, 3, 3, 0, 3, 3, 0, 3, 3]
    shown = noise.section(found, ("anything", "loud", "louder"))
    assert shown.scalars == {"share_of_windows_answered": pytest.approx(18 / 30)}
    assert shown.tables[0].rows[0] == ["silence", "none", 3, 0]
    assert shown.tables[0].rows[-1] == ["all kinds", "loud (18), louder (9)", 30, 18]
    assert shown.columns == {"false alarms/h in 0.017 h of noise": ["0", "1080.0", "540.0"]}


def test_scores_at_the_threshold_count_and_one_threshold_serves_all(sounds):
    scored = noise.listen(loudness, sounds.items(), RATE)
    assert scored.scores.shape == (30, 3)
    assert scored.hours == pytest.approx(30 * 2 / 3600)
    assert scored.false_alarms(0.9).counts[:, 0].tolist() == [3] * 10
    assert scored.false_alarms(0.91).counts[:, 0].tolist() == [0] * 10


def test_a_kind_that_comes_in_parts_is_one_row():
    ones = np.ones((2, RATE), np.float32)
    found = noise.listen(loudness, [("hum", ones), ("wind", 0 * ones), ("hum", ones[:1])], RATE).false_alarms(0.5)
    assert found.kinds == ("hum", "wind")
    assert found.windows.tolist() == [3, 2]
    assert found.counts.tolist() == [[3, 3, 3], [2, 0, 0]]
    np.testing.assert_allclose(found.hours, [3 / 3600, 2 / 3600])


def test_a_folder_is_heard_window_by_window_and_named_by_its_parts(tmp_path):
    rng = np.random.default_rng(0)
    for name, seconds in (("fan.wav", 2.5), ("street/a.wav", 1.0), ("street/b.flac", 0.4)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        audio.write(tmp_path / name, rng.uniform(-0.1, 0.1, round(seconds * 16_000)).astype(np.float32), 16_000)
    parts = list(noise.noise_folder(tmp_path, RATE, 1.0))
    windows: dict[str, int] = {}
    for kind, waveforms in parts:
        assert waveforms.shape[1] == RATE
        windows[kind] = windows.get(kind, 0) + len(waveforms)
    assert windows == {"fan.wav": 3, "street": 2}
    ((kind, waveforms),) = noise.noise_folder(tmp_path / "street" / "b.flac", RATE, 1.0)
    assert kind == "b.flac"
    np.testing.assert_allclose(
        waveforms[0][: round(0.4 * RATE)], waveforms[0][round(0.4 * RATE) :][: round(0.4 * RATE)]
    )


def test_no_noise_at_all_is_refused(tmp_path):
    with pytest.raises(AudiotagError, match="does not exist"):
        list(noise.noise_folder(tmp_path / "nowhere", RATE, 1.0))
    with pytest.raises(AudiotagError, match="no sound files"):
        list(noise.noise_folder(tmp_path, RATE, 1.0))
    with pytest.raises(AudiotagError, match="received none"):
        noise.listen(loudness, [], RATE)


KINDS = ("silence", *(f"{colour} noise at {level} dBFS" for colour in ("white", "pink") for level in (-60, -20)))


@pytest.mark.parametrize(
    ("counts", "kinds", "lines"),
    [
        ([[0, 0]] * 5, KINDS, ["false alarms in noise and silence: none in 10 windows"]),
        (
            [[0, 0], [2, 0], [2, 0], [0, 0], [0, 0]],
            KINDS,
            [
                "answers to one kind of noise only: robin in 4 of 4 windows of white noise: right for a class that is "
                "this noise, else a false alarm",
                "false alarms in silence or several kinds of noise: none in 10 windows",
            ],
        ),
        (
            [[0, 0], [1, 0], [0, 0], [2, 0], [0, 1]],
            KINDS,
            [
                "answers to one kind of noise only: wren in 1 of 4 windows of pink noise: right for a class that is "
                "this noise, else a false alarm",
                "false alarms in silence or several kinds of noise: robin 3 of 10 windows",
            ],
        ),
        (
            [[2, 0], [1, 1], [0, 0], [0, 1], [0, 0]],
            KINDS,
            [
                "false alarms in noise and silence: robin 2 of 2 windows of silence, in all robin 3, wren 2 of 10 "
                "windows"
            ],
        ),
        ([[0, 1], [0, 1]], ("fan.wav", "street"), ["false alarms in noise: wren 2 of 4 windows"]),
    ],
)
def test_a_class_that_answers_to_one_kind_of_noise_is_told_from_false_alarms(counts, kinds, lines):
    counts, windows = np.array(counts), np.full(len(kinds), 2)
    alarms = noise.FalseAlarms(kinds, windows / 3600, windows, counts, counts.max(axis=1))
    assert list(noise.conclude(alarms, ("robin", "wren"))) == lines


def test_of_many_classes_the_most_frequent_are_named():
    counts = np.stack([np.arange(6), np.arange(6)])
    alarms = noise.FalseAlarms(("silence", "hum"), np.ones(2), np.full(2, 9), counts, np.full(2, 5))
    (line,) = noise.conclude(alarms, tuple("abcdef"))
    assert line == (
        "false alarms in noise and silence: f 5, e 4, d 3 … and 2 more of 9 windows of silence, in all f 10, e 8, d 6 "
        "… and 2 more of 18 windows"
    )
