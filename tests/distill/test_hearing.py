"""What teachers are given: their own log-mel and their own rate, computed from the waveforms of the views."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from audiotag import distill, models, records, storage
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, log_mel

pytestmark = pytest.mark.usefixtures("eager")


def test_a_network_of_another_front_end_hears_its_own_log_mel(
    audible: records.Data, teacher_file: Callable[..., Path], stored: Callable, waveforms: Callable
) -> None:
    other = dataclasses.replace(audible.front_end, name="coarse", hop=400, mels=8, fmax=3000.0)
    file = teacher_file(front_end=other)
    folder = distill.teach(audible, file)
    network, logits = models.load(file)[0], stored(folder, audible)
    assert len(logits) == 26
    for key, waveform in waveforms(audible).items():
        features = log_mel(waveform, other)[None, :, :, None]
        np.testing.assert_allclose(logits[key], np.asarray(network(features))[0], atol=1e-4)
    assert storage.read_json(folder / "teacher.json")["notes"] == [
        "teacher hears log-mel 'coarse' of waveforms at 8000 Hz, of the records"
    ]


def test_a_network_of_the_same_front_end_hears_the_records_themselves(
    audible: records.Data, data: records.Data, teacher_file: Callable[..., Path], stored: Callable
) -> None:
    file = teacher_file()
    heard, plain = (stored(distill.teach(one, file), one) for one in (audible, data))
    assert heard.keys() == plain.keys()
    assert all(np.array_equal(heard[key], plain[key]) for key in heard)


@pytest.mark.parametrize("rate", [4000, 12_000])
def test_waveforms_of_another_rate_are_resampled(audible: records.Data, waveforms: Callable, rate: int) -> None:
    """Against SciPy's polyphase filter, away from the ends, where filters differ."""
    heard: list[np.ndarray] = []

    def listen(batch: np.ndarray) -> np.ndarray:
        heard.extend(batch)
        return np.zeros((len(batch), 3), np.float32)

    listen.sample_rate, listen.version, listen.name = rate, 1, "listener"
    folder = distill.teach(audible, listen, batch_size=1)
    views = waveforms(audible)
    assert [len(one) for one in heard] == [rate // 5] * 26
    middle = slice(rate // 20, -rate // 20)
    low_pass = scipy.signal.firwin(255, 1200, fs=rate)
    for one, view in zip(heard, views.values(), strict=True):
        wanted = scipy.signal.resample_poly(view, rate, audible.front_end.sample_rate)
        both = [scipy.signal.filtfilt(low_pass, [1.0], signal, padlen=0)[middle] for signal in (one, wanted)]
        assert np.abs(both[0] - both[1]).max() < 0.02 * np.abs(both[1]).max()
    assert f"resampled from 8000 to {rate} Hz" in storage.read_json(folder / "teacher.json")["notes"][-1]


def test_without_waveforms_the_remedy_is_to_keep_them(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    def silent(batch: np.ndarray) -> np.ndarray:
        return np.zeros((len(batch), 3))

    silent.version = 1
    with pytest.raises(AudiotagError, match=r"silent takes waveforms, and noises was built without.*--keep-waveforms"):
        distill.teach(data, silent, name="silent")
    other = dataclasses.replace(data.front_end, name="coarse", hop=400)
    with pytest.raises(AudiotagError, match=r"front end 'coarse'.*'small'.*hop.*--keep-waveforms"):
        distill.teach(data, teacher_file(front_end=other))


def test_examples_that_are_too_short_for_a_front_end_are_refused(
    audible: records.Data, teacher_file: Callable[..., Path]
) -> None:
    long = LogMelConfig(name="long", sample_rate=8000, window=4000, hop=4000, fft=4096, mels=16, fmax=4000.0)
    with pytest.raises(AudiotagError, match=r"0\.2 s of the examples .* too short for teacher"):
        distill.teach(audible, teacher_file(front_end=long))
