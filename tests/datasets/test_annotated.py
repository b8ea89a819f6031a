"""Long recordings with annotations: clips by the stated rule, and whatever is wrong is named."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.records import Declaration, Event
from tests.in_process import ThisProcess

Noises = Callable[..., None]


@pytest.fixture
def site(noises: Noises, tmp_path: Path) -> Path:
    """Two recordings of 6 s, and what Audacity writes beside them."""
    root = tmp_path / "site"
    noises(root, "a.wav", "night/b.wav", seconds=6.0)
    (root / "a.txt").write_text("0.5\t1.5\tdog\n1.8\t2.9\train\n5.9\t6.02\tdog\n", encoding="utf-8")
    (root / "night" / "b.txt").write_text("", encoding="utf-8")
    return root


def declare(root: Path, **options: object) -> Declaration:
    return records.declare("annotated", source=root, seconds=2.0, **options)


def contents(declared: Declaration) -> dict[str, tuple[str, ...]]:
    return {clip.clip_id: clip.labels for clip in declared.clips}


def test_clips_have_the_events_of_which_they_hold_enough(site: Path) -> None:
    declared = declare(site)
    assert contents(declared) == {
        "a.wav#0.000": ("dog",),  # 0.2 s of the rain are less than 0.25 s
        "a.wav#2.000": ("rain",),
        "a.wav#4.000": ("dog",),  # all of it, but for a rounded end
        "night/b.wav#0.000": (),
        "night/b.wav#2.000": (),
        "night/b.wav#4.000": (),
    }
    assert [clip.events for clip in declared.clips[:3]] == [
        (Event(0.5, 1.5, "dog"),),
        (Event(0.0, 0.9, "rain"),),
        (Event(1.9, 2.0, "dog"),),
    ]
    assert (declared.task, declared.labels.names, declared.pad) == ("multilabel", ("dog", "rain"), "zero")
    assert contents(declare(site, least_overlap=0.1))["a.wav#0.000"] == ("dog", "rain")
    assert len(declare(site, hop=1.0).clips) == 10


def test_what_clips_without_an_event_become(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = declare(site, background="background")
    assert contents(declared)["night/b.wav#2.000"] == ("background",)
    assert declared.labels.names == ("background", "dog", "rain")
    assert set(contents(declare(site, unannotated="leave-out"))) == {"a.wav#0.000", "a.wav#2.000", "a.wav#4.000"}
    assert "clips without an event are left out: 3" in capsys.readouterr().err
    with pytest.raises(AudiotagError, match="are 'x' or left out, received both"):
        declare(site, unannotated="leave-out", background="x")


def test_strong_labels_reach_the_records(site: Path, tmp_path: Path) -> None:
    declared = declare(site)
    report = records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert (report.clips, report.rejected) == (6, 0)
    from audiotag.records.strong_labels import strong_labels

    stored = strong_labels(records.open(tmp_path / "data"), "all")
    assert stored["a.wav#0.000"] == ((0.5, 1.5, 0),)
    assert stored["night/b.wav#0.000"] == ()


@pytest.mark.parametrize("flat", [True, False])
def test_annotations_in_a_folder_of_their_own(site: Path, tmp_path: Path, flat: bool) -> None:
    expected = contents(declare(site))
    folder = tmp_path / "selections"
    (folder / "night").mkdir(parents=True)
    (site / "a.txt").rename(folder / "a.txt")
    (site / "night" / "b.txt").rename(folder / "b.txt" if flat else folder / "night" / "b.txt")
    assert contents(declare(site, annotations=folder)) == expected


def test_one_table_of_all(site: Path, tmp_path: Path) -> None:
    for file in site.rglob("*.txt"):
        file.unlink()
    table = tmp_path / "all.csv"
    table.write_text(
        "path,onset,offset,label,split,site\nD:\\rec\\a.wav,0.5,1.5,dog,train,x\na.wav,1.8,2.9,rain,train,x\n"
        "a.wav,1.8,2.9,dog,train,x\nb.wav,,,,val,y\n"
    )
    declared = declare(site, annotations=table, group_by="site")
    assert contents(declared)["a.wav#2.000"] == ("dog", "rain")
    assert contents(declared)["night/b.wav#4.000"] == ()
    assert {clip.source: (clip.split, clip.columns["site"]) for clip in declared.clips} == {
        "a.wav": ("train", "x"),
        "night/b.wav": ("validation", "y"),
    }
    (site / "a.txt").write_text("onset\toffset\tlabel\tsplit\n0\t1\tdog\ttrain\n")
    (site / "night" / "b.txt").write_text("")
    with pytest.raises(AudiotagError, match=r"every recording has a split or none has, night/b\.wav of .* has none"):
        declare(site)
    with pytest.raises(AudiotagError, match="no annotation has a column 'place'"):
        declare(site, annotations=table, group_by="place")
    table.write_text("path,onset,offset,label,split\na.wav,0,1,dog,train\na.wav,1,2,dog,test\n")
    with pytest.raises(AudiotagError, match=r"all\.csv line 3: a recording has one split, a\.wav has 'train' and"):
        declare(site, annotations=table)


RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"


def test_views_of_raven_count_once(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path, "a.wav", seconds=2.0)
    rows = [f"1\t{view}\t1\t0.5\t1.5\t0\t4000\tdog\n" for view in ("Waveform 1", "Spectrogram 1")]
    rows += ["2\tWaveform 1\t1\t1.0\t1.9\t0\t4000\t\n", "2\tSpectrogram 1\t1\t1.0\t1.9\t0\t4000\tcat\n"]
    (tmp_path / "a.Table.1.selections.txt").write_text(RAVEN + "".join(rows))
    (clip,) = declare(tmp_path).clips
    assert clip.events == (Event(0.5, 1.5, "dog"), Event(1.0, 1.9, "cat"))
    assert (clip.clip_id, clip.end) == ("a.wav", None)


def test_a_table_of_a_sequence_reaches_all_its_recordings(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path, "a.wav", "b.wav", seconds=2.0)
    header = RAVEN.replace("\tSpecies", "\tBegin File\tFile Offset (s)\tSpecies")
    rows = "1\tS\t1\t0.5\t1.5\t0\t4000\ta.wav\t0.5\tdog\n2\tS\t1\t2.5\t3.5\t0\t4000\tb.wav\t0.5\tcat\n"
    (tmp_path / "a.txt").write_text(header + rows)
    assert contents(declare(tmp_path)) == {"a.wav": ("dog",), "b.wav": ("cat",)}
    # The file's own recording may have had another name, and b.wav may have annotations of its own.
    (tmp_path / "a.txt").write_text(header + rows.replace("b.wav", "a.wav").replace("a.wav", "old.wav"))
    (tmp_path / "b.txt").write_text("0\t1\train\n")
    assert contents(declare(tmp_path)) == {"a.wav": ("cat", "dog"), "b.wav": ("rain",)}


def test_whatever_is_wrong_is_rejected_with_its_reason(
    noises: Noises, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("good.wav", "late.wav", "backwards.wav", "nameless.wav", "broken.wav", "alone.wav")
    root = tmp_path / "site"
    noises(root, *names, seconds=6.0)
    texts = {
        "good": "0\t1\tdog\n",
        "late": "0\t1\tdog\n5\t7\tdog\n9\t10\tcat\n",
        "backwards": "0\t1\tdog\n3\t2.5\tdog\n",
        "nameless": "0\t1\tdog\n4.5\t5\t\n",
        "broken": "0\t1\tdog\nxx\t2\tdog\n",
        "README": "read me",
        "gone": "0\t1\tdog\n",
    }
    for name, text in texts.items():
        (root / f"{name}.txt").write_text(text)
    declared = declare(root)
    said = capsys.readouterr().err
    assert "left out, they belong to no recording (2): README.txt, gone.txt" in said
    assert "rejected, no annotations belong to them (1): alone.wav" in said
    records.build(declared, tmp_path / "data", engine=ThisProcess())
    with (tmp_path / "data" / "clips.csv").open(encoding="utf-8", newline="") as file:
        reasons = {row["clip_id"]: row["reason"] for row in csv.DictReader(file) if row["status"] == "rejected"}
    assert reasons == {
        "late.wav#4.000": "late.txt line 2: an event ends after its recording, 5 to 7 s of 6.000 s",
        "late.wav#9.000-10.000": "late.txt line 3: an event ends after its recording, 9 to 10 s of 6.000 s",
        "backwards.wav#2.000": "backwards.txt line 2: an event ends before it begins, 3 to 2.5 s",
        "nameless.wav#4.000": "nameless.txt line 2: an event has no label, 4.5 to 5 s",
        "broken.wav": f"{root}/broken.txt line 2: start must be seconds from the recording's beginning, received 'xx'",
        "alone.wav": "no annotations belong to it",
    }
    assert contents(declared)["late.wav#0.000"] == ("dog",)


@pytest.mark.parametrize("unannotated", ["negative", "leave-out"])
def test_a_recording_that_cannot_be_opened_is_rejected_by_the_build(
    site: Path, tmp_path: Path, unannotated: str
) -> None:
    for name, text in (("empty", ""), ("full", "0\t1\twind\n")):
        (site / f"{name}.wav").write_text("no sound")
        (site / f"{name}.txt").write_text(text)
    declared = declare(site, unannotated=unannotated)
    assert {clip.clip_id: (clip.labels, clip.fault) for clip in declared.clips if ".wav#" not in clip.clip_id} == {
        "empty.wav": ((), ""),
        "full.wav": (("wind",), ""),
    }
    report = records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert report.rejected == 2


def test_an_event_before_the_recording(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path, "a.wav", seconds=2.0)
    (tmp_path / "a.eaf").write_text(
        "<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID='1' TIME_VALUE='-500'/>"
        "<TIME_SLOT TIME_SLOT_ID='2' TIME_VALUE='500'/></TIME_ORDER><TIER TIER_ID='x'><ANNOTATION>"
        "<ALIGNABLE_ANNOTATION ANNOTATION_ID='a' TIME_SLOT_REF1='1' TIME_SLOT_REF2='2'><ANNOTATION_VALUE>dog"
        "</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
    )
    with pytest.raises(AudiotagError, match="no event that can be used"):
        declare(tmp_path)
    noises(tmp_path, "b.wav", seconds=2.0)
    (tmp_path / "b.txt").write_text("0\t1\tdog\n")
    assert [clip.fault for clip in declare(tmp_path).clips] == [
        "a.eaf tier x annotation a: an event begins before its recording, -0.5 to 0.5 s",
        "",
    ]


def test_rows_of_recordings_that_are_not_there_are_rejected(site: Path, tmp_path: Path) -> None:
    table = tmp_path / "all.csv"
    table.write_text("path,onset,offset,label\na.wav,0,1,dog\nC:\\gone\\c.wav,0,1,cat\n")
    faults = {clip.clip_id: clip.fault for clip in declare(site, annotations=table).clips if clip.fault}
    assert "there is no recording of this name" in faults["C:\\gone\\c.wav"]
    assert faults["night/b.wav"] == "no annotations belong to it"
    report = records.build(declare(site, annotations=table), tmp_path / "data", engine=ThisProcess())
    assert (report.clips, report.rejected) == (5, 2)
    table.write_text("path,onset,offset,label\nc.wav,0,1,cat\n")
    with pytest.raises(AudiotagError, match=r"these are of none \(all\.csv line 2: no recording is c\.wav"):
        declare(site, annotations=table)
    table.write_text("onset,offset,label\n0,1,cat\n")
    with pytest.raises(AudiotagError, match="line 2: a row of a table of all recordings names its own"):
        declare(site, annotations=table)


def test_unlabelled_recordings_are_a_split_of_their_own(
    noises: Noises, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noises(site, "c.wav", "Unlabeled/d.wav", seconds=2.5)
    (site / "Unlabeled" / "d.txt").write_text("0\t1\tdog\n")
    faults = {clip.source: clip.fault for clip in declare(site).clips}
    assert "annotations of the split unlabelled are not used: 1 recordings" in capsys.readouterr().err
    assert faults["c.wav"] and not faults["Unlabeled/d.wav"]
    declared = declare(site, unlabelled=True)
    assert {clip.source for clip in declared.clips if clip.split == "unlabelled"} == {"c.wav", "Unlabeled/d.wav"}
    assert all((clip.columns.get("unknown") == "*") == (clip.split == "unlabelled") for clip in declared.clips)
    assert len(declared.clips) == 6 + 2 + 2 and not any(clip.fault for clip in declared.clips)
    records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert records.open(tmp_path / "data").splits["unlabelled"] == 4


def test_splits_of_folders_and_drawn_ones(noises: Noises, tmp_path: Path) -> None:
    names = [f"{folder}/{number}.wav" for folder in ("train", "Val", "eval") for number in range(2)]
    noises(tmp_path / "stated", *names, seconds=2.5)
    for name in names:
        (tmp_path / "stated" / f"{name}.txt").write_text("0\t1\tdog\n")
    stated = {clip.source.split("/")[0]: clip.split for clip in declare(tmp_path / "stated").clips}
    assert stated == {"train": "train", "Val": "validation", "eval": "test"}
    noises(tmp_path / "stated", "other/1.wav", seconds=2.5)
    with pytest.raises(AudiotagError, match=r"the folder 'Val' of .* is named like a split, 'other' is not"):
        declare(tmp_path / "stated")

    names = [f"{number // 4}/{number}.wav" for number in range(80)]
    noises(tmp_path / "drawn", *names, seconds=2.5)
    for name in names:
        (tmp_path / "drawn" / f"{name}.txt").write_text("0\t1\tdog\n")
    for options in ({}, {"group_by": "folder"}):
        split_of: dict[str, set[str]] = {}
        for clip in declare(tmp_path / "drawn", **options).clips:
            split_of.setdefault(clip.columns["folder"] if options else clip.source, set()).add(clip.split)
        assert {len(each) for each in split_of.values()} == {1}
        assert set.union(*split_of.values()) == {"train", "validation", "test"}


def test_speed_is_of_the_sound_and_not_of_the_annotations(noises: Noises, tmp_path: Path) -> None:
    noises(tmp_path, "bat.wav", seconds=1.0)
    (tmp_path / "bat.txt").write_text("0.25\t0.45\tbat\n")
    declared = declare(tmp_path, speed=0.1, least_overlap=0.05)
    assert [(clip.start, clip.end) for clip in declared.clips] == [(n / 5, (n + 1) / 5) for n in range(5)]
    assert [clip.events for clip in declared.clips[:3]] == [
        (),
        (Event(0.05, 0.2, "bat"),),
        (Event(0.0, 0.05, "bat"),),
    ]


def test_a_change_of_events_is_another_version(site: Path) -> None:
    before = declare(site).version
    assert declare(site).version == before
    (site / "a.txt").write_text("0.5\t1.4\tdog\n1.8\t2.9\train\n5.9\t6.02\tdog\n")
    assert declare(site).version != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop": 0.0}, "seconds and hop must be at least 0.001"),
        ({"least_overlap": -1.0}, "least_overlap not negative"),
        ({"annotations": "nowhere"}, "annotations are a folder or a table"),
        ({"label": "species", "annotations": "a.csv"}, "no column 'species' of classes, it has path, onset, offset"),
    ],
)
def test_options_that_cannot_be_meant(site: Path, options: dict[str, object], message: str) -> None:
    (site / "a.csv").write_text("path,onset,offset,kind\na.wav,0,1,dog\n")
    with pytest.raises(AudiotagError, match=message):
        declare(site, **options)


def test_folders_without_recordings_or_annotations(noises: Noises, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="holds no sound files"):
        declare(tmp_path)
    noises(tmp_path, "a.wav", seconds=2.0)
    with pytest.raises(AudiotagError, match="holds no annotations that can be used, none at all"):
        declare(tmp_path)
    (tmp_path / "b.txt").write_text("0\t1\tdog\n")
    with pytest.raises(AudiotagError, match=r"those that belong to none: b\.txt: name them after their recordings"):
        declare(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(AudiotagError, match="has no event that can be used"):
        declare(tmp_path)


def test_all_clips_of_a_long_day_are_as_a_count_of_frames_says(noises: Noises, tmp_path: Path) -> None:
    """Random events on a grid of 10 ms, which a table of frames counts."""
    random = np.random.default_rng(0)
    noises(tmp_path, "day.wav", seconds=30.0)
    frames = np.zeros((3, 3000), bool)
    rows = []
    for _ in range(40):
        onset, duration, index = random.integers(0, 2900), random.integers(26, 100), random.integers(3)
        if frames[index, max(onset - 1, 0) : onset + duration + 1].any():
            continue
        frames[index, onset : onset + duration] = True
        rows.append(f"{onset / 100}\t{(onset + duration) / 100}\t{'abc'[index]}\n")
    (tmp_path / "day.txt").write_text("".join(rows))
    declared = declare(tmp_path, hop=0.7)
    assert len(declared.clips) == 41
    for clip in declared.clips:
        begin, end = round(100 * clip.start), round(100 * clip.end)
        drawn = np.zeros((3, 200), bool)
        for event in clip.events:
            drawn["abc".index(event.label), round(100 * event.onset) : round(100 * event.offset)] = True
        sounding = frames[:, begin:end]
        missing = sounding & ~drawn
        assert not (drawn & ~sounding).any()
        for index, name in enumerate("abc"):
            # What is missing are pieces of less than 0.25 s at the clip's edges.
            assert (name in clip.labels) == drawn[index].any()
            if missing[index].any():
                at = np.flatnonzero(missing[index])
                assert all(position < 25 or position >= 175 for position in at) and len(at) < 50


def test_recordings_and_annotations_behind_an_address(site: Path) -> None:
    upath = pytest.importorskip("upath", reason='needs pip install "audiotag[cloud]"')
    for file in site.rglob("*.*"):
        upath.UPath(f"memory://sounds/{file.relative_to(site).as_posix()}").write_bytes(file.read_bytes())
    declared = declare("memory://sounds")
    assert contents(declared) == contents(declare(site))
    assert [clip.events for clip in declared.clips] == [clip.events for clip in declare(site).clips]
    table = upath.UPath("memory://tables/all.csv")
    table.write_text("path,onset,offset,label\ns3://other/a.wav,0,1,dog\nb.wav,x,1,dog\n")
    with pytest.raises(AudiotagError, match=r"memory://tables/all\.csv line 3: onset must be seconds"):
        declare("memory://sounds", annotations=str(table))
