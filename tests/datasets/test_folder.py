"""Folders and tables of a user's own recordings: labels, cuts, splits, and every way to get them wrong."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiotag import audio, records
from audiotag.errors import AudioError, AudiotagError
from audiotag.labels import join_cell
from tests.in_process import ThisProcess

RATE = 8000


def sound(path: Path, seconds: float = 0.1) -> Path:
    """A ramp, so that a cut shows where it was taken from; its end tells it from the others."""
    ramp = np.arange(round(seconds * RATE), dtype=np.float32) / 1e6
    ramp[-1] = zlib.crc32(str(path).encode()) / 2**32
    audio.write(path, ramp, RATE)
    return path


def table(root: Path, text: str) -> Path:
    path = root / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_class_is_the_folder_however_deep_the_recording_lies(tmp_path):
    for name in ("dog/1.wav", "dog/park/night/2.flac", "rain/1.WAV", ".trash/1.wav", "dog/._1.wav"):
        sound(tmp_path / name.replace("WAV", "wav")).rename(tmp_path / name)
    (tmp_path / "rain" / "notes.txt").write_text("not a recording")
    declared = records.declare(tmp_path)
    assert {clip.clip_id: clip.labels for clip in declared.clips} == {
        "dog/1.wav": ("dog",),
        "dog/park/night/2.flac": ("dog",),
        "rain/1.WAV": ("rain",),
    }
    assert (declared.task, declared.name) == ("multiclass", tmp_path.name)


def test_class_names_with_commas_quotes_and_emoji_survive(tmp_path):
    names = ("rooster, crowing", 'a "loud" one', "🐕 dog", "a;b")
    for name in names:
        sound(tmp_path / name / "1.wav")
    assert set(records.declare(tmp_path).labels) == set(names)


def test_further_columns_of_a_table_reach_every_clip_of_their_row(tmp_path):
    sound(tmp_path / "long.wav", 2.0)
    sound(tmp_path / "short.wav", 1.0)
    path = table(tmp_path, 'path,device,label,SNR dB\nlong.wav,"a, b",dog,3\nshort.wav,,cat,-1\n')
    declared = records.declare("folder", source=tmp_path, table=path, seconds=1.0)
    assert [dict(clip.columns) for clip in declared.clips] == [
        {"device": "a, b", "SNR dB": "3"},
        {"device": "a, b", "SNR dB": "3"},
        {"device": "", "SNR dB": "-1"},
    ]
    records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert records.open(tmp_path / "data").clips["device"].tolist() == ["a, b", "a, b", ""]


def test_clips_of_one_recording_stay_in_one_split(tmp_path):
    rows = []
    for number in range(60):
        sound(tmp_path / f"{number}.wav")
        rows.append(f"{number}.wav,dog,{number // 3}")
    path = table(tmp_path, "path,label,recording\n" + "\n".join(rows) + "\n")
    splits = {}
    for clip in records.declare("folder", source=tmp_path, table=path).clips:
        splits.setdefault(clip.columns["recording"], set()).add(clip.split)
    assert {len(found) for found in splits.values()} == {1}
    assert set.union(*splits.values()) == {"train", "validation", "test"}


def test_a_long_recording_is_cut_into_consecutive_clips_that_cover_it(tmp_path):
    sound(tmp_path / "sea" / "long.wav", 2.3)
    declared = records.declare(tmp_path, seconds=1.0)
    assert [clip.clip_id for clip in declared.clips] == [
        "sea/long.wav#0.000",
        "sea/long.wav#1.000",
        "sea/long.wav#1.300",
    ]
    for clip, start in zip(declared.clips, (0, RATE, round(1.3 * RATE)), strict=True):
        cut = declared.read(declared.root, clip, RATE)
        assert len(cut) == RATE
        assert round(float(cut[0]) * 1e6) == start


def test_a_table_that_says_how_fast_its_rows_are_played_is_cut_so(tmp_path):
    sound(tmp_path / "bat.wav", 2.0)
    path = table(tmp_path, "path,label,read_speed\nbat.wav,bat,0.5\nbat.wav,bat,\n")
    with pytest.raises(AudiotagError, match="read_speed must be a number"):
        records.declare("folder", source=tmp_path, table=path, seconds=2.0)
    path = table(tmp_path, "path,label,start,end,read_speed\nbat.wav,bat,0,2,0.5\nbat.wav,whale,0.5,2,\n")
    declared = records.declare("folder", source=tmp_path, table=path, seconds=2.0)
    assert [(clip.start, clip.end, clip.speed) for clip in declared.clips] == [
        (0.0, 1.0, 0.5),
        (1.0, 2.0, 0.5),
        (0.5, 2.0, 1.0),
    ]


def test_some_milliseconds_more_than_a_clip_do_not_make_a_second_clip(tmp_path):
    sound(tmp_path / "sea" / "1.wav", 1.01)
    sound(tmp_path / "sea" / "2.wav", 2.01)
    declared = records.declare(tmp_path, seconds=1.0)
    assert [clip.clip_id for clip in declared.clips] == ["sea/1.wav", "sea/2.wav#0.000", "sea/2.wav#1.000"]


def test_folders_named_after_splits_set_the_splits(tmp_path):
    for name in ("train/dog/1.wav", "validation/dog/1.wav", "test/cat/1.wav"):
        sound(tmp_path / name)
    declared = records.declare(tmp_path)
    assert [(clip.split, clip.labels[0]) for clip in declared.clips] == [
        ("test", "cat"),
        ("train", "dog"),
        ("validation", "dog"),
    ]


def test_drawn_splits_are_stratified_by_class_and_never_divide_a_recording(tmp_path):
    for number in range(20):
        sound(tmp_path / "dog" / f"{number}.wav", 0.25)
    sound(tmp_path / "cat" / "1.wav")
    declared = records.declare(tmp_path, seconds=0.1)
    by_recording: dict[str, set[str]] = {}
    for clip in declared.clips:
        by_recording.setdefault(clip.source, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in by_recording.values())
    dogs = Counter(next(iter(splits)) for source, splits in by_recording.items() if source.startswith("dog"))
    assert dogs == {"train": 14, "validation": 3, "test": 3}
    assert by_recording["cat/1.wav"] == {"train"}
    assert records.declare(tmp_path, seconds=0.1) == declared


def test_broken_recordings_use_up_no_places_in_the_splits(tmp_path):
    for number in range(10):
        sound(tmp_path / "dog" / f"{number}.wav")
    before = {clip.clip_id: clip.split for clip in records.declare(tmp_path).clips}
    for number in range(30):
        (tmp_path / "dog" / f"broken{number}.wav").write_bytes(b"")
    after = {clip.clip_id: clip.split for clip in records.declare(tmp_path).clips}
    assert len(after) == 40
    assert before.items() <= after.items()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.sets(st.sampled_from("abcd"), max_size=3), min_size=1, max_size=30))
def test_every_class_has_a_recording_for_training_whatever_the_labels(tmp_path, rows):
    if not any(rows):
        return
    lines = [f"{number}.wav,{join_cell(sorted(labels))}" for number, labels in enumerate(rows)]
    declared = records.declare(tmp_path, table=table(tmp_path, "\n".join(["path,labels", *lines])))
    trained = {label for clip in declared.clips if clip.split == "train" for label in clip.labels}
    assert trained == set(declared.labels)
    assert len(declared.clips) == len(rows)


def test_a_table_gives_labels_parts_and_splits(tmp_path):
    sound(tmp_path / "a.wav", 1.0)
    sound(tmp_path / "b.wav", 1.0)
    text = 'filename,label,start,end,fold\na.wav,dog; "rain; heavy",0.2,0.5,1\nb.wav,,,,2\na.wav,dog,0.5,,fold3\n'
    declared = records.declare(tmp_path, table=table(tmp_path, text))
    assert declared.task == "multilabel"
    assert [(clip.clip_id, clip.labels, clip.split, clip.start, clip.end) for clip in declared.clips] == [
        ("a.wav#0.200", ("dog", "rain; heavy"), "fold1", 0.2, 0.5),
        ("b.wav", (), "fold2", 0.0, None),
        ("a.wav#0.500", ("dog",), "fold3", 0.5, None),
    ]


def test_one_label_in_every_row_makes_a_multiclass_table_found_in_the_source(tmp_path):
    sound(tmp_path / "a.wav")
    table(tmp_path, "\ufeffpath,clip_id,labels,split\na.wav,first,dog,train\n")
    declared = records.declare(tmp_path, table="clips.csv")
    assert declared.task == "multiclass"
    assert declared.clips[0].clip_id == "first"


def test_a_row_longer_than_a_clip_is_cut_inside_its_own_part(tmp_path):
    sound(tmp_path / "a.wav", 2.0)
    text = "path,label,start,end,clip_id\na.wav,dog,0.5,1.25,x\na.wav,dog,1.5,,\n"
    declared = records.declare(tmp_path, table=table(tmp_path, text), seconds=0.5)
    assert [(clip.clip_id, clip.start) for clip in declared.clips] == [
        ("x#0.500", 0.5),
        ("x#0.750", 0.75),
        ("a.wav#1.500", 1.5),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,spilt\na.wav,dog,test\n", r"column 'spilt', did you mean 'split'\?.*known: path, filename"),
        ("path,label,Fold\na.wav,dog,1\n", r"column 'Fold', did you mean 'fold'\?"),
        ("path,label,status\na.wav,dog,fine\n", r"a name of its own.*'status'"),
        ("path,filename,label\na.wav,a.wav,dog\n", "mean the same: path, filename"),
        ("path\na.wav\n", "no column label or labels"),
        ("", "no column path, filename or source, received no header"),
        ("path,label\n../secret.wav,dog\n", "must stay inside"),
        ("path,label\n/etc/passwd,dog\n", "must stay inside"),
        ("path,label\n,dog\n", "line 2: the cell path is empty"),
        ("path,label\na.wav,dog\na.wav,dog\n", "more than once, 'a.wav'"),
        ("path,label\na.wav,dog,cat\n", "line 2: a row has 2 cells, this one 3"),
        ("path,label\na.wav\n", "line 2: a row has 2 cells, this one 1"),
        ("path,label,start\na.wav,dog,soon\n", "start must be seconds.*'soon'"),
        ("path,label,start,end\na.wav,dog,2,1\n", "end must come after start"),
        ("path,label,split\na.wav,dog,../x\n", "split must be letters"),
        ("path,label,fold\na.wav,dog,\n", "fold must be letters"),
        ("path,label\na.wav,\n", "names no label in any row"),
        ('path,label\na.wav,"dog\n', "not a UTF-8 table"),
    ],
)
def test_a_broken_table_is_one_clear_error(tmp_path, text, message):
    sound(tmp_path / "a.wav")
    with pytest.raises(AudiotagError, match=message) as caught:
        records.declare(tmp_path, table=table(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"this is text\n", b""])
def test_a_recording_that_cannot_be_opened_stays_a_clip_with_a_reason(tmp_path, content):
    sound(tmp_path / "dog" / "1.wav")
    (tmp_path / "dog" / "broken.wav").write_bytes(content)
    (tmp_path / "dog" / "phone.m4a").write_bytes(content)
    declared = records.declare(tmp_path)
    assert [clip.clip_id for clip in declared.clips] == ["dog/1.wav", "dog/broken.wav", "dog/phone.m4a"]
    for clip in declared.clips[1:]:
        with pytest.raises(AudioError, match=Path(clip.source).name):
            declared.read(declared.root, clip, RATE)


def test_a_missing_file_and_a_part_behind_the_end_stay_clips(tmp_path):
    sound(tmp_path / "a.wav")
    text = "path,label,start\nnowhere.wav,dog,\na.wav,dog,9\n"
    declared = records.declare(tmp_path, table=table(tmp_path, text))
    assert len(declared.clips) == 2
    for clip in declared.clips:
        with pytest.raises(AudioError):
            declared.read(declared.root, clip, RATE)


def test_an_empty_folder_loose_recordings_and_no_folder_are_refused(tmp_path):
    with pytest.raises(AudiotagError, match="holds no sound files"):
        records.declare(tmp_path)
    with pytest.raises(AudiotagError, match="no such folder"):
        records.declare("folder", source=tmp_path / "nowhere")
    sound(tmp_path / "dog" / "1.wav")
    sound(tmp_path / "loose.wav")
    with pytest.raises(AudiotagError, match=r"a folder a class, 1 of .*'loose\.wav'"):
        records.declare(tmp_path)


def test_paths_are_kept_inside_the_source_even_where_that_is_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "path,label\n../outside.wav,dog\n")
    with pytest.raises(AudiotagError, match="must stay inside"):
        records.declare("folder", source=".", table="clips.csv")


def test_the_version_follows_clips_labels_and_splits(tmp_path):
    sound(tmp_path / "dog" / "1.wav")
    before = records.declare(tmp_path).version
    assert records.declare(tmp_path).version == before
    sound(tmp_path / "dog" / "2.wav")
    assert records.declare(tmp_path).version != before
