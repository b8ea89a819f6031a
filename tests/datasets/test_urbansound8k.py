"""UrbanSound8K's table: folds, classes in the order of classID, and what is wrong with a folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import records
from audiotag.errors import AudiotagError

HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"
ROWS = (
    "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark",
    "100263-2-0-117.wav,100263,58.5,62.5,1,10,2,children_playing",
)


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, "audio/fold5/100032-3-0-0.wav", "audio/fold10/100263-2-0-117.wav")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text("\n".join([HEADER, *ROWS, ""]), encoding="utf-8")
    return tmp_path


def test_folds_classes_and_recordings_are_those_of_the_table(source: Path) -> None:
    declared = records.declare("urbansound8k", source=source)
    assert declared.labels.names == ("children_playing", "dog_bark")
    assert [(clip.clip_id, clip.split, clip.labels, clip.columns["recording"]) for clip in declared.clips] == [
        ("100032-3-0-0", "fold5", ("dog_bark",), "100032"),
        ("100263-2-0-117", "fold10", ("children_playing",), "100263"),
    ]
    assert (declared.task, declared.seconds) == ("multiclass", 4.0)
    assert all(len(declared.read(declared.root, clip, 8000)) == 800 for clip in declared.clips)


@pytest.mark.parametrize("layout", ["unpacked", "side by side", "side by side, unpacked"])
def test_copies_of_other_layouts_are_read(source: Path, tmp_path: Path, layout: str) -> None:
    published = [clip.source for clip in records.declare("urbansound8k", source=source).clips]
    folder = tmp_path / "copy" / "UrbanSound8K" if layout.endswith("unpacked") else tmp_path / "copy"
    if layout.startswith("side"):
        shutil.copytree(source / "audio", folder)
        shutil.copy(source / "metadata" / "UrbanSound8K.csv", folder)
        published = [name.removeprefix("audio/") for name in published]
    else:
        for part in ("audio", "metadata"):
            shutil.copytree(source / part, folder / part)
    declared = records.declare("urbansound8k", source=tmp_path / "copy")
    assert declared.root == folder
    assert [clip.source for clip in declared.clips] == published
    assert all((folder / clip.source).is_file() for clip in declared.clips)
    with pytest.raises(AudiotagError, match=re.escape(f"audiotag build urbansound8k --source {folder}")):
        records.declare(tmp_path / "copy")


def test_what_is_wrong_is_one_clear_error(source: Path) -> None:
    with pytest.raises(AudiotagError, match=r"zenodo\.org/records/1203745 and name its folder with --source"):
        records.declare("urbansound8k")
    with pytest.raises(
        AudiotagError, match=r"holds metadata/UrbanSound8K\.csv .*audio has no .*another one with --source"
    ):
        records.declare("urbansound8k", source=source / "audio")
    with (source / "metadata" / "UrbanSound8K.csv").open("a", encoding="utf-8") as file:
        file.write("../x.wav,1,0,1,1,1,3,cat\n")
    with pytest.raises(AudiotagError, match="line 4: classID 3 is both dog_bark and cat"):
        records.declare("urbansound8k", source=source)


def test_depths_and_codings_of_the_published_files_are_read(source: Path) -> None:
    """Freesound's own files: 8, 24 and 32 bits, float, both kinds of ADPCM, one or two channels, any rate."""
    kinds = {
        "PCM_U8": (8000, 1, 0.02),
        "PCM_24": (48_000, 2, 1e-4),
        "PCM_32": (96_000, 1, 1e-4),
        "FLOAT": (44_100, 2, 1e-4),
        "MS_ADPCM": (22_050, 1, 0.02),
        "IMA_ADPCM": (11_025, 2, 0.05),
    }
    table = source / "metadata" / "UrbanSound8K.csv"
    rows = []
    for number, (kind, (rate, channels, _)) in enumerate(kinds.items()):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        file = source / "audio" / "fold5" / f"9-3-0-{number}.wav"
        soundfile.write(file, np.stack([tone] * channels, axis=1), rate, subtype=kind)
        rows.append(f"{file.name},9,0.0,1.0,1,5,3,dog_bark")
    table.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    declared = records.declare("urbansound8k", source=source)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    for clip, (kind, (rate, _, error)) in zip(declared.clips, kinds.items(), strict=True):
        waveform = declared.read(declared.root, clip, 8000)
        assert abs(len(waveform) - 8000) <= 8000 * 1024 / rate, kind  # ADPCM fills its last block up
        inner = slice(400, 7600)  # the filter's ends apart
        assert np.sqrt(np.mean((waveform[inner] - expected[inner]) ** 2)) < error, kind
