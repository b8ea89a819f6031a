"""When a recording began, by names and comments as recorders write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio import recorded_at

MORNING = datetime(2021, 5, 3, 6, 0, 30)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20210503_060030.WAV", MORNING),  # AudioMoth
        ("SMM01234_20210503_060030.wav", MORNING),  # Song Meter
        ("S4A01234_20210503_060030_001.wav", MORNING),
        ("site-3_2021-05-03T06-00-30.flac", MORNING),
        ("rec 2021-05-03 06:00:30.ogg", MORNING),
        ("20210503T060030+0200_loc.flac", MORNING.replace(tzinfo=timezone(timedelta(hours=2)))),
        ("20210503T060030Z.flac", MORNING.replace(tzinfo=UTC)),
        ("608F935E.WAV", datetime(2021, 5, 3, 6, 8, 30, tzinfo=UTC)),  # the first AudioMoths
        ("20211303_060030.wav", None),
        ("99999999_999999.wav", None),
        ("FFFFFFFF.wav", None),
        ("DEADBEEF.wav", None),
        ("1-100032-A-0.wav", None),
        ("120210503_060030.wav", None),
        ("birds.wav", None),
    ],
)
def test_names(name: str, expected: datetime | None) -> None:
    assert recorded_at(Path(name)) == expected


def test_what_a_recorder_wrote_into_the_file_counts_before_its_name(tmp_path: Path) -> None:
    path = tmp_path / "20200101_000000.WAV"
    with soundfile.SoundFile(path, "w", 8000, 1, format="WAV") as file:
        file.comment = (
            "Recorded at 06:00:30 03/05/2021 (UTC+2) by AudioMoth 2459 at medium gain while battery was 4.1V."
        )
        file.write(np.zeros(8, np.float32))
    assert recorded_at(path) == MORNING.replace(tzinfo=timezone(timedelta(hours=2)))
    path.write_bytes(b"RIFF")
    assert recorded_at(path) == datetime(2020, 1, 1)
