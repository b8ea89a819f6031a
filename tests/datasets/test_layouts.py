"""Folders as people have them: splits in every spelling, links, and names that are no classes."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from tests.in_process import ThisProcess

Noises = Callable[..., None]


def splits_of(root: Path) -> dict[str, str]:
    return {clip.source: clip.split for clip in records.declare(root).clips}


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "val", "test"), ("train", "validation", "test")),
        (("Training", "Valid", "Testing"), ("train", "validation", "test")),
        (("TRAIN", "dev", "eval"), ("train", "validation", "test")),
        (("development", "evaluation"), ("train", "test")),
        (("fold1", "Fold_2", "fold10"), ("fold1", "fold2", "fold10")),
    ],
)
def test_folders_named_like_splits_set_them(
    noises: Noises, tmp_path: Path, folders: tuple[str, ...], splits: tuple[str, ...]
) -> None:
    noises(tmp_path, *(f"{folder}/{name}/{folder}.wav" for folder in folders for name in ("dog", "train")))
    declared = records.declare(tmp_path)
    assert declared.labels.names == ("dog", "train")
    assert {clip.source.split("/")[0]: clip.split for clip in declared.clips} == dict(zip(folders, splits, strict=True))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train/1.wav", "dog/1.wav"), "'train' of .* is named like a split, 'dog' is not"),
        (("test/dog/1.wav", "dog/1.wav"), "'test' of .* is named like a split"),
        (("audio/1.wav", "dog/1.wav"), "named as its class, 'audio' of"),
        (("WAVS/1.wav", "dog/1.wav"), "'WAVS'"),
        (("train/fold1/1.wav", "test/dog/1.wav"), "'fold1'"),
        (("train/audio/1.wav", "test/audio/1.wav"), "'audio'"),
        (("train/1.wav", "test/1.wav"), "a folder a class, 2 of"),
    ],
)
def test_folders_that_cannot_be_classes_are_refused(
    noises: Noises, tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    noises(tmp_path, *names)
    with pytest.raises(AudiotagError, match=message):
        records.declare(tmp_path)


def test_names_that_are_classes_all_the_same_can_be_allowed(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path, "train/1.wav", "audio/1.wav", "dog/1.wav")
    assert records.declare(tmp_path, allow_class_names=True).labels.names == ("audio", "dog", "train")


@pytest.mark.parametrize(
    ("table", "command"),
    [("meta/esc50.csv", "build esc50 --source"), ("metadata/UrbanSound8K.csv", "build urbansound8k --source")],
)
def test_a_published_data_set_is_known_by_its_table(noises: Noises, tmp_path: Path, table: str, command: str) -> None:
    noises(tmp_path, "audio/1.wav")
    (tmp_path / table).parent.mkdir()
    (tmp_path / table).write_text("", encoding="utf-8")
    with pytest.raises(AudiotagError, match=command):
        records.declare(tmp_path)


def test_copies_of_a_recording_are_drawn_into_one_split(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path, *(f"{name}/{number}.wav" for name in ("cat", "dog") for number in range(20)))
    before = splits_of(tmp_path)
    held_out = next(source for source, split in before.items() if split == "test")
    trained = next(source for source, split in before.items() if split == "train")
    copy = tmp_path / "cat" / "a copy.wav"
    for source in (held_out, trained):
        copy.write_bytes((tmp_path / source).read_bytes())
        after = splits_of(tmp_path)
        assert after["cat/a copy.wav"] == after[source]
        records_of = Counter(after.values())
        assert min(records_of[split] for split in ("validation", "test")) >= 5
    copy.unlink()
    assert splits_of(tmp_path) == before


def test_the_folders_of_faults(shared: Callable[[str], Path], tmp_path: Path) -> None:
    script, bark = shared("faults/make_trees.sh"), shared("faults/control_bark_3s.wav")
    subprocess.run(["sh", script, bark], cwd=tmp_path, check=True)
    declared = records.declare(tmp_path / "train_val_test")
    assert declared.labels.names == ("cat", "dog")
    assert Counter(clip.split for clip in declared.clips) == {"train": 6, "validation": 6, "test": 6}
    with pytest.raises(AudiotagError, match="which have the same bytes, are in test and in train"):
        records.build(declared, tmp_path / "out")
    linked = records.declare(tmp_path / "symlinked_class")
    assert Counter(clip.labels[0] for clip in linked.clips) == {"dog": 3, "rain": 3}
    with pytest.raises(AudiotagError, match="differ in case, spaces or Unicode's spelling"):
        records.build(records.declare(tmp_path / "nfc_and_nfd"), tmp_path / "out")
    assert [clip.source for clip in records.declare(tmp_path / "foreign").clips] == [
        "cow/1.mp4",
        "cow/2.m4a",
        "dog/1.wav",
    ]
    with pytest.raises(AudiotagError, match="named as its class, 'audio'"):
        records.declare(tmp_path / "one_class")
    repaired = tmp_path / "repaired"
    assert records.build(records.declare(repaired), tmp_path / "data", engine=ThisProcess()).rejected == 1
    (repaired / "dog" / "2.wav").write_bytes(bark.read_bytes())
    assert records.build(records.declare(repaired), tmp_path / "data", engine=ThisProcess()).rejected == 0


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled"])
@pytest.mark.parametrize("around", ["", "train/"])
def test_a_folder_of_unlabelled_recordings(noises: Noises, tmp_path: Path, name: str, around: str) -> None:
    files = (f"{around}dog/1.wav", f"{around}cat/2.wav", f"{name}/3.wav", f"{name}/deep/er/4.wav")
    noises(tmp_path / "sounds", *files)
    declared = records.declare(tmp_path / "sounds")
    assert (declared.task, declared.labels.names) == ("multiclass", ("cat", "dog"))
    assert {clip.source for clip in declared.clips if clip.split == "unlabelled"} == set(files[2:])
    assert {clip.source: (clip.labels, clip.columns.get("unknown")) for clip in declared.clips} == {
        files[0]: (("dog",), None),
        files[1]: (("cat",), None),
        files[2]: ((), "*"),
        files[3]: ((), "*"),
    }
    report = records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert (report.clips, report.rejected) == (4, 0)
    assert name in records.declare(tmp_path / "sounds", allow_class_names=True).labels.names


def test_unlabelled_recordings_alone_or_as_a_class_are_refused(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path / "alone", "unlabelled/1.wav")
    with pytest.raises(AudiotagError, match="holds unlabelled recordings alone"):
        records.declare(tmp_path / "alone")
    noises(tmp_path / "inside", "train/unlabelled/1.wav", "train/dog/2.wav")
    with pytest.raises(AudiotagError, match=r"'unlabelled' of .* is no name of a sound"):
        records.declare(tmp_path / "inside")
