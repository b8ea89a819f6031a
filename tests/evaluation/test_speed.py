"""Data sets of recordings that are played at another speed: what is evaluated with them is read so too."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import AudiotagError, models, records, scorers
from audiotag.evaluation import calibrate, evaluate
from audiotag.evaluation.sections.noise import noise_folder, scores_of_noise
from audiotag.frontend import LogMelConfig
from audiotag.records import Data, Declaration
from tests.in_process import ThisProcess

pytestmark = pytest.mark.usefixtures("eager", "blank_pictures")

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)


def built(declared: Declaration, out: Path, *speeds: str) -> Data:
    """The tones, left channel, played at one speed or at two by turns."""
    clips = tuple(
        dataclasses.replace(clip, columns={"read_channel": "left", "read_speed": speeds[number % len(speeds)]})
        for number, clip in enumerate(declared.clips)
    )
    declared = dataclasses.replace(declared, clips=clips, seconds=0.5)
    return records.open(records.build(declared, out, front_end=FRONT_END, engine=ThisProcess()).path)


@pytest.fixture
def slow(declared: Declaration, tmp_path: Path) -> Data:
    return built(declared, tmp_path / "slow", "0.5")


@pytest.fixture
def saved(network, slow: Data, tmp_path: Path) -> Path:
    """A network that was trained on slow recordings, by its card."""
    return models.save(network(), tmp_path / "slow.keras", models.ModelCard("slow", slow.clip_format))


def test_a_report_says_at_which_speed_and_whether_it_is_that_of_the_training(network, slow, saved, tmp_path) -> None:
    report = evaluate(saved, data=slow, resamples=0, out=tmp_path / "report")
    assert report.data_set["clips"] == "12 of 0.5 s, played at speed 0.5"
    assert report.subject.about["recordings are played at"] == "speed 0.5"
    assert "| recordings are played at | speed 0.5 |" in (report.out / "model_card.md").read_text(encoding="utf-8")
    assert not any("was trained on" in note for note in report.notes)
    other = models.ModelCard("usual", dataclasses.replace(slow.clip_format, speed=1.0))
    models.save(network(), tmp_path / "usual.keras", other)
    report = evaluate(tmp_path / "usual.keras", data=slow, resamples=0, out=tmp_path / "report")
    note = "usual was trained on recordings played at speed 1, those of tones are played at speed 0.5"
    assert note in report.notes
    with pytest.raises(AudiotagError, match="another speed than usual"):
        calibrate(tmp_path / "usual.keras", data=slow, split="train")


def test_recordings_of_noise_are_read_as_those_of_the_data_set(slow, saved, declared, tmp_path) -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (2 * RATE, 2)).astype(np.float32)
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "fan.wav", noise, 2 * RATE, subtype="FLOAT")
    ((_, waveforms),) = noise_folder(tmp_path / "noise", RATE, 0.5, "left", 0.5)
    np.testing.assert_array_equal(waveforms.ravel(), noise[:, 0])
    scorer = scorers.open(saved)
    measured = scores_of_noise(scorer, tmp_path / "noise", slow, 0.5)
    np.testing.assert_array_equal(measured.scores, scorer.predict_on_batch(waveforms))
    assert measured.seconds.tolist() == [0.25] * 4  # of a recording of 1 s
    assert scores_of_noise(scorer, None, slow, 0.5).seconds.tolist() == [0.25] * 20
    several = built(declared, tmp_path / "several", "0.5", "1")
    with pytest.raises(AudiotagError, match="tones has several: leave --noise out"):
        scores_of_noise(scorer, tmp_path / "noise", several, 0.5)


def test_what_is_said_of_a_foreign_model_by_a_data_set_is_its_speed_too(network, slow, saved, tmp_path) -> None:
    network().save(tmp_path / "plain.keras")
    assert scorers.open(tmp_path / "plain.keras", slow).tagger.speed == 0.5
    other = models.save(
        network(), tmp_path / "usual.keras", models.ModelCard("usual", dataclasses.replace(slow.clip_format, speed=1.0))
    )
    assert scorers.open([saved, saved]).speed == 0.5
    assert scorers.open([saved, other]).speed is None
