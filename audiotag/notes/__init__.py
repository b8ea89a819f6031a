"""Notes of pitched instruments: which pitch sounds from when to when and how loud; MIDI files, targets, decoding."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["midi", "picture", "rendering", "rolls"],
    submod_attrs={
        "note": ["HIGHEST", "LOWEST", "PITCHES", "Note", "apart", "labels", "name_of", "pitch_of"],
        "rolls": ["Grid", "decode", "draw"],
    },
)
