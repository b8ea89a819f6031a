"""Events that begin and end, windows that span no gap, and `audiotag listen` on a pipe of another process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import soundfile
from rich.console import Console

from audiotag import frontend, models
from audiotag.labels import Labels
from audiotag.listening import listening, screen
from audiotag.listening.events import Events
from audiotag.listening.sources import Piece
from audiotag.tagging import AudioTagger
from audiotag.tagging.streaming import StreamScores

LABELS = Labels(("quiet", "loud"))
RATE = 16000


@pytest.fixture(scope="module")
def tagger():
    """Hears how loud the loudest frame of a window is: about 1 for noise of half full scale, 0 for silence."""
    import keras

    config = frontend.LogMelConfig(name="few", sample_rate=RATE, window=400, hop=160, fft=512, mels=8, fmax=7600.0)
    inputs = keras.Input((None, 8, 1))
    loudest = keras.layers.GlobalMaxPooling2D()(keras.layers.AveragePooling2D((1, 8))(inputs))
    weights = keras.layers.Dense(2)
    network = keras.Model(inputs, weights(loudest))
    weights.set_weights([np.array([[-20.0, 20.0]], np.float32), np.array([0.0, 0.0], np.float32)])
    return AudioTagger(network, LABELS, config, seconds=0.5)


def test_a_sound_begins_at_its_threshold_and_lasts_while_it_is_near_it():
    events = Events(LABELS, np.array([np.inf, 0.5]))
    course = [0.1, 0.6, 0.4, 0.55, 0.36, 0.34, 0.45, 0.2]  # from 0.35 on it lasts
    told = []
    for number, score in enumerate(course):
        heard = StreamScores(number * 1.0, number + 2.0, np.array([0.9, score], np.float32))
        begun, ended = events.take(heard)
        told += [("begins", event.label, event.start, None) for event in begun]
        told += [("ends", event.label, event.start, event.end) for event in ended]
    assert told == [("begins", "loud", 2.0, None), ("ends", "loud", 2.0, 6.0)]
    assert events.open == [] and events.close() == []


def test_a_sound_ends_below_the_score_that_is_asked_for():
    events = Events(LABELS, np.array([np.inf, 0.5]), np.array([0.1, 0.1]))
    for number, score in enumerate([0.6, 0.15, 0.4, 0.05]):
        begun, ended = events.take(StreamScores(number * 1.0, number + 2.0, np.array([0.9, score], np.float32)))
        assert (len(begun), len(ended)) == (number == 0, number == 3)
    assert (ended[0].end, ended[0].score) == (4.0, pytest.approx(0.6))


class Scripted:
    """Half a second of noise or silence a letter; `|` is a gap of 3 s."""

    name, sample_rate = "script", RATE

    def __init__(self, script: str) -> None:
        self.script = script

    def pieces(self):
        random, lost = np.random.default_rng(0), 0.0
        for letter in self.script:
            if letter == "|":
                lost = 3.0
                continue
            loud = random.uniform(-0.5, 0.5, RATE // 2) if letter == "n" else np.zeros(RATE // 2)
            yield Piece(loud.astype(np.float32), time.monotonic(), lost)
            lost = 0.0


def listened(tagger, script: str, **options):
    events, account = Events(LABELS, np.array([np.inf, 0.5])), listening.Account()
    heard = list(listening.listen(tagger, Scripted(script), events, account, hop=0.5, **options))
    return heard, [event for each in heard for event in each.ended] + events.close(), account


def test_events_levels_and_the_account_are_those_of_what_came(tagger):
    heard, events, account = listened(tagger, "ssnnns")
    assert [(event.label, event.start, event.end) for event in events] == [("loud", 1.0, 2.5)]
    assert [round(each.level) for each in heard] == [-120, -120, -11, -11, -11, -120]
    assert (account.windows, account.seconds, account.gaps) == (6, 3.0, 0)
    assert "heard 3.0 s, 6 windows" in str(account) and "gaps 0" in str(account)


def test_no_window_spans_a_gap_and_what_was_heard_ends_before_it(tagger):
    heard, events, account = listened(tagger, "nn|ss", window=1.0)
    assert [(round(each.scores.start, 3), round(each.scores.end, 3)) for each in heard] == [(0, 1), (4, 5)]
    assert [(event.start, event.end) for event in events] == [(0.0, 1.0)]
    assert (account.gaps, account.lost, account.seconds) == (1, 3.0, 2.0)


def test_it_ends_when_it_was_told_to_and_says_where_nothing_but_zeros_comes(tagger):
    heard, _, account = listened(tagger, "s" * 30, seconds=6.0)
    assert account.seconds == 6.0
    assert [each.silent for each in heard[8:11]] == [False, True, True]


def test_the_view_shows_levels_labels_and_events(tagger):
    heard, _, account = listened(tagger, "nnss|n")
    shown = screen.Screen("garden", LABELS, np.array([np.inf, 0.5]), 2, np.array([True, True]))
    events, lines = Events(LABELS, np.array([np.inf, 0.5])), []
    for each in heard:
        events.take(each.scores)
        console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        console.print(shown.draw(each, events.open, account))
        lines.append(console.export_text())
    assert "garden" in lines[0] and "-10.8 dB" in lines[0] and "loud" in lines[0] and "0:00:00.5" in lines[0]
    assert "gaps 1, 3.0 s lost" in lines[-1] and "0:00:00.0 0:00:01.0 loud" in lines[-1]


@pytest.mark.parametrize(("share", "drawn"), [(0, "    "), (0.5, "██  "), (1, "████"), (0.28, "█▏  "), (7, "████")])
def test_bars_are_filled_to_an_eighth(share, drawn):
    assert screen.bar(share, 4) == drawn


@pytest.fixture(scope="module")
def saved(tagger, tmp_path_factory):
    return models.save(tagger, tmp_path_factory.mktemp("listening") / "loud.keras")


def test_samples_of_another_process_become_lines_and_events(saved, tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)
    sound = np.concatenate([np.zeros(RATE), noise, np.zeros(RATE)])
    options = ["--model", saved, "--hop", "0.5", "--rate", str(RATE), "--only", "loud", "--events", "events.jsonl"]
    command = [sys.executable, "-m", "audiotag", "listen", "-", *map(str, options)]
    done = subprocess.run(
        command, input=(sound * 2**15).astype("<i2").tobytes(), capture_output=True, cwd=tmp_path, check=True
    )
    assert done.stdout.decode().splitlines() == [
        "0:00:01.0  loud  1.00  begins",
        "0:00:03.0  loud  1.00  ends, from 0:00:01.0",
    ]
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (event["label"], event["start"], event["end"]) == ("loud", 1.0, 3.0)
    assert set(event) == {"label", "start", "end", "score", "time"}
    assert b"heard 4.0 s, 8 windows" in done.stderr


@pytest.mark.parametrize(("options", "end"), [((), "0:00:01.0"), (("--end-threshold", "0"), "0:00:02.0")])
def test_a_sound_lasts_until_its_end_threshold(saved, monkeypatch, capsys, options, end):
    from audiotag import cli
    from audiotag.cli.app import app

    sound = np.concatenate([np.random.default_rng(0).uniform(-0.5, 0.5, RATE), np.zeros(RATE)])
    samples = io.BytesIO((sound * 2**15).astype("<i2").tobytes())
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=samples))
    listen = ["listen", "-", "--model", str(saved), "--hop", "0.5", "--rate", str(RATE), "--only", "loud", *options]
    assert cli.run(app, listen) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"{end}  loud  1.00  ends, from 0:00:00.0"


def test_what_was_heard_before_the_samples_broke_off_is_written(saved, tmp_path, monkeypatch, capsys):
    from audiotag import cli
    from audiotag.cli.app import app

    noise = (np.random.default_rng(0).uniform(-0.5, 0.5, RATE) * 2**15).astype("<i2").tobytes()
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(noise + b"\0")))
    monkeypatch.chdir(tmp_path)
    options = ["--model", str(saved), "--hop", "0.5", "--rate", str(RATE), "--only", "loud", "--events", "events.jsonl"]
    assert cli.run(app, ["listen", "-", *options]) == 2
    assert "in the middle of a sample" in capsys.readouterr().err
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (event["label"], event["start"], event["end"]) == ("loud", 0.0, 1.0)


def test_a_model_of_slowed_recordings_is_refused(tagger, tmp_path, capsys):
    from audiotag import cli
    from audiotag.cli.app import app

    slow = AudioTagger(tagger.network, LABELS, tagger.front_end, seconds=0.5, speed=0.1)
    path = models.save(slow, tmp_path / "bats.keras")
    assert cli.run(app, ["listen", "-", "--rate", "16000", "--model", str(path)]) == 2
    assert "played at speed 0.1" in capsys.readouterr().err


def test_a_file_is_listened_to_as_it_sounds(saved, tmp_path, capsys):
    from audiotag import cli
    from audiotag.cli.app import app

    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, RATE), RATE)
    begun = time.monotonic()
    assert cli.run(app, ["listen", str(tmp_path / "a.wav"), "--model", str(saved), "--hop", "0.25"]) == 0
    assert time.monotonic() - begun >= 1.0
    assert "loud" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-"], "name it with --rate"),
        (["missing.wav"], "missing.wav"),
        (["-", "--rate", "16000", "--seconds", "0"], "must be positive"),
        (["-", "--rate", "16000", "--only", "louder"], "no label is named 'louder'"),
        (["-", "--rate", "16000", "--hop", "9"], "without gaps"),
        (["-", "--rate", "16000", "--threshold", "0.5", "--end-threshold", "0.6"], "--end-threshold must be from 0 to"),
    ],
)
def test_what_cannot_be_listened_to_is_one_line(saved, capsys, arguments, message, monkeypatch):
    from audiotag import cli
    from audiotag.cli.app import app

    assert cli.run(app, ["listen", *arguments, "--model", str(saved)]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
