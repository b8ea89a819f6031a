"""`audiotag tag` and `embed` with the files of recorders, phones and streaming writers, as a user runs them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.test_interrupts import interrupt, start

Command = Callable[..., object]
WHOLE = {
    "cbr_with_info_3s.mp3": 3.0,
    "cbr_without_info_3s.mp3": 3.018,
    "control_bark_3s.wav": 3.0,
    "flac_unknown_total.flac": 3.0,
    "ogg_two_links_6s.ogg": 6.0,
    "stereo_antiphase.wav": 3.0,
    "vbr_with_xing_10s.mp3": 10.0,
    "vbr_without_xing_10s.mp3": 10.019,
    "wav_10.01s.flac": 10.01,
    "wav_data_size_0.wav": 3.0,
    "wav_data_size_is_file_size.wav": 3.0,
}
REASONS = {
    "flac_total_double.flac": "truncated: its header promises 96000 samples, its last frame ends with 48000",
    "float_int16_scale.wav": "16-bit integers written as floats: divide its samples by 32768",
    "float_one_sample_1e20.wav": "a sample of 1e+20",
}


@pytest.fixture
def faults(shared: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared("faults"), tmp_path / "faults"))


@pytest.fixture(scope="module")
def exported(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The student as a file that needs no Keras: a process that tags with it starts in a second."""
    from audiotag.export import Form, export

    return export(student, Form("litert"), tmp_path_factory.mktemp("exported") / "student.tflite").path


def test_every_odd_file_is_tagged_or_named_with_its_reason(command: Command, student: Path, faults: Path) -> None:
    arguments = ("tag", faults, "--model", student, "--top", 1, "--format", "csv")
    outcome = command(*arguments)
    rows = {Path(row["file"]).name: float(row["end"]) for row in csv.DictReader(outcome.out.splitlines())}
    assert outcome.code == 1
    assert rows == pytest.approx(WHOLE, abs=2e-3)
    lines = outcome.err.splitlines()
    for name, reason in REASONS.items():
        assert sum(name in line and reason in line for line in lines) == 1
    assert len(lines) == len(REASONS)


def test_what_is_to_be_known_is_said_once_a_command(exported: Path, faults: Path) -> None:
    tag = ("tag", str(faults), "--model", str(exported), "--format", "csv")
    process = subprocess.run([sys.executable, "-m", "audiotag", *tag], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    lines = process.stderr.splitlines()
    low = [line for line in lines if "at 16 kHz have nothing above 8 kHz to hear" in line]
    beside = [line for line in lines if "files that are no sound by their suffix (.csv 5, .md 1, .sh 1)" in line]
    cancelled = [line for line in lines if "stereo_antiphase.wav: the mean of its 2 channels cancels" in line]
    assert (len(low), len(beside), len(cancelled)) == (1, 1, 1)
    scores = [float(row["score"]) for row in csv.DictReader(process.stdout.splitlines())]
    assert scores and np.isfinite(scores).all()
    assert len(lines) == len(REASONS) + 4  # and the closing line of the progress


IN_EVERY_FORMAT = """
import sys
from audiotag.cli import run
from audiotag.cli.app import app
folder, model, *formats = sys.argv[1:]
for format in formats:
    print("=====", flush=True)
    assert run(app, ["tag", folder, "--model", model, "--format", format]) == 1
"""


def test_names_that_the_terminal_cannot_encode_do_not_end_a_run(exported: Path, tone: Callable, tmp_path: Path) -> None:
    for name in ("é.wav", "日本.wav", "z.wav"):
        tone(tmp_path / "in" / name)
    (tmp_path / "in" / "ö.wav").write_bytes(b"")
    formats = ("table", "csv", "jsonl", "raven")
    process = subprocess.run(
        [sys.executable, "-c", IN_EVERY_FORMAT, tmp_path / "in", exported, *formats],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (process.returncode, b"Traceback" in process.stderr) == (0, False)
    assert process.stderr.count(b"in/\\xf6.wav: ") == len(formats)
    for format, out in zip(formats, process.stdout.decode("ascii").split("=====\n")[1:], strict=True):
        if format == "jsonl":
            files = {Path(json.loads(line)["file"]).name for line in out.splitlines()}
            assert files == {"é.wav", "日本.wav", "z.wav", "ö.wav"}
        else:
            assert all(name in out for name in ("\\xe9.wav", "\\u65e5\\u672c.wav", "z.wav"))


HOLDS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys
import time
from audiotag import audio
stream = audio.stream
def held(recording, rate):
    if "hold" in str(recording.path):
        print("reached", file=sys.stderr, flush=True)
        while True:
            time.sleep(0.05)
    return stream(recording, rate)
audio.stream = held
from audiotag.cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("tag", "--format", "csv"), "the results of 1 files are written: the same command begins anew"),
        pytest.param(
            ("embed", "--out", "e.npz"),
            "e.npz would be written at the end, nothing is kept: the same command begins anew",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_whoever_interrupts_is_told_what_is_kept(
    request: pytest.FixtureRequest, tone: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, kept
) -> None:
    model = request.getfixturevalue("exported" if arguments[0] == "tag" else "student")
    for name in ("a.wav", "hold.wav", "z.wav"):
        tone(tmp_path / "in" / name)
    monkeypatch.chdir(tmp_path)
    verb, *options = arguments
    process = start("--quiet", verb, tmp_path / "in", "--model", model, *options, program=HOLDS)
    assert process.stderr.readline() == "reached\n"
    # The files are decoded side by side: the first one's results are waited for.
    written = [process.stdout.readline() for _ in range(2)] if verb == "tag" else []
    code, out, err = interrupt(process)
    assert (code, err) == (130, f"audiotag: stopped; {kept}\n")
    if verb == "tag":
        rows = csv.DictReader([*written, *out.splitlines()])
        assert {row["file"] for row in rows} == {str(tmp_path / "in" / "a.wav")}
    assert not list(tmp_path.glob("*.npz"))


def test_a_channel_or_speed_that_there_is_not_is_refused(
    refuse: Callable[..., str], student: Path, tone: Callable, tmp_path: Path
) -> None:
    tone(tmp_path / "a.wav")
    tag = ("tag", tmp_path / "a.wav", "--model", student)
    assert "channel must be mean, left, right, loudest or a number" in refuse(*tag, "--channel", "middle")
    assert "speed must lie between" in refuse(*tag, "--speed", "0")


def test_labels_of_several_recordings_go_to_a_file_each(
    command: Command, student: Path, folder: Path, tmp_path: Path
) -> None:
    arguments = ("tag", folder, "--model", student, "--format", "audacity", "--out", tmp_path / "labels")
    assert (command(*arguments).code, command(*arguments).out) == (0, "")
    names = sorted(path.relative_to(tmp_path / "labels").as_posix() for path in (tmp_path / "labels").rglob("*.txt"))
    assert names == sorted(f"{label}/{take}.wav.txt" for label in ("low", "high") for take in range(4))
    assert (tmp_path / "labels" / names[0]).read_text(encoding="utf-8").startswith("0.000000\t0.500000\t")


def test_build_reads_the_channel_at_the_speed_that_is_asked_for(command: Command, tmp_path: Path) -> None:
    from audiotag import audio, records
    from audiotag.records.clips import recorded

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 64_000, 2)).astype(np.float32)
    for index, name in enumerate(("a/1", "a/2", "b/1", "b/2")):
        (tmp_path / "bats" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "bats" / f"{name}.wav", noise[index], 64_000, subtype="FLOAT")
    options = ("--channel", "right", "--speed", "0.5", "--seconds", "1", "--pad", "zero", "--keep-waveforms")
    outcome = command("build", tmp_path / "bats", "--out", tmp_path / "data", "--workers", 1, *options)
    assert (outcome.code, outcome.err) == (0, "")
    data = records.open(tmp_path / "data")
    assert sorted(data.clips["clip_id"])[:2] == ["a/1.wav#0.000", "a/1.wav#0.500"]
    read = recorded(data, tmp_path / "bats", 32_000)
    np.testing.assert_allclose(read("a/1.wav#0.500"), noise[0, 32_000:, 1], atol=1e-6)
    np.testing.assert_allclose(
        read("a/1.wav#0.000"),
        audio.read(audio.Recording(tmp_path / "bats/a/1.wav", "2", 0.5), 32_000)[:32_000],
        atol=1e-6,
    )
    assert (data.pad, data.speed, data.channel) == ("zero", 0.5, "right")


def test_build_reads_links_names_what_it_leaves_out_and_tells_what_is_to_be_known(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "low", tmp_path / "in" / "low")
    (tmp_path / "in" / "high").symlink_to(folder / "high")
    (tmp_path / "in" / "low" / "notes.txt").write_text("a note")
    left = soundfile.read(folder / "low" / "0.wav")[0]
    soundfile.write(tmp_path / "in" / "low" / "9.wav", np.stack([left, -left], axis=1), 32_000)
    build = ("build", tmp_path / "in", "--out", tmp_path / "data", "--workers", "1", "--seconds", "0.5")
    process = subprocess.run([sys.executable, "-m", "audiotag", *build], capture_output=True, text=True, check=False)
    assert process.returncode == 0
    assert "9 clips, 9 examples, 0 rejected" in process.stdout
    assert process.stderr.count("1 files that are no sound by their suffix (.txt 1)") == 1
    assert process.stderr.count("9.wav: the mean of its 2 channels cancels what they have") == 1


def test_a_run_that_was_killed_goes_on_and_the_folder_holds_the_same(
    exported: Path, command: Command, tone: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("20210503_060000.wav", "hold.wav", "z.wav"):
        tone(tmp_path / "in" / name)
    monkeypatch.chdir(tmp_path)
    tag = ("tag", "in", "--model", exported)
    process = start("--quiet", *tag, "--out", "out", program=HOLDS)
    assert process.stderr.readline() == "reached\n"
    written = tmp_path / "out" / "20210503_060000.wav.csv"
    journal = tmp_path / "out" / "finished.jsonl"
    while not (journal.is_file() and journal.read_bytes().endswith(b"\n")):  # entered, not only written
        assert process.poll() is None
    process.kill()
    process.communicate()
    before = written.stat().st_mtime_ns
    assert command(*tag, "--out", "out").code == 0
    assert written.stat().st_mtime_ns == before
    assert command(*tag, "--out", "whole").code == 0
    of_both = [{path.name: path.read_bytes() for path in Path(out).glob("*.csv")} for out in ("out", "whole")]
    assert of_both[0] == of_both[1]
    assert len(of_both[0]) == 3
    rows = list(csv.DictReader(written.read_text(encoding="utf-8").splitlines()))
    assert {row["time"] for row in rows} == {"2021-05-03T06:00:00.000"}


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    exported: Path, command: Command, refuse: Callable, tone: Callable, disk: Callable, tmp_path: Path
) -> None:
    for number in range(12):
        tone(tmp_path / "in" / f"{number:02}.wav")
    small = disk("size=24k")
    tag = ("tag", tmp_path / "in", "--model", exported, "--threshold", "0")
    line = refuse(*tag, "--out", small.path / "out")
    assert "No space left on device" in line and "make room" in line
    there = list((small.path / "out").glob("*.csv"))
    assert 0 < len(there) < 12
    small.remount("size=1m")
    assert command(*tag, "--out", small.path / "out").code == 0
    assert command(*tag, "--out", tmp_path / "whole").code == 0
    names = sorted(path.name for path in (tmp_path / "whole").glob("*.csv"))
    assert sorted(path.name for path in (small.path / "out").iterdir() if path.suffix == ".csv") == names
    for name in names:
        assert (small.path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_silence_and_what_is_shorter_than_a_window_have_tags(command: Command, exported: Path, tmp_path: Path) -> None:
    for name, samples in (("silence", np.zeros(64_000)), ("short", np.full(320, 0.1)), ("one", np.full(1, 0.1))):
        soundfile.write(tmp_path / f"{name}.wav", samples, 32_000)
    outcome = command("tag", tmp_path, "--model", exported, "--threshold", "0", "--top", 1, "--format", "csv")
    rows = list(csv.DictReader(outcome.out.splitlines()))
    assert (outcome.code, outcome.err) == (0, "")
    ends = {Path(row["file"]).stem: float(row["end"]) for row in rows}
    assert ends == {"silence": 2.0, "short": 0.01, "one": 0.0}
    assert np.isfinite([float(row["score"]) for row in rows]).all()


def test_labels_are_kept_or_left_out(
    command: Command, refuse: Callable, exported: Path, tone: Callable, tmp_path
) -> None:
    from tests.cli.conftest import CLASSES

    tone(tmp_path / "a.wav")
    (tmp_path / "list.txt").write_text(f"{CLASSES[0]}\n\n{CLASSES[3]}\n", encoding="utf-8")
    tag = ("tag", tmp_path / "a.wav", "--model", exported, "--format", "csv", "--threshold", "0")
    for options, expected in (
        (("--only", tmp_path / "list.txt"), {CLASSES[0], CLASSES[3]}),
        (("--only", CLASSES[1], "--only", CLASSES[2], "--without", CLASSES[2]), {CLASSES[1]}),
        (("--without", tmp_path / "list.txt"), {CLASSES[1], CLASSES[2]}),
    ):
        assert {row["label"] for row in csv.DictReader(command(*tag, *options).out.splitlines())} == expected
    assert "did you mean 'left/right'" in refuse(*tag, "--only", "left/wright")
    (tmp_path / "sound.txt").write_bytes(b"\xff\xfe\x00")
    assert "sound.txt is none: save it as such" in refuse(*tag, "--only", tmp_path / "sound.txt")
    assert "no label is left" in refuse(*tag, "--only", CLASSES[0], "--without", CLASSES[0])


def test_a_group_is_a_label_in_every_format(
    command: Command, refuse: Callable, exported: Path, tone: Callable, tmp_path
):
    from tests.cli.conftest import CLASSES

    tone(tmp_path / "a.wav")
    (tmp_path / "two.txt").write_text(f"{CLASSES[1]}\n{CLASSES[2]}\n", encoding="utf-8")
    with (tmp_path / "groups.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("label", "group"), (CLASSES[0], "first"), (CLASSES[0], "ends"), (CLASSES[3], "ends")]
        )
    tag = ("tag", tmp_path / "a.wav", "--model", exported, "--threshold", "0", "--top", 9)
    groups = ("--group", f"middle={tmp_path / 'two.txt'}", "--group", tmp_path / "groups.csv")
    rows = list(csv.DictReader(command(*tag, *groups, "--format", "csv").out.splitlines()))
    scores = {row["label"]: row["score"] for row in rows}
    assert set(scores) == {*CLASSES, "middle", "first", "ends"}
    assert scores["middle"] == max(scores[CLASSES[1]], scores[CLASSES[2]])
    assert scores["ends"] == max(scores[CLASSES[0]], scores[CLASSES[3]])
    assert scores["first"] == scores[CLASSES[0]]
    only = command(*tag, *groups, "--only", "middle", "--only", CLASSES[0], "--format", "jsonl").out.splitlines()
    shown = {json.loads(line)["label"]: json.loads(line)["score"] for line in only}
    assert shown == {name: float(scores[name]) for name in ("middle", CLASSES[0])}
    without = command(*tag, *groups, "--without", CLASSES[1], "--without", "ends", "--format", "audacity").out
    assert {line.split("\t")[2] for line in without.splitlines()} == {CLASSES[0], *CLASSES[2:], "middle", "first"}
    assert "no such file" in refuse(*tag, "--group", "middle=nowhere.txt")
    (tmp_path / "wrong.txt").write_text("say hi\n", encoding="utf-8")
    assert "group 'x': no label is named 'say hi'" in refuse(*tag, "--group", f"x={tmp_path / 'wrong.txt'}")
    assert "'left/right' is a label" in refuse(*tag, "--group", f"left/right={tmp_path / 'two.txt'}")
