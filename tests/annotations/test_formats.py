"""Annotation files as the tools write them."""

from __future__ import annotations

import math
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiotag import audio
from audiotag.annotations.reading import read
from audiotag.errors import AudiotagError
from audiotag.tagging import writing
from audiotag.tagging.files import FileTags
from audiotag.tagging.tags import Tag

Span = tuple[float, float, str]


def spans(path: Path, label: str | None = None) -> list[Span]:
    return [(mark.onset, mark.offset, mark.label) for mark in read(path, label)]


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def test_a_selection_table_of_raven(tmp_path: Path) -> None:
    text = (
        f"{RAVEN}\tSpecies\tNotes\n"
        "1\tWaveform 1\t1\t0.250000000\t1.500000000\t0.0\t11025.0\tdog; wind\tloud\n"
        "1\tSpectrogram 1\t1\t0.250000000\t1.500000000\t400.0\t2000.0\tdog; wind\tloud\n"
        "2\tSpectrogram 1\t1\t3.0\t3.5\t400.0\t2000.0\t\t\n"
    )
    marks = read(file(tmp_path, "site1.Table.1.selections.txt", text))
    assert [(mark.onset, mark.offset, mark.label) for mark in marks[::2]] == [
        (0.25, 1.5, "dog"),
        (0.25, 1.5, "dog"),
        (3.0, 3.5, ""),
    ]
    assert marks[0].place == "site1.Table.1.selections.txt line 2" and marks[1].label == "wind"
    assert spans(tmp_path / "site1.Table.1.selections.txt", "Notes")[0] == (0.25, 1.5, "loud")
    assert spans(file(tmp_path, "nothing.txt", f"{RAVEN}\n")) == []
    with pytest.raises(
        AudiotagError, match=r"no column 'label' of classes, it has Selection, View.*choose one with --label"
    ):
        read(file(tmp_path, "plain.txt", f"{RAVEN}\n1\tSpectrogram 1\t1\t0\t1\t0\t8000\n"))


def test_ravens_table_of_a_sequence_of_files_counts_in_each(tmp_path: Path) -> None:
    text = (
        f"{RAVEN}\tBegin File\tFile Offset (s)\tAnnotation\n"
        "1\tSpectrogram 1\t1\t10.5\t11.0\t0\t8000\ta.wav\t10.5\tdog\n"
        "2\tSpectrogram 1\t1\t65.0\t66.5\t0\t8000\tb.wav\t5.0\tcat\n"
    )
    marks = read(file(tmp_path, "sequence.txt", text))
    assert [(mark.recording, mark.onset, mark.offset, mark.label) for mark in marks] == [
        ("a.wav", 10.5, 11.0, "dog"),
        ("b.wav", 5.0, 6.5, "cat"),
    ]


def test_labels_of_audacity(tmp_path: Path) -> None:
    text = (
        "2.150000\t2.150000\tpoint\n\\\t6928.456055\t6928.456055\n3.400000\t6.100000\ta longer one\n"
        "\\\t-1.000000\t6334.588867\n7.0\t8.0\n9,5\t9,75\tdog;cat\n1.5\told point\n0.0\t3.0\tblackbird\t0.8723\n"
    )
    assert spans(file(tmp_path, "a.txt", text)) == [
        (2.15, 2.15, "point"),
        (3.4, 6.1, "a longer one"),
        (7.0, 8.0, ""),
        (9.5, 9.75, "dog"),
        (9.5, 9.75, "cat"),
        (1.5, 1.5, "old point"),
        (0.0, 3.0, "blackbird"),
    ]
    with pytest.raises(AudiotagError, match=r"b\.txt line 2: a label has start, end and text with tabs between"):
        read(file(tmp_path, "b.txt", "0.5\t1\tdog\n1.5\n"))
    assert spans(file(tmp_path, "umlaut.txt", "0\t1\tKäuzchen\r\n".encode("cp1252"))) == [(0.0, 1.0, "Käuzchen")]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "birdnet.selection.table.txt",
            f"{RAVEN}\tCommon Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)\n"
            "1\tSpectrogram 1\t1\t3.0\t6.0\t0\t15000\tEurasian Wren\twinwre4\t0.87\t/data/rec.wav\t3.0\n",
            ("/data/rec.wav", 3.0, 6.0, "Eurasian Wren"),
        ),
        (
            "birdnet.csv",
            "Start (s),End (s),Scientific name,Common name,Confidence,File\n"
            "3.0,6.0,Troglodytes troglodytes,Eurasian Wren,0.8712,rec.wav\n",
            ("rec.wav", 3.0, 6.0, "Eurasian Wren"),
        ),
        (
            "kaleidoscope.csv",
            "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence,lat,lon,week,overlap,sens\n"
            "/data,night,rec.wav,3.0,1.5,Troglodytes troglodytes,Eurasian Wren,0.87,-1,-1,-1,0,1.0\n",
            ("night/rec.wav", 3.0, 4.5, "Eurasian Wren"),
        ),
        (
            "opensoundscape.csv",
            "audio_file,annotation_file,annotation,start_time,end_time,low_f,high_f\n"
            "./rec.wav,rec.txt,wren,3.0,6.0,400.0,2000.0\n",
            ("./rec.wav", 3.0, 6.0, "wren"),
        ),
        (
            "crowsetta.csv",
            "label,onset_s,offset_s,onset_sample,offset_sample,notated_path,annot_path,sequence,annotation\n"
            "wren,3.0,6.0,,,rec.wav,rec.txt,0,0\n",
            ("rec.wav", 3.0, 6.0, "wren"),
        ),
        ("dcase.tsv", "filename\tonset\toffset\tevent_label\nrec.wav\t3.0\t6.0\tSpeech\n", ("rec.wav", 3, 6, "Speech")),
        ("audiotag.csv", "file,start,end,label,score\nrec.wav,3.000,6.000,dog,0.9\n", ("rec.wav", 3.0, 6.0, "dog")),
        ("germany.csv", "path;onset;offset;label\nrec.wav;3,0;6,5;Hund\n", ("rec.wav", 3.0, 6.5, "Hund")),
    ],
)
def test_tables_of_other_tools(tmp_path: Path, name: str, text: str, expected: tuple[str, float, float, str]) -> None:
    (mark,) = read(file(tmp_path, name, text))
    assert (mark.recording, mark.onset, mark.offset, mark.label) == expected


def test_rows_in_which_nothing_sounds(tmp_path: Path) -> None:
    marks = read(file(tmp_path, "a.csv", "path,onset,offset,label\na.wav,,,\n,,,\nb.wav,0,3,nocall\n"))
    assert [(mark.recording, mark.nothing) for mark in marks] == [("a.wav", True), ("b.wav", True)]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.TextGrid", "a.eaf"])
def test_an_empty_file_marks_nothing(tmp_path: Path, name: str) -> None:
    assert read(file(tmp_path, name, "")) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,x,2,dog", r"a\.csv line 3: onset must be seconds from the recording's beginning, received 'x'"),
        ("a.wav,-1,2,dog", "line 3: onset must be seconds"),
        ("a.wav,1,,dog", "line 3: an event begins and ends, received '1' and ''"),
        ("a.wav,1,2", "line 3: a row has 4 cells, this one 3"),
    ],
)
def test_cells_that_cannot_be_times_are_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        read(file(tmp_path, "a.csv", f"path,onset,offset,label\nb.wav,1,2,cat\n{row}\n"))


LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "Mary"
        xmin = 0
        xmax = 2.3
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "bärk ""loud"""
        intervals [3]:
            xmin = 1.25
            xmax = 2.3
            text = ""
    item [2]:
        class = "IntervalTier"
        name = "John"
        xmin = 0
        xmax = 2.3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.3
            text = ""
    item [3]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 2.3
        points: size = POINTS
'''
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.3
<exists>
1
"IntervalTier"
"Mary"
0
2.3
2
0
0.5
""
0.5
2.3
"bark"
"""


def test_textgrids_of_praat(tmp_path: Path) -> None:
    pytest.importorskip("praatio")
    text = LONG.replace("POINTS", "0")
    assert spans(file(tmp_path, "a.TextGrid", text)) == [(0.5, 1.25, 'bärk "loud"')]
    assert spans(file(tmp_path, "b.TextGrid", text.encode("utf-16"))) == [(0.5, 1.25, 'bärk "loud"')]
    assert spans(file(tmp_path, "short.textgrid", SHORT)) == [(0.5, 2.3, "bark")]
    point = '1\n        points [1]:\n            number = 1.75\n            mark = "ding"'
    path = file(tmp_path, "c.TextGrid", LONG.replace("POINTS", point))
    with pytest.raises(AudiotagError, match=r"one tier names .* has Mary, bell: say which, --label 'Mary'"):
        read(path)
    assert spans(path, "bell") == [(1.75, 1.75, "ding")]
    assert spans(path, "Mary;bell") == [(0.5, 1.25, 'bärk "loud"'), (1.75, 1.75, "ding")]
    with pytest.raises(AudiotagError, match="has no tier 'Jane', it has Mary, John, bell"):
        read(path, "Jane")
    with pytest.raises(AudiotagError, match=r"d\.TextGrid is no TextGrid in text"):
        read(file(tmp_path, "d.TextGrid", "ooBinaryFile\x08TextGrid\x00\x01"))


def test_a_reader_that_is_not_installed_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "praatio", None)
    with pytest.raises(AudiotagError, match=r'pip install "audiotag\[annotations\]"'):
        read(file(tmp_path, "a.TextGrid", SHORT))


ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-11-27T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///a.wav" MIME_TYPE="audio/x-wav"/>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1250"/>
        <TIME_SLOT TIME_SLOT_ID="ts3"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="sounds">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>bark &amp; howl</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="LAST">
                <ANNOTATION_VALUE/>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="child" PARENT_REF="sounds" TIER_ID="species">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
                <ANNOTATION_VALUE>dog</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
</ANNOTATION_DOCUMENT>
"""


def test_files_of_elan(tmp_path: Path) -> None:
    path = file(tmp_path, "a.eaf", ELAN.replace("LAST", "ts2"))
    with pytest.raises(AudiotagError, match="has sounds, species: say which, --label 'sounds'"):
        read(path)
    assert spans(path, "sounds") == [(0.5, 1.25, "bark & howl"), (1.25, 1.25, "")]
    assert spans(path, "species") == [(0.5, 1.25, "dog")]
    with pytest.raises(AudiotagError, match="tier sounds annotation a2 has no time"):
        read(file(tmp_path, "b.eaf", ELAN.replace("LAST", "ts3")), "sounds")
    shifted = ELAN.replace("LAST", "ts2").replace("MIME_TYPE", 'TIME_ORIGIN="120" MIME_TYPE')
    with pytest.raises(AudiotagError, match="shifts its media by 120 ms"):
        read(file(tmp_path, "c.eaf", shifted), "sounds")
    for number, broken in enumerate((ELAN[:900], ELAN, ELAN.replace('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a3"'))):
        with pytest.raises(AudiotagError, match=rf"{number}\.eaf is no file of ELAN") as raised:
            read(file(tmp_path, f"{number}.eaf", broken), "sounds;species")
        assert "\n" not in str(raised.value)


def test_entities_that_grow_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY e0 "lol">{entities}]><lolz>&e12;</lolz>'
    with pytest.raises(AudiotagError, match="declares a document type, lolz"):
        read(file(tmp_path, "a.eaf", bomb))


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02\xff", b"\xff\xfe\x00", bytes(5000), "0.5\t1\tö".encode() + b"\xc3\n"]
)
@pytest.mark.parametrize("suffix", [".txt", ".csv", ".eaf"])
def test_bytes_that_are_no_text_are_one_line(tmp_path: Path, content: bytes, suffix: str) -> None:
    with pytest.raises(AudiotagError) as raised:
        read(file(tmp_path, f"a{suffix}", content))
    assert "\n" not in str(raised.value) and f"a{suffix}" in str(raised.value)


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    rows = {"path": ["a.wav", "b.wav"], "onset": [0.5, None], "offset": [1.25, None], "label": [["dog", "cat"], None]}
    pandas.DataFrame(rows).to_parquet(tmp_path / "all.parquet")
    marks = read(tmp_path / "all.parquet")
    assert [(mark.recording, mark.onset, mark.offset, mark.label, mark.nothing) for mark in marks] == [
        ("a.wav", 0.5, 1.25, "dog", False),
        ("a.wav", 0.5, 1.25, "cat", False),
        ("b.wav", 0.0, 0.0, "", True),
    ]
    assert marks[0].place == "all.parquet row 1"


@pytest.mark.parametrize(("format", "suffix"), [("raven", ".txt"), ("audacity", ".txt"), ("csv", ".csv")])
def test_what_audiotag_tags_can_be_corrected_and_read_again(tmp_path: Path, format: str, suffix: str) -> None:
    tags = (Tag("dog", 0.9, 0.25, 1.5), Tag("wind, strong", 0.5, 3.0, 10.125))
    audio.write(tmp_path / "a.wav", np.zeros(80, np.float32), 8000)
    result = FileTags(tmp_path / "a.wav", tags)
    text = StringIO()
    writing.write([result], format, text)
    assert spans(file(tmp_path, f"a.wav{suffix}", text.getvalue())) == [
        (0.25, 1.5, "dog"),
        (3.0, 10.125, "wind, strong"),
    ]


TEXTS = {
    "a.txt": f"{RAVEN}\tSpecies\n1\tSpectrogram 1\t1\t0.5\t1.5\t0\t8000\tdog\n",
    "b.txt": "0.5\t1.5\tdog\n\\\t100.0\t200.0\n2.0\t2.0\tcat\n",
    "a.csv": "path,onset,offset,label\na.wav,0.5,1.5,dog\n",
    "a.TextGrid": SHORT,
    "a.eaf": ELAN.replace("LAST", "ts2"),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(TEXTS)),
    place=st.floats(0, 1),
    removed=st.integers(0, 12),
    added=st.binary(max_size=6) | st.sampled_from([b"\t", b"\n", b'"', b"-", b"1e999", b"nan", b"&e;", b"\0", b"\xff"]),
)
def test_a_damaged_file_is_read_or_one_line(
    tmp_path: Path, name: str, place: float, removed: int, added: bytes
) -> None:
    content = TEXTS[name].encode()
    begin = round(place * len(content))
    path = file(tmp_path, name, content[:begin] + added + content[begin + removed :])
    try:
        marks = read(path, "sounds;species" if name == "a.eaf" else None)
    except AudiotagError as error:
        assert "\n" not in str(error)
    else:
        assert all(math.isfinite(mark.onset) and math.isfinite(mark.offset) for mark in marks)
