"""A file that declares a small data set of tones, which nothing here builds."""

from __future__ import annotations

from pathlib import Path

import pytest

DATASET_FILE = """
from pathlib import Path

from audiotag.labels import Labels
from audiotag.records import Clip, Declaration, Event

NAMES = ("low, deep", "high/shrill")


def declare(clips=24):
    return Declaration(
        name="tones",
        version="1",
        task="multiclass",
        licence="CC0-1.0",
        citation="https://example.org/tones",
        labels=Labels(NAMES),
        clips=tuple(
            Clip(f"clip{i}", str(i), (NAMES[i % 2 == 0],), f"fold{i % 3 + 1}", events=(Event(0.1, 0.2, NAMES[0]),))
            for i in range(clips)
        ),
        seconds=0.5,
        root=Path("sounds"),
    )
"""


@pytest.fixture(scope="session")
def dataset_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("declared") / "tones.py"
    path.write_text(DATASET_FILE, encoding="utf-8")
    return path
