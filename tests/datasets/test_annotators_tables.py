"""Tables as annotators have them: separators, one column a class, a row a label, paths of other machines."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.records import Declaration
from tests.in_process import ThisProcess

HEADER, ROW = ("path", "label", "start", "end"), ("a.wav", "dog", "0.01", "0.05")


@pytest.fixture
def declare(noises: Callable[..., None], tmp_path: Path) -> Callable[..., Declaration]:
    """Declares two recordings, `a.wav` and `b.wav`, by the text or the bytes of a table."""
    noises(tmp_path, "a.wav", "b.wav")

    def run(content: str | bytes, **options: object) -> Declaration:
        table = tmp_path / "clips.csv"
        table.write_bytes(content.encode() if isinstance(content, str) else content)
        return records.declare(tmp_path, table=table, **options)

    return run


def labels_of(declared: Declaration) -> dict[str, tuple[str, ...]]:
    return {clip.clip_id: clip.labels for clip in declared.clips}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_commas_semicolons_and_tabs_in_any_unicode(declare: Callable, separator: str, encoding: str) -> None:
    text = "\r\n".join(map(separator.join, (HEADER, ROW, ("b.wav", "dög", "", "")))) + "\r\n"
    assert labels_of(declare(text.encode(encoding))) == {"a.wav#0.010": ("dog",), "b.wav": ("dög",)}


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16"])
def test_umlauts_of_a_spreadsheet(
    noises: Callable[..., None],
    declare: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    encoding: str,
) -> None:
    noises(tmp_path, "Küche/Gerät.wav")
    text = "path\tlabel\tOrt\r\nKüche/Gerät.wav\tgroßer Lärm\tKöln\r\na.wav\tdog\t\r\n"
    declared = declare(text.encode(encoding))
    assert labels_of(declared) == {"Küche/Gerät.wav": ("großer Lärm",), "a.wav": ("dog",)}
    assert declared.clips[0].columns == {"Ort": "Köln"}
    assert ("is read as Windows-1252" in capsys.readouterr().err) == (encoding != "utf-16")


def test_a_row_of_another_length_names_the_separator_that_was_found(declare: Callable) -> None:
    with pytest.raises(AudiotagError, match="line 2: a row has 2 cells, this one 3: quote cells that hold semicolons"):
        declare("path;label\na.wav;dog;rain\n")


def test_seconds_with_a_decimal_comma_and_empty_rows_of_a_spreadsheet(declare: Callable) -> None:
    declared = declare("path;label;start\na.wav;dog;0,02\n;;\nb.wav;cat;\n ; ; \n")
    assert [(clip.clip_id, clip.start) for clip in declared.clips] == [("a.wav#0.020", 0.02), ("b.wav", 0.0)]


def test_columns_of_0_and_1_are_classes(declare: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    declared = declare("path,dog,rain,cat,device\na.wav,1,1.0,0,1\nb.wav,0,,TRUE,2\n")
    assert labels_of(declared) == {"a.wav": ("dog", "rain"), "b.wav": ("cat",)}
    assert [dict(clip.columns) for clip in declared.clips] == [{"device": "1"}, {"device": "2"}]
    assert "the columns dog, rain, cat are taken for classes" in capsys.readouterr().err


def test_a_column_of_0_alone_is_named_and_no_class(declare: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    declared = declare("path,dog,rain,cat,empty\na.wav,1,0,0,\nb.wav,0,0,,\n")
    assert labels_of(declared) == {"a.wav": ("dog",), "b.wav": ()}
    assert (declared.labels.names, declared.task) == (("dog",), "multilabel")
    assert declared.clips[0].columns == {"rain": "0", "cat": "0", "empty": ""}
    assert "no class, since they hold no 1: the columns rain, cat\n" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["path,verified\na.wav,1\nb.wav,0\n", "path,dog,rain\na.wav,loud,soft\n"])
def test_a_table_without_labels_is_not_taken_for_one_with_columns_of_classes(declare: Callable, header: str) -> None:
    with pytest.raises(AudiotagError, match="no column label or labels"):
        declare(header)


def test_rows_of_one_clip_are_merged(declare: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    text = "path,label,start,end,who\na.wav,dog,0,0.05,ann\na.wav,rain,0,0.05,bob\na.wav,dog,0.05,,ann\nb.wav,cat,,,ann"
    declared = declare(text)
    assert [(clip.clip_id, clip.labels, clip.columns["who"]) for clip in declared.clips] == [
        ("a.wav#0.000", ("dog", "rain"), "ann;bob"),
        ("a.wav#0.050", ("dog",), "ann"),
        ("b.wav", ("cat",), "ann"),
    ]
    assert declared.task == "multilabel"
    assert "rows that name the clip of an earlier row (1): their labels are merged" in capsys.readouterr().err


def test_a_row_that_repeats_another_and_a_clip_in_two_splits_are_refused(declare: Callable) -> None:
    with pytest.raises(AudiotagError, match=r"more than once, 'a\.wav'"):
        declare("path,label\na.wav,dog\na.wav,dog\n")
    with pytest.raises(AudiotagError, match=r"line 3: a clip is in one split, a\.wav is in train \(.* line 2\) and in"):
        declare("path,label,split\na.wav,dog,train\na.wav,cat,val\n")


@pytest.mark.parametrize(
    ("cells", "splits"),
    [
        (("Train", "VAL"), ["train", "validation"]),
        (("dev", "eval"), ["train", "test"]),
        (("morning", "1"), ["morning", "1"]),
        (("Fold 3", "fold_04"), ["fold3", "fold4"]),
    ],
)
def test_usual_spellings_of_splits(declare: Callable, cells: tuple[str, str], splits: list[str]) -> None:
    declared = declare(f"path,label,split\na.wav,dog,{cells[0]}\nb.wav,cat,{cells[1]}\n")
    assert [clip.split for clip in declared.clips] == splits


def test_folds_are_numbers_as_a_spreadsheet_writes_them(declare: Callable) -> None:
    declared = declare("path,label,fold\na.wav,dog,1.0\nb.wav,cat,Fold2\n")
    assert [clip.split for clip in declared.clips] == ["fold1", "fold2"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("filename,fold,target,category,esc10,src_file,take", "ESC-50's table: audiotag build esc50"),
        ("slice_file_name,fsID,start,end,salience,fold,classID,class", "UrbanSound8K's table: .* build urbansound8k"),
    ],
)
def test_published_tables_are_known_by_name(declare: Callable, header: str, name: str) -> None:
    with pytest.raises(AudiotagError, match=name):
        declare(header + "\n")


def test_a_part_beyond_the_end_is_rejected_not_filled_up(declare: Callable, tmp_path: Path) -> None:
    declared = declare("path,label,start,end\na.wav,dog,0,0.12\nb.wav,cat,0,0.5\nb.wav,dog,3,\n")
    report = records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert (report.clips, report.rejected) == (3, 2)
    with (tmp_path / "data" / "clips.csv").open(encoding="utf-8", newline="") as file:
        reasons = {row["clip_id"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons["a.wav#0.000"] == ""  # rounded times are none of it
    assert "lasts 0.100 s and the part ends at 0.5 s" in reasons["b.wav#0.000"]
    assert "the part starts at 3 s" in reasons["b.wav#3.000"]


def test_groups_stay_together(noises: Callable[..., None], declare: Callable, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(60)]
    noises(tmp_path, *names)
    rows = "".join(f"{name},{'ab'[number % 2]},site {number // 5}\n" for number, name in enumerate(names))
    splits: dict[str, set[str]] = {}
    for clip in declare(f"path,label,site\n{rows}", group_by="site").clips:
        splits.setdefault(clip.columns["site"], set()).add(clip.split)
    assert {len(each) for each in splits.values()} == {1}
    assert set.union(*splits.values()) == {"train", "validation", "test"}
    with pytest.raises(AudiotagError, match=r"a group is in one split, site 's' is in train \(a\.wav\) and in test"):
        declare("path,label,site,split\na.wav,x,s,train\nb.wav,y,s,test\n", group_by="site")
    with pytest.raises(AudiotagError, match="no further column 'place' to group by: it has path, label"):
        declare("path,label\na.wav,x\n", group_by="place")
    with pytest.raises(AudiotagError, match="without one: name a table"):
        records.declare(tmp_path, group_by="site")


def test_labels_of_parquet_may_be_lists(noises: Callable[..., None], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow: pip install pyarrow")
    import pandas

    noises(tmp_path, "a.wav", "b.wav")
    rows = {"path": ["a.wav", "b.wav"], "labels": [["dog", "r;ain"], None], "fold": [1.0, 2.0], "snr": [None, 3.5]}
    pandas.DataFrame(rows).to_parquet(tmp_path / "clips.parquet")
    declared = records.declare(tmp_path, table="clips.parquet")
    assert [(clip.labels, clip.split, clip.columns["snr"]) for clip in declared.clips] == [
        (("dog", "r;ain"), "fold1", ""),
        ((), "fold2", "3.5"),
    ]


def test_the_tables_of_faults(shared: Callable[[str], Path], noises: Callable[..., None], tmp_path: Path) -> None:
    noises(tmp_path, "audio/1.wav", "audio/2.wav", "audio/3.wav", "audio/4.wav", seconds=1.0)
    (tmp_path / "audio" / "3.wav").rename(tmp_path / "audio" / "e\u0301.wav")

    def declare(name: str) -> Declaration:
        text = shared(f"faults/table_{name}.csv").read_text(encoding="utf-8").replace("SOURCE", str(tmp_path))
        (tmp_path / "clips.csv").write_text(text, encoding="utf-8")
        return records.declare(tmp_path, table="clips.csv")

    assert labels_of(declare("absolute")) == {"audio/1.wav": ("dog",), "audio/2.wav": ("cat",)}
    assert all((tmp_path / clip.source).is_file() for clip in declare("nfc").clips)
    merged = declare("row_per_label")
    assert labels_of(merged) == {"audio/1.wav#0.000": ("dog", "rain"), "audio/2.wav#0.000": ("cat",)}
    for name, message in (("fsd50k_commas", "separated by ';'.*write 'Guitar;Music'"), ("empty_label", "'nan'")):
        with pytest.raises(AudiotagError, match=message):
            records.build(declare(name), tmp_path / "data")


def test_onset_and_offset_are_strong_labels(noises: Callable[..., None], declare: Callable, tmp_path: Path) -> None:
    noises(tmp_path, "long.wav", seconds=3.0)
    declared = declare(
        "path,label,onset,offset,start,end,site\n"
        "long.wav,dog,0.5,1.5,,,x\nlong.wav,rain,2.0,2.5,,,x\nlong.wav,wind,,,,,x\n"
        "a.wav,dog,0.02,0.08,0.05,0.1,y\nb.wav,,,,,,y\n",
        seconds=1.0,
    )
    assert {clip.clip_id: (clip.labels, clip.events) for clip in declared.clips} == {
        "long.wav#0.000": (("dog", "wind"), (records.Event(0.5, 1.0, "dog"),)),
        "long.wav#1.000": (("dog", "wind"), (records.Event(0.0, 0.5, "dog"),)),
        "long.wav#2.000": (("rain", "wind"), (records.Event(0.0, 0.5, "rain"),)),
        "a.wav#0.050": (("dog",), (records.Event(0.0, 0.03, "dog"),)),
        "b.wav": ((), ()),
    }
    assert all(set(clip.columns) == {"site"} for clip in declared.clips)


@pytest.mark.parametrize(
    ("row", "received"),
    [
        ("a.wav,dog,0.5,0.2,,", "onset '0.5', offset '0.2'"),
        ("a.wav,dog,0.2,,,", "onset '0.2', offset ''"),
        ("a.wav,,0.2,0.5,,", "label ''"),
        ("a.wav,dog,0.01,0.02,0.05,0.1", "sounds in its clip"),
        ("a.wav,dog,x,0.02,,", "onset must be seconds"),
    ],
)
def test_events_that_cannot_be_meant_are_refused(declare: Callable, row: str, received: str) -> None:
    with pytest.raises(AudiotagError, match=f"line 2: .*{received}"):
        declare(f"path,label,onset,offset,start,end\n{row}\n")


def test_an_event_beyond_the_recording_rejects_its_clip(declare: Callable, tmp_path: Path) -> None:
    declared = declare("path,label,onset,offset\na.wav,dog,0.05,0.12\nb.wav,cat,0.05,0.5\n")
    assert [clip.fault for clip in declared.clips] == [
        "",  # a rounded time
        "an event ends at 0.5 s and b.wav lasts 0.100 s: correct the table",
    ]


def test_rows_of_the_split_unlabelled(declare: Callable) -> None:
    declared = declare("path,label,split\na.wav,dog,train\nb.wav,,unlabeled\n")
    assert [(clip.split, clip.labels, clip.columns.get("unknown")) for clip in declared.clips] == [
        ("train", ("dog",), None),
        ("unlabelled", (), "*"),
    ]
    assert declared.task == "multiclass"
    with pytest.raises(AudiotagError, match="line 3: a clip of the split unlabeled has no label, received 'cat'"):
        declare("path,label,split\na.wav,dog,train\nb.wav,cat,unlabeled\n")
