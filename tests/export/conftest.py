"""Taggers of small networks, and sounds for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from audiotag import models
from audiotag.export import Form, export, formats
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger

FRONT_END = LogMelConfig(name="small", sample_rate=8000, window=200, hop=80, fft=256, mels=16, fmax=4000.0)
LABELS = Labels(("Dog", "Cat, or so", "Löwe"), ("d", "c", "l"))
SECONDS = 0.25


@pytest.fixture(scope="session")
def tagger(network: Callable[..., object]) -> Callable[..., AudioTagger]:
    """A tagger of the small network; options as of `AudioTagger`."""

    def make(task: str = "multilabel", **options: object) -> AudioTagger:
        return AudioTagger(network(), LABELS, FRONT_END, task, SECONDS, "zero", **options)

    return make


@pytest.fixture(scope="session")
def saved(tagger: Callable[..., AudioTagger], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The file `tagger.keras` of such a tagger, written once."""

    @cache
    def path(name: str = "plain", **options: object) -> Path:
        return models.save(tagger(**options), tmp_path_factory.mktemp(name) / "tagger.keras")

    return path


@pytest.fixture(scope="session")
def exported(saved: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """What such a tagger is exported to, made once and only to be read: format, name and options of `saved`."""

    @cache
    def path(to: str, name: str = "plain", **options: object) -> Path:
        out = tmp_path_factory.mktemp("exported") / f"x{formats.load(to).SUFFIX}"
        return export(saved(name, **options), Form(to), out).path

    return path


@pytest.fixture(scope="session")
def waveforms() -> np.ndarray:
    """(3, 2000) float32: a tone, noise, and faint noise."""
    noise = np.random.default_rng(3).normal(size=(2, 2000))
    tone = np.sin(np.arange(2000) * 0.3)
    return np.stack([0.5 * tone, 0.2 * noise[0], 0.002 * noise[1]]).astype(np.float32)
