"""ESC-50's table and archive: folds, class order, file suffixes, and what is wrong with a folder."""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records
from audiotag.errors import AudioError, AudiotagError

HEADER = "filename,fold,target,category,esc10,src_file,take"
ROWS = (
    "1-100-A-41.wav,1,41,chainsaw,True,100,A",
    "2-200-A-0.wav,2,0,dog,True,200,A",
    "5-300-A-7.wav,5,7,hen,False,300,A",
)


def make_source(folder: Path, rows: tuple[str, ...] = ROWS, header: str = HEADER, suffix: str = ".wav") -> Path:
    (folder / "meta").mkdir(parents=True)
    (folder / "audio").mkdir()
    (folder / "meta" / "esc50.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    for row in rows:
        audio.write(folder / "audio" / "x.wav", np.zeros(800, np.float32), 8000)
        (folder / "audio" / "x.wav").rename(folder / "audio" / (row.split(",")[0].split(".")[0] + suffix))
    return folder


def test_folds_become_splits_and_classes_are_in_the_order_of_target(tmp_path):
    declared = records.declare("esc50", source=make_source(tmp_path))
    assert declared.labels.names == ("dog", "hen", "chainsaw")
    assert [(clip.clip_id, clip.split, clip.labels) for clip in declared.clips] == [
        ("1-100-A-41", "fold1", ("chainsaw",)),
        ("2-200-A-0", "fold2", ("dog",)),
        ("5-300-A-7", "fold5", ("hen",)),
    ]
    assert (declared.task, declared.seconds, declared.name) == ("multiclass", 5.0, "esc50")
    assert "CC BY" in declared.licence
    assert "Piczak" in declared.citation


def test_the_esc10_subset_is_the_one_marked_in_the_table(tmp_path):
    declared = records.declare("esc50", source=make_source(tmp_path), subset="esc10")
    assert declared.name == "esc10"
    assert declared.labels.names == ("dog", "chainsaw")
    assert len(declared.clips) == 2


def test_a_recording_with_another_suffix_than_the_tables_is_found_under_the_same_clip_id(tmp_path):
    declared = records.declare("esc50", source=make_source(tmp_path, suffix=".flac"))
    assert declared.clips[0].source == "audio/1-100-A-41.flac"
    assert declared.clips[0].clip_id == "1-100-A-41"


def test_clips_of_one_freesound_recording_are_known_as_such(tmp_path):
    declared = records.declare("esc50", source=make_source(tmp_path))
    told = [clip.columns.get("recording") for clip in declared.clips]
    assert told == [clip.clip_id.split("-")[1] for clip in declared.clips]


def test_a_missing_recording_stays_a_clip_that_cannot_be_read(tmp_path):
    source = make_source(tmp_path)
    (source / "audio" / "2-200-A-0.wav").unlink()
    declared = records.declare("esc50", source=source)
    assert len(declared.clips) == 3
    with pytest.raises(AudioError, match="missing"):
        declared.read(declared.root, declared.clips[1], 8000)


def test_missing_columns_are_named_all_at_once(tmp_path):
    source = make_source(tmp_path, rows=("a.wav,1",), header="filename,fold")
    with pytest.raises(AudiotagError, match="target, category, esc10 missing"):
        records.declare("esc50", source=source, subset="esc10")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3-1-A-0.wav,three,0,dog,True,1,A", "line 5: fold must be a whole number, received 'three'"),
        ("3-1-A-0.wav,3,0,cat,True,1,A", "line 5: target 0 is both dog and cat"),
        ("../../3-1-A-0.wav,3,0,dog,True,1,A", "must stay inside"),
        ("2-200-A-0.wav,3,0,dog,True,1,A", "more than once, '2-200-A-0'"),
    ],
)
def test_a_broken_row_is_one_clear_error(tmp_path, row, message):
    source = make_source(tmp_path)
    with (source / "meta" / "esc50.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(AudiotagError, match=message):
        records.declare("esc50", source=source)


def test_a_folder_without_the_table_and_an_unknown_subset_are_refused(tmp_path):
    with pytest.raises(
        AudiotagError, match=r"ESC-50 holds meta/esc50\.csv and a folder audio; .* another one with --source"
    ):
        records.declare("esc50", source=tmp_path)
    with pytest.raises(AudiotagError, match="'esc10' or left out, received 'esc5'"):
        records.declare("esc50", source=make_source(tmp_path), subset="esc5")


def test_the_folder_into_which_the_archive_was_unpacked_is_enough(tmp_path: Path) -> None:
    source = make_source(tmp_path / "ESC-50-master")
    assert records.declare("esc50", source=tmp_path).root == source
    (source / "meta" / "esc50.csv").rename(source / "esc50.csv")
    assert len(records.declare("esc50", source=source).clips) == len(ROWS)


def pack(source: Path, archive: Path, extra: str | None = None) -> None:
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(source.rglob("*")):
            packed.write(path, f"ESC-50-master/{path.relative_to(source)}")
        if extra:
            packed.writestr(extra, b"escaped")


def test_the_published_archive_is_unpacked_once_into_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("AUDIOTAG_CACHE", str(cache))
    pack(make_source(tmp_path / "made"), cache / "ESC-50-master.zip")
    declared = records.declare("esc50")
    assert len(declared.read(declared.root, declared.clips[0], 8000)) == 800
    (cache / "ESC-50-master.zip").unlink()
    assert records.declare("esc50") == declared


def test_an_archive_that_would_write_outside_its_folder_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("AUDIOTAG_CACHE", str(cache))
    pack(make_source(tmp_path / "made"), cache / "ESC-50-master.zip", extra="../../escaped.txt")
    with pytest.raises(AudiotagError, match="must stay inside"):
        records.declare("esc50")
    assert not list(tmp_path.rglob("escaped.txt"))
    assert not (cache / "ESC-50").exists()


def test_a_download_that_is_not_an_archive_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    (tmp_path / "ESC-50-master.zip").write_text("<html>not found</html>")
    with pytest.raises(AudiotagError, match="not a whole zip archive"):
        records.declare("esc50")


def test_the_real_esc10_has_forty_readable_clips_a_class_in_five_equal_folds(shared):
    source = shared("data/esc10")
    declared = records.declare("esc50", source=source, subset="esc10")
    assert Counter(clip.labels[0] for clip in declared.clips) == dict.fromkeys(declared.labels, 40)
    assert Counter(clip.split for clip in declared.clips) == {f"fold{fold}": 80 for fold in range(1, 6)}
    with (source / "meta" / "esc50.csv").open() as file:
        targets = {row["category"]: int(row["target"]) for row in csv.DictReader(file)}
    assert list(declared.labels) == sorted(targets, key=targets.get)
    sound = declared.read(declared.root, declared.clips[0], 32_000)
    assert abs(len(sound) - 5 * 32_000) < 320  # Vorbis adds a few samples
