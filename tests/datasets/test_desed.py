"""DESED: weak, strong and unlabelled tables, rows without an event, names that occur in several folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.records import Event

STRONG = "filename\tonset\toffset\tevent_label"
TABLES = {
    "train/weak": ["filename\tevent_labels", "Y-a_30.000_40.000.wav\tSpeech,Dog", "Yb_0.000_10.000.wav\tBlender"],
    "train/unlabel_in_domain": ["filename", "Yc_0.000_10.000.wav", "Yd_0.000_10.000.wav"],
    "train/synthetic21_train/soundscapes": [
        STRONG,
        "1.wav\t0.5\t2.25\tDog",
        "1.wav\t1.0\t10.0\tSpeech",
        "1.wav\t3\t4\tDog",
    ],
    "validation/validation": [STRONG, "1.wav\t0.000\t1.000\tCat", "Ye_0.000_10.000.wav\t\t\t"],
    "validation/test_dcase2018": [STRONG, "1.wav\t0.000\t1.000\tCat"],
    "eval/public": [STRONG, "Yf_0.000_10.000.wav\t0.1\t0.2\tCat"],
}


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    for place, lines in TABLES.items():
        path = tmp_path / "metadata" / f"{place}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        folder = "validation" if place.startswith("validation") else place  # as in 2019 and 2020
        noises(tmp_path / "audio" / folder, *(line.split("\t")[0] for line in lines[1:]))
    return tmp_path


def test_tables_are_splits_and_events_are_kept(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = records.declare("desed", source=source)
    assert declared.labels.names == ("Blender", "Cat", "Dog", "Speech")
    assert [(clip.clip_id, clip.split, clip.labels, clip.events) for clip in declared.clips] == [
        (
            *("train/synthetic21_train/soundscapes/1.wav", "strong", ("Dog", "Speech")),
            (Event(0.5, 2.25, "Dog"), Event(1.0, 10.0, "Speech"), Event(3.0, 4.0, "Dog")),
        ),
        ("train/unlabel_in_domain/Yc_0.000_10.000.wav", "unlabelled", (), ()),
        ("train/unlabel_in_domain/Yd_0.000_10.000.wav", "unlabelled", (), ()),
        ("train/weak/Y-a_30.000_40.000.wav", "weak", ("Speech", "Dog"), ()),
        ("train/weak/Yb_0.000_10.000.wav", "weak", ("Blender",), ()),
        ("validation/1.wav", "validation", ("Cat",), (Event(0.0, 1.0, "Cat"),)),
        ("validation/Ye_0.000_10.000.wav", "validation", (), ()),
        ("eval/public/Yf_0.000_10.000.wav", "test", ("Cat",), (Event(0.1, 0.2, "Cat"),)),
    ]
    said = capsys.readouterr().err
    assert {clip.split for clip in declared.clips if clip.columns.get("unknown") == "*"} == {"unlabelled"}
    assert "tables that are not read: test_dcase2018.tsv" in said
    assert all(len(declared.read(declared.root, clip, 8000)) == 800 for clip in declared.clips)
    assert (declared.task, declared.seconds) == ("multilabel", 10.0)


def test_what_is_wrong_is_one_line(source: Path, tmp_path: Path) -> None:
    with (source / "metadata" / "eval" / "public.tsv").open("a", encoding="utf-8") as file:
        file.write("Yg.wav\tearly\t2\tDog\n")
    with pytest.raises(
        AudiotagError, match=r"public\.tsv line 3: onset and offset must be seconds, received 'early' and"
    ):
        records.declare("desed", source=source)
    with pytest.raises(AudiotagError, match="no table of weak or strong labels"):
        records.declare("desed", source=source / "audio")
    with pytest.raises(AudiotagError, match=r"github\.com/turpaultn/DESED.*--source"):
        records.declare("desed")
