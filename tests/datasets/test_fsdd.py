"""Free Spoken Digit: what the names say."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError

NAMES = ("0_jackson_0.wav", "0_jackson_4.wav", "0_jackson_5.wav", "7_theo_10.wav", "9_yweweler_49.wav")


def test_names_tell_digit_speaker_and_split(noises: Callable[..., None], tmp_path: Path) -> None:
    noises(tmp_path, *(f"recordings/{name}" for name in NAMES), "recordings/._0_jackson_0.wav")
    declared = records.declare("fsdd", source=tmp_path)
    assert declared.labels.names == tuple("0123456789")
    assert [(clip.clip_id, clip.labels[0], clip.columns["speaker"], clip.split) for clip in declared.clips] == [
        ("0_jackson_0", "0", "jackson", "test"),
        ("0_jackson_4", "0", "jackson", "test"),
        ("0_jackson_5", "0", "jackson", "train"),
        ("7_theo_10", "7", "theo", "train"),
        ("9_yweweler_49", "9", "yweweler", "train"),
    ]
    assert all(len(declared.read(declared.root, clip, 8000)) == 800 for clip in declared.clips)
    by_speaker = records.declare("fsdd", source=tmp_path, split="speaker")
    assert [clip.split for clip in by_speaker.clips] == ["fold1", "fold1", "fold1", "fold2", "fold3"]
    with pytest.raises(AudiotagError, match="recording or speaker, received 'voice'"):
        records.declare("fsdd", source=tmp_path, split="voice")
    noises(tmp_path, "recordings/ten_jackson_0.wav")
    with pytest.raises(AudiotagError, match=r"DIGIT_SPEAKER_INDEX\.wav, received 'ten_jackson_0\.wav'"):
        records.declare("fsdd", source=tmp_path)


def test_the_published_archive_is_unpacked(
    noises: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path / "cache"))
    noises(tmp_path, NAMES[0])
    (tmp_path / "cache").mkdir()
    with zipfile.ZipFile(tmp_path / "cache" / "fsdd.zip", "w") as packed:
        packed.write(tmp_path / NAMES[0], f"free-spoken-digit-dataset-1.0.10/recordings/{NAMES[0]}")
    assert [clip.clip_id for clip in records.declare("fsdd").clips] == ["0_jackson_0"]
