"""The named policies as data: which audiomentations transforms, in which order, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiotag.augment.sounds import SoundFolder

Step = tuple[str, dict[str, Any]]

LOWEST_RATE = 8000
"""Lowest sample rate, Hz, that the named policies are made for."""

_HIGHEST_CENTRE = 0.45  # of the sample rate: a shelf or peak at half the rate or above is an unstable filter

PRESETS: dict[str, tuple[Step, ...]] = {
    "none": (),
    # A clip stays what it is to the ear: level, place in time, a little hiss and colour.
    "light": (
        ("Shift", {"min_shift": -0.1, "max_shift": 0.1, "rollover": True, "p": 0.5}),
        ("SevenBandParametricEQ", {"min_gain_db": -3.0, "max_gain_db": 3.0, "p": 0.3}),
        ("ApplyImpulseResponse", {"p": 0.2}),
        ("AddBackgroundNoise", {"min_snr_db": 15.0, "max_snr_db": 30.0, "p": 0.3}),
        ("AddColorNoise", {"min_snr_db": 20.0, "max_snr_db": 40.0, "min_f_decay": -6.0, "max_f_decay": 0.0, "p": 0.3}),
        ("Gain", {"min_gain_db": -6.0, "max_gain_db": 6.0, "p": 1.0}),
    ),
    # Another recording of the same thing: pitch and speed, another room, another microphone.
    "standard": (
        ("TimeStretch", {"min_rate": 0.9, "max_rate": 1.1, "p": 0.3}),
        ("PitchShift", {"min_semitones": -2.0, "max_semitones": 2.0, "p": 0.3}),
        ("Shift", {"min_shift": -0.5, "max_shift": 0.5, "rollover": True, "p": 0.7}),
        (
            "OneOf",
            {
                "transforms": (
                    ("LowPassFilter", {"min_cutoff_freq": 2000.0, "max_cutoff_freq": 10_000.0, "p": 1.0}),
                    ("HighPassFilter", {"min_cutoff_freq": 50.0, "max_cutoff_freq": 600.0, "p": 1.0}),
                    ("SevenBandParametricEQ", {"min_gain_db": -6.0, "max_gain_db": 6.0, "p": 1.0}),
                ),
                "p": 0.4,
            },
        ),
        ("ApplyImpulseResponse", {"p": 0.25}),
        ("AddBackgroundNoise", {"min_snr_db": 5.0, "max_snr_db": 30.0, "p": 0.4}),
        ("AddColorNoise", {"min_snr_db": 10.0, "max_snr_db": 40.0, "min_f_decay": -6.0, "max_f_decay": 3.0, "p": 0.4}),
        ("Gain", {"min_gain_db": -12.0, "max_gain_db": 6.0, "p": 1.0}),
    ),
    # As far as the class can still be told.
    "strong": (
        ("TimeStretch", {"min_rate": 0.8, "max_rate": 1.25, "p": 0.5}),
        ("PitchShift", {"min_semitones": -4.0, "max_semitones": 4.0, "p": 0.5}),
        ("Shift", {"min_shift": -0.5, "max_shift": 0.5, "rollover": True, "p": 0.9}),
        ("TimeMask", {"min_band_part": 0.01, "max_band_part": 0.1, "p": 0.3}),
        (
            "OneOf",
            {
                "transforms": (
                    ("LowPassFilter", {"min_cutoff_freq": 1000.0, "max_cutoff_freq": 8000.0, "p": 1.0}),
                    ("HighPassFilter", {"min_cutoff_freq": 50.0, "max_cutoff_freq": 1200.0, "p": 1.0}),
                    ("BandPassFilter", {"min_center_freq": 500.0, "max_center_freq": 3000.0, "p": 1.0}),
                    ("SevenBandParametricEQ", {"min_gain_db": -12.0, "max_gain_db": 12.0, "p": 1.0}),
                ),
                "p": 0.6,
            },
        ),
        ("ApplyImpulseResponse", {"p": 0.4}),
        ("AddBackgroundNoise", {"min_snr_db": 0.0, "max_snr_db": 25.0, "p": 0.6}),
        ("AddColorNoise", {"min_snr_db": 3.0, "max_snr_db": 35.0, "min_f_decay": -6.0, "max_f_decay": 6.0, "p": 0.6}),
        ("Gain", {"min_gain_db": -18.0, "max_gain_db": 6.0, "p": 1.0}),
    ),
}
"""Transforms of each policy, in order. The two that need sounds are left out where their folder is not given."""

FOLDERS = {"AddBackgroundNoise": ("noise", "sounds_path"), "ApplyImpulseResponse": ("impulse_responses", "ir_path")}
"""Transforms that need sounds: what for, and the parameter that takes their paths."""


def steps_of(name: str, folders: Mapping[str, SoundFolder]) -> tuple[Step, ...]:
    """The steps of a named policy that the folders allow, which are named by their purpose."""
    return tuple(step for step in PRESETS[name] if step[0] not in FOLDERS or FOLDERS[step[0]][0] in folders)


def steps_for_folders(folders: Mapping[str, SoundFolder]) -> tuple[Step, ...]:
    """What the folders add to a user's own policy: the steps of `standard` that use them."""
    return tuple(step for step in steps_of("standard", folders) if step[0] in FOLDERS)


def make(step: Step, sample_rate: int, folders: Mapping[str, SoundFolder]) -> Any:
    """The audiomentations transform of a step, for waveforms of a sample rate in Hz."""
    import audiomentations

    name, parameters = step[0], dict(step[1])
    if name in FOLDERS:
        purpose, parameter = FOLDERS[name]
        parameters[parameter] = folders[purpose].paths
    elif name == "OneOf":
        parameters["transforms"] = [make(inner, sample_rate, folders) for inner in parameters["transforms"]]
    transform = getattr(audiomentations, name)(**parameters)
    if name == "SevenBandParametricEQ":
        _keep_below_nyquist(transform, sample_rate)
    return transform


def _keep_below_nyquist(equaliser: Any, sample_rate: int) -> None:
    """Move bands that a low sample rate does not have down to the highest one that it has."""
    highest = _HIGHEST_CENTRE * sample_rate
    for band in (equaliser.low_shelf_filter, *equaliser.peaking_filters, equaliser.high_shelf_filter):
        band.min_center_freq = min(band.min_center_freq, highest)
        band.max_center_freq = min(band.max_center_freq, highest)
