"""What is said of a data set before it is built, and what of it is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio
from audiotag.clips import checks, sources
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration


def declaration(rows: Sequence[tuple[str, str, str]], root: Path = Path(), task: str = "multiclass") -> Declaration:
    """Clips of (source, labels joined by `|`, split)."""
    clips = tuple(
        Clip(f"clip{number}", source, tuple(filter(None, labels.split("|"))), split)
        for number, (source, labels, split) in enumerate(rows)
    )
    names = tuple(dict.fromkeys(label for clip in clips for label in clip.labels))
    about = {"name": "tones", "version": "1", "licence": "CC0", "citation": "none"}
    return Declaration(**about, task=task, labels=Labels(names), clips=clips, seconds=1.0, root=root)


def refusal(declared: Declaration, root: Path | None = None, allow: Sequence[str] = ()) -> str:
    surveyed = sources.survey(root, [clip.source for clip in declared.clips]) if root else {}
    try:
        checks.check(declared, surveyed, allow)
    except AudiotagError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("names", "phrase"),
    [
        (("Dog", "dog"), "'Dog' (3 characters, NFC) and 'dog'"),
        (("big dog", "big  dog"), "give both one name"),
        (("big dog", "big_dog"), "give both one name"),
        (("foú", unicodedata.normalize("NFD", "foú")), "(4 characters, NFD)"),
        (("dog", "nan"), "'nan', which is how a cell without a value is written"),
        (("dog", "#N/A"), "without a value"),
        (("Electric_guitar,Guitar,Music", "Guitar,Music", "Music"), "write 'Guitar;Music'"),
        (("dog",), "has one, 'dog': add recordings without it as a class of their own (background)"),
    ],
)
def test_classes_that_cannot_be_meant_are_refused(names: tuple[str, ...], phrase: str) -> None:
    declared = declaration([(f"{number}.wav", name, "train") for number, name in enumerate(names)])
    assert phrase in refusal(declared)


def test_classes_that_no_clip_has_are_named() -> None:
    declared = declaration([("1.wav", "dog", "train"), ("2.wav", "cat", "test")])
    assert not any("without a clip" in line for line in checks.describe(declared))
    more = replace(declared, labels=Labels(("dog", "unicorn", "cat", "gryphon")))
    assert "  note: classes without a clip: unicorn, gryphon; " in "\n".join(checks.describe(more))


def test_classes_that_are_meant_are_not(tmp_path: Path) -> None:
    for names in (("Speech, male", "Speech, female", "Speech"), ("none", "dog"), ("train", "test")):
        declared = declaration([(f"{number}.wav", name, "train") for number, name in enumerate(names)])
        assert refusal(declared) == ""
    labels = Labels.read(Path(checks.__file__).parents[1] / "models" / "audioset.csv")
    assert refusal(declaration([(f"{number}.wav", name, "train") for number, name in enumerate(labels)])) == ""
    assert refusal(declaration([("0.wav", "dog", "train"), ("1.wav", "", "train")], task="multilabel")) == ""


def test_what_is_refused_can_be_allowed_by_name() -> None:
    single = declaration([("0.wav", "dog", "train")])
    assert refusal(single, allow=["one-class"]) == ""
    commas = declaration([("0.wav", "a,b", "train"), ("1.wav", "a", "train"), ("2.wav", "b", "train")])
    assert "--allow-commas" in refusal(commas)
    assert refusal(commas, allow=["commas"]) == ""
    shared = declaration([("0.wav", "a", "train"), ("0.wav", "b", "test")])
    assert "0.wav is in train and in test" in refusal(shared)
    assert refusal(shared, allow=["shared-recordings"]) == ""
    assert "allow takes one-class, commas, shared-recordings, received 'everything'" in refusal(
        shared, allow=["everything"]
    )


def test_a_recording_in_two_splits_is_known_by_its_bytes_and_by_its_column(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1), ("copy", 0)):
        audio.write(tmp_path / f"{name}.wav", np.random.default_rng(seed).random(100, np.float32), 8000)
    apart = declaration([("a.wav", "x", "train"), ("b.wav", "y", "test")], tmp_path)
    assert refusal(apart, tmp_path) == ""
    copied = declaration([("a.wav", "x", "fold1"), ("copy.wav", "y", "fold2"), ("b.wav", "y", "fold2")], tmp_path)
    message = refusal(copied, tmp_path)
    assert "a.wav and copy.wav, which have the same bytes, are in fold1 and in fold2" in message
    named = [
        Clip("1", "a.wav", ("x",), "train", columns={"recording": "tape 7"}),
        Clip("2", "b.wav", ("y",), "test", columns={"recording": "tape 7"}),
    ]
    about = {"name": "tones", "version": "1", "licence": "CC0", "citation": "none", "seconds": 1.0}
    tapes = Declaration(**about, task="multiclass", labels=Labels(("x", "y")), clips=tuple(named), root=tmp_path)
    assert "tape 7 (column recording) is in train and in test" in refusal(tapes, tmp_path)


def test_a_recording_outside_the_folder_is_neither_surveyed_nor_opened(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    audio.write(tmp_path / "a.wav", np.zeros(100, np.float32), 8000)
    names = ["../a.wav", str(tmp_path / "a.wav")]
    assert sources.survey(tmp_path / "inside", names) == {}
    declared = declaration([(name, "x", "train") for name in names], tmp_path / "inside")
    assert any("cannot be used: 2, ../a.wav (it is not inside " in line for line in checks.describe(declared))


def test_empty_files_are_no_copies_of_one_another(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.wav").write_bytes(b"")
    assert refusal(declaration([("a.wav", "x", "train"), ("b.wav", "y", "test")], tmp_path), tmp_path) == ""


def test_task_classes_splits_and_recordings_are_said_before_the_work(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", np.zeros(100, np.float32), 8000)
    (tmp_path / "b.wav").write_text("no sound", encoding="utf-8")
    declared = declaration([("a.wav", "x", "train"), ("a.wav", "x", "train"), ("b.wav", "y", "train")], tmp_path)
    assert list(checks.describe(declared)) == [
        "tones: multiclass, 2 classes, 3 clips of 1 s, 2 recordings",
        "  classes: x 2, y 1",
        "  splits: train 3",
        "  recordings that cannot be used: 1, b.wav (b.wav is not audio that can be read (Format not recognised): "
        "convert it to WAV or FLAC)",
        "  note: every clip is in train, none is left to validate or test with: add recordings, or say which clips are "
        "for what",
    ]


def test_clips_without_a_label_are_said_and_what_they_do_to_the_task() -> None:
    single = declaration([("a", "x", "train"), ("b", "y", "test"), ("c", "", "test")], task="multilabel")
    notes = [line for line in checks.describe(single) if "without a label" in line]
    assert len(notes) == 1 and "1; none of the classes sounds in them, and that alone makes the task multi" in notes[0]
    several = declaration([("a", "x|y", "train"), ("b", "y", "test"), ("c", "", "test")], task="multilabel")
    assert next(line for line in checks.describe(several) if "without" in line).endswith("sounds in them")


def test_of_many_classes_the_most_frequent_and_the_rarest_are_shown() -> None:
    rows = [(f"{number}-{take}", f"class {number}", "train") for number in range(40) for take in range(40 - number)]
    line = list(checks.describe(declaration(rows)))[1]
    assert line.startswith("  classes: class 0 40, class 1 39, ")
    assert line.endswith("class 23 17, 16 more, class 39 1 the rarest")


def test_speed_is_said() -> None:
    declared = declaration([("a.wav", "dog", "train"), ("b.wav", "cat", "test")])
    assert not any("speed" in line for line in checks.describe(declared))
    cells = {"read_speed": "0.1"}
    declared = replace(declared, clips=tuple(replace(clip, columns=cells) for clip in declared.clips))
    *_, speed = checks.describe(declared)
    assert speed == "  recordings are played at speed 0.1, seconds of a clip are those that sound"


def test_a_clip_with_a_known_fault_is_said_and_shares_no_recording(tmp_path: Path) -> None:
    for name in ("a.wav", "copy.wav"):
        audio.write(tmp_path / name, np.linspace(-0.5, 0.5, 100, dtype=np.float32), 8000)
    declared = declaration([("a.wav", "x", "train"), ("copy.wav", "y", "test"), ("gone.wav", "y", "test")], tmp_path)
    assert "have the same bytes" in refusal(declared, tmp_path)
    first, *others = declared.clips
    known = replace(declared, clips=(first, *(replace(clip, fault="a copy of a.wav") for clip in others)))
    assert refusal(known, tmp_path) == ""
    lines = list(checks.describe(known))
    assert "  left out: 2 clips, clip1 for one (a copy of a.wav), all in clips.csv" in lines
    assert not any("cannot be used" in line for line in lines)
