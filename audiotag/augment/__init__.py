"""Augmentation of waveforms with audiomentations: named policies, seeded by clip and variant."""

from __future__ import annotations

from audiotag.augment.policy import Policy, policy
from audiotag.augment.randomness import seed_for

__all__ = ["Policy", "policy", "seed_for"]
