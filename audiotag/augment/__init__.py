"""Augmentation of waveforms with audiomentations, named policies seeded by clip and variant; and of batches."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["batches"],
    submod_attrs={"policies": ["Policy", "policy"], "randomness": ["seed_for"]},
)
