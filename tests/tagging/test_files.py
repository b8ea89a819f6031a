"""Many files: sorted, one bad file isolated, and results that programs read back unchanged."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.tagging import FileTags, Tag, sound_files, tag_files, write

RATE = 8000
RESULTS = (
    FileTags(Path("a, b.wav"), (Tag("rain, heavy", 0.75, 0.0, 1.0), Tag('a "quoted" 🐕', 0.25, 0.0, 1.0))),
    FileTags(Path("[bold]x.wav"), (Tag("[red]Dog", 0.5, 12.3456, 22.3456),)),
    FileTags(Path("bad.wav"), reason="bad.wav is not audio"),
)


@pytest.fixture(autouse=True)
def quiet():
    progress.set_quiet(True)
    yield
    progress.set_quiet(False)


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("b/2.wav", "a.wav", "b/1.flac", ".hidden/x.wav", "b/._2.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        audio.write(tmp_path / name.replace("._", "y"), np.full(RATE, 0.1, np.float32), RATE)
        (tmp_path / name.replace("._", "y")).rename(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a recording")
    return tmp_path


def test_folders_are_searched_in_sorted_order_and_named_files_taken_as_they_are(folder):
    found = sound_files([folder / "notes.txt", folder])
    assert [path.relative_to(folder).as_posix() for path in found] == ["notes.txt", "a.wav", "b/1.flac", "b/2.wav"]


def test_a_folder_without_sounds_and_nothing_at_all_are_refused(tmp_path):
    with pytest.raises(AudiotagError, match="holds no sound files"):
        sound_files([tmp_path])
    with pytest.raises(AudiotagError, match="nothing to tag"):
        sound_files([])


def test_a_bad_file_never_stops_the_others(tagger, folder):
    (folder / "b" / "0_text.wav").write_text("this is text")
    (folder / "b" / "1_empty.wav").write_bytes(b"")
    results = list(tag_files(tagger, [folder / "missing.wav", folder], top=1))
    outcome = {result.path.name: (len(result.tags), bool(result.reason)) for result in results}
    assert outcome == {
        "missing.wav": (0, True),
        "a.wav": (1, False),
        "0_text.wav": (0, True),
        "1.flac": (1, False),
        "1_empty.wav": (0, True),
        "2.wav": (1, False),
    }
    assert results[1].tags == tuple(tagger.tag(folder / "a.wav", top=1))


def test_the_threshold_leaves_out_what_scores_lower(tagger, folder):
    every = tagger.tag(folder / "a.wav", top=None)
    middle = sorted(tag.score for tag in every)[1]
    (result,) = tag_files(tagger, [folder / "a.wav"], top=None, threshold=middle)
    assert result.tags == tuple(tag for tag in every if tag.score >= middle)
    assert len(result.tags) == 2


@pytest.mark.parametrize("options", [{"window": 0.0}, {"hop": -1.0}, {"top": 0}, {"threshold": 1.5}, {"window": 0.001}])
def test_an_option_that_is_wrong_for_every_file_is_an_error_at_once(tagger, folder, options):
    with pytest.raises(AudiotagError):
        next(tag_files(tagger, [folder], **options))


def test_csv_is_read_back_with_every_comma_and_quote():
    stream, errors = io.StringIO(), io.StringIO()
    assert write(RESULTS, "csv", stream, errors) == 1
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert list(rows[0]) == ["file", "start", "end", "label", "score"]
    assert [(row["file"], row["label"], float(row["score"])) for row in rows] == [
        ("a, b.wav", "rain, heavy", 0.75),
        ("a, b.wav", 'a "quoted" 🐕', 0.25),
        ("[bold]x.wav", "[red]Dog", 0.5),
    ]
    assert (rows[2]["start"], rows[2]["end"]) == ("12.346", "22.346")
    assert errors.getvalue() == "audiotag: bad.wav: bad.wav is not audio\n"


def test_json_lines_hold_tags_and_reasons():
    stream = io.StringIO()
    assert write(RESULTS, "jsonl", stream, io.StringIO()) == 1
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert rows[0] == {"file": "a, b.wav", "start": 0.0, "end": 1.0, "label": "rain, heavy", "score": 0.75}
    assert rows[-1] == {"file": "bad.wav", "error": "bad.wav is not audio"}


def test_the_table_shows_names_as_they_are_and_each_window_once():
    stream = io.StringIO()
    write((*RESULTS, FileTags(Path("quiet.wav"))), "table", stream, io.StringIO())
    shown = stream.getvalue()
    assert "[bold]x.wav" in shown
    assert "[red]Dog" in shown
    assert shown.count("0.00") == 1
    assert "no label reaches the threshold" in shown


def test_results_are_written_as_they_come():
    stream = io.StringIO()

    def results():
        yield RESULTS[0]
        assert "rain, heavy" in stream.getvalue()
        yield RESULTS[1]

    assert write(results(), "csv", stream) == 0


def test_a_file_name_that_is_not_text_is_written_escaped():
    stream = io.StringIO()
    write([FileTags(Path("caf\udce9.wav"), (Tag("Dog", 0.5, 0.0, 1.0),))], "jsonl", stream)
    assert stream.getvalue().encode("utf-8").startswith(b'{"file": "caf')


def test_an_unknown_format_suggests_the_nearest():
    with pytest.raises(AudiotagError, match="did you mean 'jsonl'"):
        write([], "json")
