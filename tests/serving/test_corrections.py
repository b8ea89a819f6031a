"""Corrections: the table is one that `audiotag build folder` takes, and the last one counts."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from audiotag import audio, records
from audiotag.errors import AudiotagError
from tests.serving.conftest import HOSTILE, tone, wav
from tests.small_data import FRONT_END, RATE


@pytest.fixture
def save(client):
    """Saves labels of a recording that was sent; gives what is known of it then."""

    def save(sound, labels, onset=None, offset=None):
        body = {"sound": sound, "labels": labels, "onset": onset, "offset": offset}
        answer = client.post("/corrections", json=body)
        assert answer.status_code == 200, answer.text
        assert client.get(f"/corrections/{sound}").json() == answer.json()
        return [tuple(each.values()) for each in answer.json()["corrections"]]

    return save


@pytest.fixture
def sent(client):
    return lambda waveform, rate=RATE: client.post("/picture", content=wav(waveform, rate)).json()["sound"]


def rows_of(folder):
    with (folder / "corrections" / "corrections.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_last_correction_of_the_same_counts(save, sent, melody, tmp_path):
    sound, other = sent(melody), sent(tone("middle"))
    assert save(sound, ["low", "high"]) == [("low", None, None), ("high", None, None)]
    save(other, ["middle"])
    assert save(sound, [HOSTILE]) == [(HOSTILE, None, None)]
    assert save(sound, ["low", "low"], 1.0, 2.0) == [(HOSTILE, None, None), ("low", 1.0, 2.0)]
    assert save(sound, ["middle"], 1, 2) == [(HOSTILE, None, None), ("middle", 1.0, 2.0)]
    assert save(sound, ["high"], 2, 3) == [(HOSTILE, None, None), ("middle", 1.0, 2.0), ("high", 2.0, 3.0)]
    assert save(sound, None) == [("middle", 1.0, 2.0), ("high", 2.0, 3.0)]
    assert save(sound, []) == [("middle", 1.0, 2.0), ("high", 2.0, 3.0), ("", None, None)]
    assert save(sound, None) == save(sound, ["low"], 0.5, 0.75)[:2]
    assert save(sound, None, 0.5, 0.75) == [("middle", 1.0, 2.0), ("high", 2.0, 3.0)]
    assert [tuple(row.values()) for row in rows_of(tmp_path)] == [
        (f"{other}.flac", "middle", "", ""),
        (f"{sound}.flac", "middle", "1", "2"),
        (f"{sound}.flac", "high", "2", "3"),
    ]


def test_rows_that_somebody_has_written_stay(save, sent, melody, tmp_path):
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "corrections.csv").write_text(
        'path,label,onset,offset\nown.wav,"dog;a; ""b;c""",0.12345,2\n'
    )
    sound = sent(melody)
    save(sound, ["low"])
    assert [tuple(row.values()) for row in rows_of(tmp_path)] == [
        ("own.wav", "dog", "0.12345", "2"),
        ("own.wav", "a", "0.12345", "2"),
        ("own.wav", '"b;c"', "0.12345", "2"),
        (f"{sound}.flac", "low", "", ""),
    ]


def test_a_data_set_is_built_of_the_table(save, sent, melody, tmp_path):
    first, loud, none = sent(melody), sent(4 * tone("middle"), 44_100), sent(tone("", 0.5))
    save(first, ["low"], 1.0, 2.0)
    save(first, ["high"], 2.0, 3.0)
    save(loud, ["middle", HOSTILE])
    save(none, [])
    folder = tmp_path / "corrections"
    declared = records.declare("folder", source=folder, table="corrections.csv", seconds=3.0)
    report = records.build(declared, tmp_path / "built", front_end=FRONT_END, workers=1)
    assert (report.clips, report.rejected) == (3, 0)
    data = records.open(tmp_path / "built")
    assert set(data.labels) == {"low", "middle", "high", HOSTILE}
    clips = {clip.source.split(".")[0]: clip for clip in declared.clips}
    assert [(event.onset, event.offset, event.label) for event in clips[first].events] == [
        (1, 2, "low"),
        (2, 3, "high"),
    ]
    assert set(clips[loud].labels) == {"middle", HOSTILE} and clips[none].labels == ()
    np.testing.assert_allclose(audio.read(folder / f"{first}.flac", RATE), melody, atol=2**-22)
    np.testing.assert_array_equal(audio.read(folder / f"{loud}.wav", 44_100), 4 * tone("middle"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"labels": ["lwo"]}, "no class is named 'lwo': did you mean 'low'?"),
        ({"onset": 1.0}, "a span has an onset and an offset"),
        ({"onset": 2.0, "offset": 1.0}, "a part lies in its recording of 3 s"),
        ({"onset": 1.0, "offset": 4.0}, "a part lies in its recording of 3 s"),
        ({"onset": 1.0, "offset": 2.0, "labels": []}, "a span has a class"),
        ({"labels": "low"}, "labels: "),
        ({"label": ["low"]}, "label: "),
        ({"onset": "x"}, "onset: "),
    ],
)
def test_what_cannot_be_saved_is_refused_and_changes_nothing(client, sent, melody, tmp_path, change, why):
    answer = client.post("/corrections", json={"sound": sent(melody), "labels": ["low"]} | change)
    assert answer.status_code == 422
    assert why in answer.json()["error"]
    assert not (tmp_path / "corrections" / "corrections.csv").exists()


def test_a_correction_is_not_read_beyond_a_megabyte(client):
    for body in (b"[" * 1_000_001, iter([b"[" * 400_000] * 3)):
        answer = client.post("/corrections", content=body)
        assert answer.status_code == 413 and "at most 1 MB" in answer.json()["error"]


def test_a_recording_that_was_not_sent_cannot_be_corrected(client):
    for sound in ("0" * 64, "../corrections", ""):
        answer = client.post("/corrections", json={"sound": sound, "labels": ["low"]})
        assert answer.status_code == 404 and "send it again" in answer.json()["error"]


def test_a_table_of_another_kind_is_left_as_it_is(make_service, tmp_path):
    (tmp_path / "corrections").mkdir()
    table = tmp_path / "corrections" / "corrections.csv"
    for content, why in (("a,b\n1,2\n", "path"), ("path,label,onset,offset\nx.wav,dog,soon,2\n", "'soon'")):
        table.write_text(content)
        with pytest.raises(AudiotagError, match=why):
            make_service(tmp_path)
        (tmp_path / "uploads").rmdir()
        assert table.read_text() == content
    table.unlink()
    (tmp_path / "corrections").rmdir()
    (tmp_path / "corrections").write_text("a file")
    with pytest.raises(AudiotagError, match="corrections go into a folder"):
        make_service(tmp_path)
