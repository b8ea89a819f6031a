"""BirdCLEF: species of two kinds, groups of author and place, clips of five seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError

HEADER = "primary_label,secondary_labels,type,latitude,longitude,scientific_name,author,license,filename"


def write(root: Path, rows: list[str], name: str = "train_metadata.csv", header: str = HEADER) -> None:
    (root / name).write_text("\n".join([header, *rows, ""]), encoding="utf-8")


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, "train_audio/asbfly/XC1.wav", seconds=12.0)
    noises(tmp_path, "train_audio/barswa/XC2.wav", "train_audio/barswa/XC3.wav", seconds=1.0)
    write(
        tmp_path,
        [
            "asbfly,\"['barswa', 'nobody1']\",['call'],39.2,118.1,Muscicapa,\"Slaymaker, M.\",cc-by,asbfly/XC1.wav",
            "barswa,[],\"['song', 'call']\",,,Hirundo rustica,Ann,cc-by,barswa/XC2.wav",
            "barswa,\"['']\",[''],1,2,Hirundo rustica,Ann,cc-by,barswa/XC3.wav",
        ],
    )
    return tmp_path


def test_recordings_are_cut_with_the_labels_of_both_kinds(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = records.declare("birdclef", source=source)
    assert declared.labels.names == ("asbfly", "barswa")
    assert [(clip.clip_id, clip.start, clip.end, clip.labels) for clip in declared.clips] == [
        ("asbfly/XC1.wav#0.000", 0.0, 5.0, ("asbfly", "barswa")),
        ("asbfly/XC1.wav#5.000", 5.0, 10.0, ("asbfly", "barswa")),
        ("asbfly/XC1.wav#7.000", 7.0, 12.0, ("asbfly", "barswa")),
        ("barswa/XC2.wav", 0.0, None, ("barswa",)),
        ("barswa/XC3.wav", 0.0, None, ("barswa",)),
    ]
    assert dict(declared.clips[0].columns) == {
        **{"author": "Slaymaker, M.", "license": "cc-by", "latitude": "39.2", "longitude": "118.1"},
        "recording": "asbfly/XC1.wav",
    }
    assert "no recording's primary one are left out (1)" in capsys.readouterr().err
    assert len({clip.split for clip in declared.clips[:3]}) == 1
    assert all(len(declared.read(declared.root, clip, 8000)) for clip in declared.clips)


def test_an_author_at_one_place_is_in_one_split(tmp_path: Path) -> None:
    (tmp_path / "train_audio").mkdir()
    rows = [
        f"species{number % 2},[],[],{number % 7},0,Latin,{('Ann', 'Bob')[number % 3 == 0]},cc-by,x/XC{number}.ogg"
        for number in range(200)
    ]
    write(tmp_path, [*rows, *(f"species0,[],[],,,Latin,Ann,cc-by,x/YC{number}.ogg" for number in range(40))])
    splits = defaultdict(set)
    for clip in records.declare("birdclef", source=tmp_path).clips:
        if clip.columns["latitude"]:
            splits[clip.columns["author"], clip.columns["latitude"]].add(clip.split)
    assert len(splits) == 14
    assert all(len(own) == 1 for own in splits.values())
    assert {split for own in splits.values() for split in own} >= {"train", "test"}


def test_other_years_name_their_files_otherwise(noises: Callable[..., None], tmp_path: Path) -> None:
    noises(tmp_path / "2021", "train_short_audio/acafly/XC9.wav")
    write(tmp_path / "2021", ["acafly,XC9.wav", "acafly,XC8.wav"], header="primary_label,filename")
    noises(tmp_path / "xeno", "acafly/XC9.wav")
    write(tmp_path / "xeno", ["acafly,acafly/XC9.wav"], name="metadata.csv", header="primary_label,filename")
    sources = [
        [clip.source for clip in records.declare("birdclef", source=tmp_path / year).clips] for year in ("2021", "xeno")
    ]
    assert sources == [["train_short_audio/acafly/XC9.wav", "train_short_audio/acafly/XC8.wav"], ["acafly/XC9.wav"]]


@pytest.mark.parametrize("cell", ["barswa", "{'a'}", "['a'"])
def test_what_is_wrong_is_one_line(source: Path, cell: str) -> None:
    write(source, [f'barswa,"{cell}",[],1,2,Latin,Ann,cc-by,barswa/XC2.wav'])
    with pytest.raises(
        AudiotagError, match=r"train_metadata\.csv line 2: secondary_labels must look like \['a', 'b'\]"
    ):
        records.declare("birdclef", source=source)
    with pytest.raises(AudiotagError, match=r"kaggle\.com/.*--source"):
        records.declare("birdclef")
