"""Lists of classes that group, rename and leave out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audiotag.clips import class_list
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration, Event

LABELS = Labels(("bark", "howl", "meow", "rain", "wind"), ("/m/1", "/m/2", "meow", "/m/4", "/m/5"))


def declaration(*clips: Clip, task: str = "multilabel") -> Declaration:
    return Declaration("data", "1", task, "none", "none", LABELS, clips, 1.0, Path("nowhere"))


def clip(name: str, *labels: str, **fields: object) -> Clip:
    return Clip(name, f"{name}.wav", labels, "train", **fields)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    path = tmp_path / "classes.csv"
    path.write_text("class,as\nrain,\nbark,dog\nhowl,dog\nmeow,cat\nwind,wind\n,\n")
    return path


def test_groups_names_and_what_is_left_out(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = declaration(clip("a", "howl", "rain", "bark"), clip("b", "rain"), clip("c", "meow"), clip("d"))
    changed = class_list.apply(declared, classes)
    assert changed.labels == Labels(("dog", "cat", "wind"), ("dog", "cat", "/m/5"))
    assert [clip.labels for clip in changed.clips] == [("dog",), (), ("cat",), ()]
    assert capsys.readouterr().err.splitlines() == [
        f"{classes}: bark, howl -> dog; meow -> cat",
        f"{classes}: classes left out (1): rain 2; clips without a label now: 1",
    ]
    assert changed.version != declared.version
    classes.write_text(classes.read_text().replace("wind,wind", "wind,storm"))
    assert class_list.apply(declared, classes).version not in (changed.version, declared.version)


def test_clips_of_one_class_are_rejected_with_it(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = declaration(clip("a", "rain"), clip("b", "howl"), clip("c", "rain", fault="a copy"), task="multiclass")
    changed = class_list.apply(declared, classes)
    assert [clip.fault for clip in changed.clips] == ["classes.csv leaves out its class, rain", "", "a copy"]
    assert "classes left out (1): rain 2; clips rejected, they had no other: 1" in capsys.readouterr().err


def test_events_follow_and_those_of_a_group_that_overlap_are_one(classes: Path) -> None:
    events = tuple(
        Event(*each)
        for each in (
            (0.0, 0.4, "bark"),
            (0.3, 0.6, "howl"),
            (0.5, 0.8, "bark"),
            (0.9, 1.0, "howl"),
            (0.1, 0.9, "rain"),
            (0.0, 0.3, "wind"),
            (0.2, 0.5, "wind"),
        )
    )
    declared = declaration(clip("a", "bark", "howl", "rain", "wind", events=events))
    (changed,) = class_list.apply(declared, classes).clips
    assert changed.events == (
        Event(0.0, 0.3, "wind"),
        Event(0.0, 0.8, "dog"),
        Event(0.2, 0.5, "wind"),
        Event(0.9, 1.0, "dog"),
    )


def test_what_nobody_judged_follows(classes: Path) -> None:
    def cell(*labels: str, unknown: str) -> str:
        declared = declaration(clip("a", *labels, columns={"unknown": unknown}))
        return class_list.apply(declared, classes).clips[0].columns["unknown"]

    assert cell(unknown="*") == "*"
    assert cell(unknown="") == ""
    assert cell("bark", unknown="howl;rain") == ""  # the dog is heard
    assert cell(unknown="howl;rain") == "dog"  # it may howl
    assert cell(unknown="bark;howl;meow;wind") == "*"
    assert cell("meow", unknown="howl;wind") == "dog;wind"


def test_classes_that_the_list_does_not_name(classes: Path) -> None:
    classes.write_text("class,as\nbark,dog\nhowl,dog\n")
    declared = declaration(clip("a", "bark", "rain"), clip("b", "meow"))
    with pytest.raises(AudiotagError, match=r"lacks meow, rain, wind: add rows .* or say --other-classes keep"):
        class_list.apply(declared, classes)
    kept = class_list.apply(declared, classes, "keep")
    assert (kept.labels.names, kept.clips[0].labels) == (("dog", "meow", "rain", "wind"), ("dog", "rain"))
    left = class_list.apply(declared, classes, "leave-out")
    assert (left.labels.names, left.clips[1].labels) == (("dog",), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,as\nbrak,dog\n", "line 2: no class is named 'brak': did you mean 'bark'"),
        ("class,as\nbark,dog\nbark,cat\n", "line 3: a class is called 'dog' or 'cat', 'bark' is both"),
        ("name,as\nbark,dog\n", "must have the columns class, as: class missing"),
        ("class,as\n" + "".join(f"{name},\n" for name in LABELS), "leaves out every class of data"),
    ],
)
def test_lists_that_cannot_be_meant(classes: Path, text: str, message: str) -> None:
    classes.write_text(text)
    with pytest.raises(AudiotagError, match=message):
        class_list.apply(declaration(clip("a", "bark")), classes)
    with pytest.raises(AudiotagError, match="other classes are keep or leave-out, received 'drop'"):
        class_list.apply(declaration(clip("a", "bark")), classes, "drop")


def test_a_list_that_changes_nothing_but_names_keeps_ids(classes: Path) -> None:
    classes.write_text("class,as\nbark,dog\n")
    changed = class_list.apply(declaration(clip("a", "bark")), classes, "keep")
    assert changed.labels.ids == LABELS.ids
    assert replace(changed.clips[0], labels=()) == clip("a")
