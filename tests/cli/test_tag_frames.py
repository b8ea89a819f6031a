"""`audiotag tag --frames`: events in every format, and options that make no sense without it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.usefixtures("eager")

Command = Callable[..., object]
Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "street.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(48_000), 32_000)
    return path


def test_events_are_written_in_every_format(command: Command, student: Path, street: Path, classes) -> None:
    arguments = ("tag", street, "--model", student, "--frames", "--threshold", "0", "--format")
    outcome = command(*arguments, "csv")
    rows = list(csv.DictReader(outcome.out.splitlines()))
    assert (outcome.code, outcome.err) == (0, "")
    # Every step reaches a threshold of 0: an event a label, as long as the recording.
    assert sorted(row["label"] for row in rows) == sorted(classes)
    assert {(row["start"], row["end"]) for row in rows} == {("0.000", "1.500")}
    assert [json.loads(line)["label"] for line in command(*arguments, "jsonl").out.splitlines()] == [
        row["label"] for row in rows
    ]
    labels = [line.split("\t") for line in command(*arguments, "audacity").out.splitlines()]
    assert labels == [["0.000000", "1.500000", row["label"]] for row in rows]
    raven = list(csv.DictReader(command(*arguments, "raven").out.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(row["Selection"], row["Label"]) for row in raven] == [
        (str(number), row["label"]) for number, row in enumerate(rows, 1)
    ]
    assert {(row["Begin Time (s)"], row["End Time (s)"], row["High Freq (Hz)"]) for row in raven} == {
        ("0.000000", "1.500000", "16000.0")
    }
    assert command(*arguments, "table").out.startswith(str(street))


def test_windows_have_these_formats_too_and_five_labels(command: Command, student: Path, street: Path) -> None:
    labels = command("tag", street, "--model", student, "--format", "audacity", "--window", "0.5", "--top", 1).out
    assert [line.split("\t")[:2] for line in labels.splitlines()] == [
        ["0.000000", "0.500000"],
        ["0.500000", "1.000000"],
        ["1.000000", "1.500000"],
    ]


def test_an_event_lasts_until_its_end_threshold(command: Command, student: Path, street: Path) -> None:
    tag = ("tag", street, "--model", student, "--frames", "--format", "csv", "--threshold")
    rows = list(csv.DictReader(command(*tag, 0).out.splitlines()))
    highest = {row["label"]: float(row["score"]) - 1e-5 for row in rows}
    label = max(highest, key=lambda name: highest[name])
    narrow = [row for row in csv.DictReader(command(*tag, highest[label]).out.splitlines()) if row["label"] == label]
    wide = list(csv.DictReader(command(*tag, highest[label], "--end-threshold", 0).out.splitlines()))
    assert [(row["label"], row["start"], row["end"]) for row in wide] == [(label, narrow[0]["start"], "1.500")]


def test_options_that_make_no_sense_are_refused(refuse: Refuse, student: Path, street: Path) -> None:
    tag = ("tag", street, "--model", student)
    assert "only events have gap and" not in refuse(*tag, "--gap", 1)
    assert "only events have smooth and min_duration" in refuse(*tag, "--smooth", 1, "--min-duration", 1)
    assert "add --frames" in refuse(*tag, "--gap", 1)
    assert "threshold must be a score" in refuse(*tag, "--frames", "--threshold", 2)
    assert "gap must be seconds" in refuse(*tag, "--frames", "--gap=-1")
    assert "add --frames" in refuse(*tag, "--end-threshold", 0.1)
    assert "which is 0.3 at most" in refuse(*tag, "--frames", "--threshold", 0.3, "--end-threshold", 0.4)
    assert "did you mean 'audacity'" in refuse(*tag, "--format", "audicity")
    several = refuse("tag", street, street, "--model", student, "--format", "audacity")
    assert "audacity is that of one recording, received several: add --out FOLDER" in several


def test_a_clip_too_short_for_its_network_is_one_line(command: Command, tmp_path: Path) -> None:
    from audiotag import AudioTagger, models
    from audiotag.labels import Labels

    network = models.build("passt", classes=2, frames=96, width=16, depth=1, heads=2)
    AudioTagger(network, Labels(("a", "b")), seconds=0.9, pad="none").save(tmp_path / "passt.keras")
    soundfile.write(tmp_path / "short.wav", np.full(1600, 0.1), 32_000)
    outcome = command("tag", tmp_path / "short.wav", "--model", tmp_path / "passt.keras")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        f"audiotag: {tmp_path / 'short.wav'}: passt takes at least 16 frames, 0.05 s give 5: use longer clips\n"
    )
