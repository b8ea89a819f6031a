"""The front end's configuration: what it refuses, says, and gives back."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.frontend import PRESETS, LogMelConfig, preset


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_a_configuration_survives_json(config: LogMelConfig) -> None:
    assert LogMelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(AudiotagError, match="did you mean 'efficientat'"):
        preset("efficentat")
    with pytest.raises(AudiotagError, match="did you mean 'mels'"):
        LogMelConfig.from_dict({"mel": 64})


@pytest.mark.parametrize(
    "fields",
    [
        {"sample_rate": 0},
        {"window": 1025},
        {"window": 1},
        {"fft": 1023},
        {"hop": 0},
        {"mels": 12.0},
        {"mels": True},
        {"fmin": -1},
        {"fmin": 15_000},
        {"fmax": 16_001},
        {"fmax": float("nan")},
        {"mel_scale": "bark"},
        {"mel_norm": "area"},
        {"padding": "wrap"},
        {"power": 3},
        {"log": "log2"},
        {"floor": "max"},
        {"log_floor": 0},
        {"scale": 0},
        {"preemphasis": 1.5},
        {"symmetric_window": 1},
    ],
    ids=str,
)
def test_an_impossible_configuration_says_what_it_received(fields: dict) -> None:
    with pytest.raises(AudiotagError, match="received") as raised:
        LogMelConfig(**fields)
    assert "\n" not in str(raised.value)


def test_the_difference_names_fields_with_both_values_and_not_the_name() -> None:
    config = preset("efficientat")
    assert config.difference(preset("passt")) == ""
    other = dataclasses.replace(config, mels=64, fmax=14_000)
    assert config.difference(other) == "mels 128 / 64, fmax 15000.0 / 14000.0"


def test_passt_states_its_highest_frequency() -> None:
    assert preset("passt").fmax == 15_000
    assert "0-15000 Hz" in preset("passt").describe()


def test_variants_of_efficientat_change_their_one_field_only() -> None:
    standard = preset("efficientat")
    for ms, hop in {5: 160, 15: 480, 20: 640, 25: 800}.items():
        assert standard.difference(preset(f"efficientat_hop_{ms}")) == f"hop 320 / {hop}"
    for mels in (40, 64, 256):
        assert standard.difference(preset(f"efficientat_mels_{mels}")) == f"mels 128 / {mels}"


@given(
    samples=st.integers(0, 5000),
    window=st.integers(2, 64),
    hop=st.integers(1, 80),
    padding=st.sampled_from(["reflect", "zero", "none"]),
    preemphasis=st.sampled_from([0.0, 0.97]),
)
def test_frames_are_those_that_fit_whole(samples: int, window: int, hop: int, padding: str, preemphasis: float) -> None:
    config = LogMelConfig(window=window, hop=hop, padding=padding, preemphasis=preemphasis)
    length = samples - (preemphasis > 0)
    padded = length + (2 * (window // 2) if padding != "none" else 0)
    enough = length > window // 2 if padding == "reflect" else length > 0
    counted = sum(1 for start in range(0, max(padded, 0), hop) if start + window <= padded) if enough else 0
    assert config.frames(samples) == counted
    assert (samples >= config.minimum_samples) == (counted > 0)
