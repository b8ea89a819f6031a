"""Many files: sorted, one bad file isolated, and results that programs read back unchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import audio, progress
from audiotag.errors import AudiotagError, AudioWarning, Stopped
from audiotag.scorers import load
from audiotag.tagging import AudioTagger, FileTags, Tag, embed_files, sound_files, tag_files, write, writing
from audiotag.tagging.results import Results

RATE = 8000
RESULTS = (
    FileTags(Path("a, b.wav"), (Tag("rain, heavy", 0.75, 0.0, 1.0), Tag('a "quoted" 🐕', 0.25, 0.0, 1.0))),
    FileTags(Path("[bold]x.wav"), (Tag("[red]Dog", 0.5, 12.3456, 22.3456),), "", datetime(2021, 5, 3, 23, 59, 50)),
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
    with pytest.warns(AudioWarning, match=r"1 files that are no sound by their suffix \(\.txt 1\); 2 hidden"):
        found = sound_files([folder / "notes.txt", folder])
    assert [path.relative_to(folder).as_posix() for path in found] == ["notes.txt", "a.wav", "b/1.flac", "b/2.wav"]


def test_links_are_followed_but_for_those_that_lead_back_which_are_named(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    audio.write(elsewhere / "far.wav", np.full(RATE, 0.1, np.float32), RATE)
    (folder / "c").symlink_to(elsewhere)
    (folder / "b" / "file.wav").symlink_to(elsewhere / "far.wav")
    (folder / "b" / "round").symlink_to(folder)
    (folder / "b" / "broken.wav").symlink_to(folder / "nothing.wav")
    with pytest.warns(AudioWarning, match="links into a folder around them .*round"):
        found = sound_files([folder])
    names = ["a.wav", "b/1.flac", "b/2.wav", "b/broken.wav", "b/file.wav", "c/far.wav"]
    assert [path.relative_to(folder).as_posix() for path in found] == names


@pytest.mark.filterwarnings("ignore::audiotag.errors.AudioWarning")
def test_a_file_that_only_pyav_reads_is_named_where_there_is_none(tagger, folder, monkeypatch):
    (folder / "b" / "3.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    monkeypatch.setitem(sys.modules, "av", None)
    reasons = {result.path.name: result.reason for result in tag_files(tagger, [folder])}
    assert list(reasons) == ["a.wav", "1.flac", "2.wav", "3.m4a"]
    assert 'pip install "audiotag[formats]"' in reasons["3.m4a"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("torn"), ZeroDivisionError()])
def test_whatever_is_raised_costs_one_file(tagger, folder, monkeypatch, error):
    predict = tagger.predict_on_batch
    second = audio.read(folder / "b/1.flac", tagger.sample_rate)

    def fail_once(batch):
        if np.array_equal(batch[0, : len(second)], second[: batch.shape[1]]):
            raise error
        return predict(batch)

    monkeypatch.setattr(tagger, "predict_on_batch", fail_once, raising=False)
    results = list(tag_files(tagger, [folder / "a.wav", folder / "b/1.flac", folder / "b/2.wav"]))
    assert [bool(result.tags) for result in results] == [True, False, True]
    assert results[1].reason.startswith(type(error).__name__)


def test_a_recording_a_little_longer_than_a_window_is_one_window(tagger, tmp_path):
    audio.write(tmp_path / "long.wav", np.full(round(1.015 * RATE), 0.1, np.float32), RATE)
    (result,) = tag_files(tagger, [tmp_path / "long.wav"], top=1)
    assert [(tag.start, tag.end) for tag in result.tags] == [(0.0, 1.0)]
    audio.write(tmp_path / "longer.wav", np.full(round(1.025 * RATE), 0.1, np.float32), RATE)
    (result,) = tag_files(tagger, [tmp_path / "longer.wav"], top=1)
    assert [tag.start for tag in result.tags] == [0.0, pytest.approx(0.025)]


def test_channel_and_speed_are_those_of_every_file_and_times_the_recording_s_own(tagger, tmp_path, noise):
    stereo = np.stack([noise[: 2 * RATE], np.zeros(2 * RATE, np.float32)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE, subtype="FLOAT")
    (left,) = tag_files(tagger, [tmp_path / "stereo.wav"], channel="left")
    assert left.tags == tuple(tagger.tag(noise[: 2 * RATE]))
    soundfile.write(tmp_path / "fast.wav", noise[: 2 * RATE], 4 * RATE, subtype="FLOAT")
    (slow,) = tag_files(tagger, [tmp_path / "fast.wav"], speed=0.25)
    assert [tag.score for tag in slow.tags] == [tag.score for tag in left.tags]
    assert [(tag.start, tag.end) for tag in slow.tags[::3]] == [(0.0, 0.25), (0.25, 0.5)]
    (half,) = tag_files(tagger, [tmp_path / "fast.wav"], speed=0.25, window=0.125)
    assert [tag.start for tag in half.tags[::3]] == [0.0, 0.125, 0.25, 0.375]
    (embedded,) = embed_files(tagger, [tmp_path / "fast.wav"], "hidden", speed=0.25, timestamps=True)
    np.testing.assert_allclose(embedded.embeddings.starts, [0.0, 0.25])


def test_files_are_played_at_the_speed_of_the_training_which_one_line_says(tagger, tmp_path, noise, capsys):
    sound = noise[: 2 * RATE]
    soundfile.write(tmp_path / "fast.wav", sound, 4 * RATE, subtype="FLOAT")
    parts = (tagger.network, tagger.labels, tagger.front_end)
    slow = AudioTagger(*parts, task="multilabel", seconds=1.0, speed=0.25)
    slow.save(tmp_path / "slow.keras")
    slow, expected = load(tmp_path / "slow.keras"), [tag.score for tag in tagger.tag(sound)]
    assert slow.speed == 0.25 and "speed" not in tagger.get_config()
    tags = slow.tag(tmp_path / "fast.wav")
    assert [tag.score for tag in tags] == expected == [tag.score for tag in slow.tag(sound)]
    assert [tag.start for tag in tags[::3]] == [0.0, 0.25]
    assert slow.tag(audio.Recording(tmp_path / "fast.wav")) == tagger.tag(tmp_path / "fast.wav")
    centres, vectors = slow.embed(tmp_path / "fast.wav", "hidden", timestamps=True)
    assert centres.tolist() == [0.125, 0.375] and len(vectors) == 2
    progress.set_quiet(False)
    (result,) = tag_files(slow, [tmp_path / "fast.wav"])
    assert result.tags == tuple(tags)
    line = "tiny was trained on recordings played at speed 0.25: these are played at speed"
    assert capsys.readouterr().err.count(f"{line} 0.25 (--speed chooses)") == 1
    (result,) = tag_files(slow, [tmp_path / "fast.wav"], speed=1.0)
    assert result.tags == tuple(tagger.tag(tmp_path / "fast.wav"))
    assert capsys.readouterr().err.count(f"{line} 1 (--speed chooses)") == 1
    (embedded,) = embed_files(slow, [tmp_path / "fast.wav"], "hidden", timestamps=True)
    np.testing.assert_array_equal(embedded.embeddings.vectors, vectors)
    assert capsys.readouterr().err.count(f"{line} 0.25 (--speed chooses)") == 1
    list(tag_files(slow, [tmp_path / "fast.wav"], speed=0.25))
    list(tag_files(tagger, [tmp_path / "fast.wav"], speed=0.25))
    assert "was trained on" not in capsys.readouterr().err
    several = AudioTagger(*parts, task="multilabel", seconds=1.0, speed=None)
    (result,) = tag_files(several, [tmp_path / "fast.wav"])
    assert result.tags == tuple(tagger.tag(tmp_path / "fast.wav"))
    assert "trained on recordings played at several speeds: these are played at speed 1" in capsys.readouterr().err


def test_progress_is_hours_of_sound_and_goes_on_inside_a_file(tagger, tmp_path, monkeypatch, capfd):
    progress.set_quiet(False)
    audio.write(tmp_path / "long.wav", np.full(4000 * RATE, 0.1, np.float32), RATE)
    advanced, bar = [], progress.bar

    @contextlib.contextmanager
    def watched(*arguments, **options):
        with bar(*arguments, **options) as advance:
            yield lambda amount: advanced.append(amount) or advance(amount)

    monkeypatch.setattr(progress, "bar", watched)
    monkeypatch.setattr(tagger, "predict_on_batch", lambda batch: np.zeros((len(batch), 3), np.float32), raising=False)
    list(tag_files(tagger, [tmp_path / "long.wav"], window=1.0))
    assert len(advanced) > 10 and sum(advanced) == pytest.approx(4000)
    assert re.fullmatch(r"Tagging: 1\.11 h of sound in .* s \(.*x real time\)\n", capfd.readouterr().err)


def test_a_folder_without_sounds_and_nothing_at_all_are_refused(tmp_path):
    with pytest.raises(AudiotagError, match="holds no sound files"):
        sound_files([tmp_path])
    with pytest.raises(AudiotagError, match="nothing to tag"):
        sound_files([])


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(1000))


def replace(path: Path) -> None:
    other = path.with_name("new.wav")
    audio.write(other, np.full(RATE, -0.1, np.float32), RATE)  # as long as what it replaces
    other.replace(path)


@pytest.mark.parametrize("change", [grow, replace, Path.unlink])
def test_a_file_that_changes_or_vanishes_while_it_is_read_is_named(tagger, tmp_path, monkeypatch, change):
    for name in ("a.wav", "b.wav"):
        audio.write(tmp_path / name, np.full(RATE, 0.1, np.float32), RATE)
    predict, reached = tagger.predict_on_batch, []

    def meanwhile(batch: np.ndarray) -> np.ndarray:
        if not reached:
            reached.append(change(tmp_path / "a.wav"))
        return predict(batch)

    monkeypatch.setattr(tagger, "predict_on_batch", meanwhile, raising=False)
    monkeypatch.setattr("audiotag.tagging.files.processors", lambda: 1)  # a.wav is the first that is computed
    changed, whole = tag_files(tagger, [tmp_path / "a.wav", tmp_path / "b.wav"])
    assert changed.reason == "a.wav was written while it was read: tag it when it is whole"
    assert (whole.reason, len(whole.tags)) == ("", 3)


def test_a_file_that_vanishes_before_its_turn_is_named(tagger, tmp_path):
    for name in ("a.wav", "b.wav"):
        audio.write(tmp_path / name, np.full(RATE, 0.1, np.float32), RATE)
    paths = sound_files([tmp_path])
    paths[0].unlink()
    gone, whole = tag_files(tagger, paths)
    assert (gone.reason, whole.reason) == ("a.wav is missing: no such file", "")


@pytest.mark.filterwarnings("ignore::audiotag.errors.AudioWarning")
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
    assert list(rows[0]) == ["file", "start", "end", "label", "score", "time"]
    assert [(row["file"], row["label"], float(row["score"])) for row in rows] == [
        ("a, b.wav", "rain, heavy", 0.75),
        ("a, b.wav", 'a "quoted" 🐕', 0.25),
        ("[bold]x.wav", "[red]Dog", 0.5),
    ]
    assert (rows[2]["start"], rows[2]["end"]) == ("12.346", "22.346")
    assert [row["time"] for row in rows] == ["", "", "2021-05-04T00:00:02.346"]
    assert errors.getvalue() == "audiotag: bad.wav: bad.wav is not audio\n"


def test_json_lines_hold_tags_and_reasons():
    stream = io.StringIO()
    assert write(RESULTS, "jsonl", stream, io.StringIO()) == 1
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    first = {"file": "a, b.wav", "start": 0.0, "end": 1.0, "label": "rain, heavy", "score": 0.75, "time": None}
    assert (rows[0], rows[2]["time"]) == (first, "2021-05-04T00:00:02.346")
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


def test_several_recordings_are_one_table_for_raven_with_a_column_that_names_them(tmp_path):
    for name, rate in (("a.wav", 8000), ("b.wav", 16_000)):
        audio.write(tmp_path / name, np.zeros(10), rate)
    results = [FileTags(tmp_path / name, (Tag("Dog", 0.5, 0.0, 1.0),)) for name in ("a.wav", "b.wav")]
    stream = io.StringIO()
    write(results, "raven", stream, several=True)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue()), delimiter="\t"))
    assert [(row["Selection"], row["High Freq (Hz)"], row["Begin Path"]) for row in rows] == [
        ("1", "4000.0", str(tmp_path / "a.wav")),
        ("2", "8000.0", str(tmp_path / "b.wav")),
    ]


def test_each_recording_has_a_file_of_its_own_in_a_folder(tmp_path):
    paths = [tmp_path / "in" / name for name in ("x/1.wav", "y/1.wav", "y/1.flac", "bad.wav")]
    results = [FileTags(path, (Tag("Dog", 0.5, 0.0, number),)) for number, path in enumerate(paths[:3], 1)]
    errors = io.StringIO()
    bad = FileTags(paths[3], reason="is silent")
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with Results.opened(tmp_path / "out", {}, ".txt", paths) as folder:
        assert writing.write_each([*results, bad], folder, "audacity", errors) == 1
        assert folder.missing(paths) == [paths[3]]
    written = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.txt")}
    assert sorted(written) == ["x/1.wav.txt", "y/1.flac.txt", "y/1.wav.txt"]
    assert written["y/1.flac.txt"].read_text() == "0.000000\t3.000000\tDog\n"
    assert errors.getvalue() == f"audiotag: {paths[3]}: is silent\n"
    (tmp_path / "file").touch()
    wrong = Results.opened(tmp_path / "file", {}, ".txt", paths)
    with pytest.raises(AudiotagError, match="go into a folder, received the file"), wrong:
        pass


def test_whoever_stops_it_is_told_what_is_kept(tmp_path):
    def stopped():
        yield RESULTS[0]
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="the results of 1 files are written: the same command begins anew"):
        write(stopped(), "csv", io.StringIO())
    opened = Results.opened(tmp_path / "out", {}, ".csv", [tmp_path / "a, b.wav", Path("a, b.wav")])
    with pytest.raises(Stopped, match="out holds the results of 1 more files"), opened as folder:
        writing.write_each(stopped(), folder, "csv")


def test_a_stream_of_ascii_gets_json_that_is_json():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    write([FileTags(Path("é\U0001f415.wav"), (Tag("Dög", 0.5, 0.0, 1.0),))], "jsonl", stream)
    stream.seek(0)
    assert json.loads(stream.read())["file"] == "é\U0001f415.wav"


def test_an_unknown_format_suggests_the_nearest():
    with pytest.raises(AudiotagError, match="did you mean 'jsonl'"):
        write([], "json")
