"""AudioSet-Strong: events by segment, classes by the tables, recordings under downloaders' names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import models, records
from audiotag.errors import AudiotagError
from audiotag.records import Event

HEADER = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel"
TRAIN = (
    "-dog_bark1-_30000\t0.000\t1.250\t/m/0bt9lr",
    "-dog_bark1-_30000\t0.750\t10.000\t/m/rain",
    "-dog_bark1-_30000\t2.000\t2.500\t/m/0bt9lr",
    "_vanished-1_0\t0.000\t1.000\t/t/rain2",
)
EVAL = ("Y_start-Y-__5500\t1.000\t2.000\t/m/only_eval",)
NAMES = ("/m/rain\tRain", "/m/unused\tTabs, commas; and more", "/m/0bt9lr\tDog", "/t/rain2\tRain", "/m/only_eval\tHum")


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, "a/Y-dog_bark1-_30.000_40.000.flac", "Y_start-Y-_.wav")
    for name, lines in (("train", TRAIN), ("eval", EVAL)):
        path = tmp_path / f"audioset_{name}_strong.tsv"
        path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    (tmp_path / "mid_to_display_name.tsv").write_text("\n".join([*NAMES, ""]), encoding="utf-8")
    return tmp_path


def test_events_are_kept_and_classes_are_those_of_the_tables(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = records.declare("audioset_strong", source=source, classes="tables")
    assert ": 1 of 3 segments have no recording" in capsys.readouterr().err
    assert declared.labels.names == ("Rain (/m/rain)", "Dog", "Rain (/t/rain2)", "Hum")
    assert declared.labels.ids == ("/m/rain", "/m/0bt9lr", "/t/rain2", "/m/only_eval")
    dog, vanished, hum = declared.clips
    assert (dog.clip_id, dog.source, dog.split, dog.labels) == (
        *("-dog_bark1-_30000", "a/Y-dog_bark1-_30.000_40.000.flac", "train"),
        ("Dog", "Rain (/m/rain)"),
    )
    assert dog.events == (Event(0.0, 1.25, "Dog"), Event(0.75, 10.0, "Rain (/m/rain)"), Event(2.0, 2.5, "Dog"))
    assert (vanished.source, hum.source, hum.split) == ("_vanished-1_0.wav", "Y_start-Y-_.wav", "test")
    assert (declared.task, declared.seconds) == ("multilabel", 10.0)


def test_the_classes_are_the_same_for_every_subset(source: Path) -> None:
    evaluation = records.declare("audioset_strong", source=source, subset="eval", classes="tables")
    assert evaluation.labels == records.declare("audioset_strong", source=source, classes="tables").labels
    assert [clip.split for clip in evaluation.clips] == ["test"]
    (source / "audioset_train_strong.tsv").unlink()
    assert records.declare("audioset_strong", source=source, classes="tables").labels.names == ("Hum",)


def test_the_classes_are_the_447_of_the_published_networks(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = records.declare("audioset_strong", source=source)
    published = models.audioset_strong_labels()
    assert len(declared.labels) == 447
    assert declared.labels == published == models.preset("fmn10_strong").vocabulary
    dog, _, hum = declared.clips
    # Of the ids above the list has the dog's alone; what is left out is said, its segments stay.
    assert dog.events == (Event(0.0, 1.25, "Dog"), Event(2.0, 2.5, "Dog"))
    assert (dog.labels, hum.labels, hum.events) == (("Dog",), (), ())
    assert "events of 3 classes that are not trained are left out: Hum, Rain, Rain" in capsys.readouterr().err
    with pytest.raises(AudiotagError, match="published or tables, received 'mine'"):
        records.declare("audioset_strong", source=source, classes="mine")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("no-start\t0\t1\t/m/rain", "line 3: a row has a segment, an id and milliseconds, .* received 'no-start'"),
        ("x_1\t0\t1\t/m/none", "line 3: .* 'x_1' and '/m/none': fetch both tables again"),
        ("x_1\t0\tlate\t/m/rain", "line 3: end_time_seconds must be a number, received 'late'"),
    ],
)
def test_a_broken_row_is_one_line(source: Path, row: str, message: str) -> None:
    with (source / "audioset_eval_strong.tsv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    with pytest.raises(AudiotagError, match=message):
        records.declare("audioset_strong", source=source, classes="tables")


def test_what_is_not_there_is_said(source: Path) -> None:
    with pytest.raises(AudiotagError, match=r"download_strong\.html .* --source"):
        records.declare("audioset_strong")
    with pytest.raises(AudiotagError, match="received 'test'"):
        records.declare("audioset_strong", source=source, subset="test")
    (source / "audioset_train_strong.tsv").unlink()
    with pytest.raises(AudiotagError, match=r"no such file: .*audioset_train_strong\.tsv"):
        records.declare("audioset_strong", source=source, subset="train")
