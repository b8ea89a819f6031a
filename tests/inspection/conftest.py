"""A data set of noises in which nothing is wrong, and the same with everything wrong that an inspection finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from audiotag import records
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration
from tests.in_process import ThisProcess

RATE, SECONDS = 32_000, 1.5
NAMES = ("hiss", "rush")
CLEAN = 24


class Sounds:
    """Recordings that are written one after the other, and the clips that are declared of them."""

    def __init__(self, root: Path) -> None:
        self.root, self.clips = root, []
        self.random = np.random.default_rng(7)

    def noise(self, seconds: float = SECONDS) -> np.ndarray:
        return 0.1 * self.random.standard_normal(round(seconds * RATE))

    def add(self, name: str, waveform: np.ndarray | None, split: str, rate: int = RATE, **columns: str) -> None:
        path = self.root / f"{name}.wav"
        if waveform is None:
            path.write_bytes(b"")
        else:
            soundfile.write(path, waveform, rate, subtype="PCM_16")
        label = NAMES[len(self.clips) % 2]
        self.clips.append(Clip(name, path.name, (label,), split, columns={"recording": name} | columns))

    def declare(self, seconds: float) -> Declaration:
        about = {"name": "noises", "version": "1", "licence": "CC0-1.0", "citation": "none"}
        return Declaration(
            **about,
            task="multiclass",
            labels=Labels(NAMES),
            clips=tuple(self.clips),
            seconds=seconds,
            root=self.root,
        )


def _clean(sounds: Sounds) -> None:
    for index in range(CLEAN):
        sounds.add(f"noise {index}", sounds.noise(), "test" if index % 4 > 1 else "train")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Data]:
    def make(fill: Callable[[Sounds], None], seconds: float = SECONDS, **options: object) -> Data:
        folder = tmp_path_factory.mktemp("inspected")
        (folder / "recordings").mkdir()
        sounds = Sounds(folder / "recordings")
        fill(sounds)
        records.build(
            sounds.declare(seconds), folder / "data", engine=ThisProcess(), allow=["shared-recordings"], **options
        )
        return records.open(folder / "data")

    return make


@pytest.fixture(scope="session")
def clean(build: Callable[..., Data]) -> Data:
    return build(_clean)


@pytest.fixture(scope="session")
def faulty(build: Callable[..., Data]) -> Data:
    """What is wrong with a clip is its name."""

    def fill(sounds: Sounds) -> None:
        _clean(sounds)
        long = sounds.noise(SECONDS + 0.2)
        sounds.add("original", long[: round(SECONDS * RATE)], "train")
        late = round(0.1037 * RATE)  # not by a whole number of frames
        sounds.add("copy", 0.5 * long[late : late + round(SECONDS * RATE)], "test")
        telephone = sounds.noise()[: round(SECONDS * 8000)]
        sounds.add("telephone", telephone, "train", rate=8000)
        sounds.add("upsampled", scipy.signal.resample_poly(telephone[::-1], 4, 1), "test")
        sounds.add("silent", np.zeros(round(SECONDS * RATE)), "train")
        sounds.add("clipped", np.clip(5 * sounds.noise(), -0.5, 0.5), "test")
        sounds.add("torn", sounds.noise(), "train", recording="one recording")
        sounds.add("apart", sounds.noise(), "test", recording="one recording")
        overlapping = sounds.noise(SECONDS + 0.1)
        sounds.add("part", overlapping[: round(SECONDS * RATE)], "test", recording="two parts")
        sounds.add("next part", overlapping[round(0.1 * RATE) :], "test", recording="two parts")
        sounds.add("empty", None, "train")
        sounds.add("whole", sounds.noise(SECONDS * 2), "test")
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(SECONDS * RATE)) / RATE)
        for name in ("tone", "another tone", "the same tone"):  # steady, so that copies alone can be told
            sounds.add(name, tone if "another" not in name else 0.9 * tone, "train")
        sounds.add("short", sounds.noise(SECONDS / 4), "train")

    return build(fill)
