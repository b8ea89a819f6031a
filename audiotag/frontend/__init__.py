"""Log-mel spectrograms: one configuration, a NumPy function for building and a Keras layer that agrees with it."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "array": ["log_mel"],
        "config": ["PRESETS", "LogMelConfig", "preset"],
        "filterbank": ["mel_filterbank"],
        "inverse": ["waveform"],
        "layer": ["LogMel"],
    },
)
