"""What a user gets wrong: one line that says what is wrong and what to do, and nothing half-made left to trip over."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from audiotag import cli, models
from audiotag.errors import UnreachableError
from audiotag.records import fetching

pytestmark = pytest.mark.usefixtures("eager", "blank_pictures", "without_workers")

Command = Callable[..., object]
Refuse = Callable[..., str]


def rejected(data: Path) -> dict[str, str]:
    """Reason by source of the clips that a build could not use."""
    with (data / "clips.csv").open(encoding="utf-8", newline="") as file:
        return {row["source"]: row["reason"] for row in csv.DictReader(file) if row["status"] == "rejected"}


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_an_empty_folder_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    line = refuse("build", tmp_path / "empty", "--out", tmp_path / "data")
    assert "holds no sound files" in line
    assert "put a folder a class into it" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("lines", "phrases"),
    [
        (("path,label,lable", "low/0.wav,low,glad"), ("column 'lable'", "did you mean 'label'")),
        (("path,label,clip_id", "low/0.wav,low,x", "high/0.wav,high,x"), ("must be unique", "'x'", "rename")),
        (("path,label", "../elsewhere/0.wav,low"), ("'../elsewhere/0.wav'", "without '..'")),
        (("path,label",), ("names no label", "fill the column")),
        (("path",), ("no column label",)),
        (("path,label,start", "low/0.wav,low,soon"), ("line 2", "'soon'")),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(
    refuse: Refuse, folder: Path, tmp_path: Path, lines: tuple[str, ...], phrases: tuple[str, ...]
) -> None:
    path = table(tmp_path / "clips.csv", *lines)
    line = refuse("build", folder, "--out", tmp_path / "data", "--table", path)
    assert all(phrase in line for phrase in phrases)
    assert not (tmp_path / "data").exists()


def test_a_file_that_the_table_names_and_is_not_there_is_rejected_and_the_others_are_built(
    command: Command, folder: Path, tmp_path: Path
) -> None:
    lines = ("path,label,split", "low/0.wav,low,train", "low/nine.wav,low,train", "high/0.wav,high,train")
    arguments = ("build", folder, "--out", tmp_path / "data", "--table", table(tmp_path / "t.csv", *lines))
    first = command(*arguments)
    assert first.code == 1
    assert "3 clips, 2 examples, 1 rejected" in first.out
    assert rejected(tmp_path / "data") == {"low/nine.wav": "nine.wav is missing: no such file"}
    again = command(*arguments)
    assert (again.code, "already built" in again.out) == (1, True)
    assert command(*arguments, "--max-rejects", 1).code == 0


def test_files_that_hold_no_usable_sound_are_rejected_with_a_reason_each(
    command: Command, refuse: Refuse, folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "sounds" / "bad"
    bad.mkdir(parents=True)
    (bad / "text.wav").write_text("I am a letter.", encoding="utf-8")
    (bad / "nothing.wav").write_bytes(b"")
    soundfile.write(bad / "short.wav", np.zeros(0, np.float32), 32_000)
    soundfile.write(bad / "nan.wav", np.array([0.1, np.nan] * 2000, np.float32), 32_000, subtype="FLOAT")
    whole = (folder / "low" / "0.wav").read_bytes()
    (bad / "torn.wav").write_bytes(whole[: len(whole) // 2])
    assert "all 5 clips were rejected" in refuse(
        "build", tmp_path / "sounds", "--out", tmp_path / "data", "--allow-one-class"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sounds"]

    shutil.copytree(folder / "low", tmp_path / "sounds" / "low")
    outcome = command("build", tmp_path / "sounds", "--out", tmp_path / "data")
    reasons = rejected(tmp_path / "data")
    assert (outcome.code, len(reasons)) == (1, 5)
    for name, phrase in {
        "text": "not audio",
        "nothing": "empty file",
        "short": "zero-length",
        "nan": "NaN",
        "torn": "truncated",
    }.items():
        assert phrase in reasons[f"bad/{name}.wav"]


def test_classes_with_commas_quotes_slashes_and_emoji_go_the_whole_way(
    command: Command, data: Path, student: Path, recordings: Path, classes: tuple[str, ...]
) -> None:
    assert json.loads(command("verify", data, "--json").out) == []
    assert command("evaluate", student, "--split", "validation").code == 0
    with (student / "evaluation-validation" / "metrics.csv").open(encoding="utf-8", newline="") as file:
        named = [row["class"] for row in csv.DictReader(file)]
    assert sorted(filter(None, named)) == sorted(classes)
    tagged = command("tag", recordings / "class 0", "--model", student, "--format", "csv", "--top", len(classes))
    rows = list(csv.DictReader(tagged.out.splitlines()))
    assert (tagged.code, tagged.err, {row["label"] for row in rows}) == (0, "", set(classes))
    assert command("teach", data, "--teacher", student).code == 0


def test_paths_with_dots_lead_where_they_say(command: Command, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    source, out = folder / "low" / "..", tmp_path / "here" / ".." / "data"
    assert command("build", source, "--out", out, "--seconds", "0.5").code == 0
    assert command("verify", tmp_path / "data").code == 0


@pytest.mark.parametrize(
    ("arguments", "guess"),
    [
        (("build", "esc5", "--out", "d"), "'esc50'"),
        (("build", "synthetic", "--out", "d", "--augment", "standart"), "'standard'"),
        (("build", "synthetic", "--out", "d", "--front-end", "librossa"), "'librosa'"),
        (("build", "synthetic", "--out", "d", "--clip", "9"), "'--clips'"),
        (("build", "synthetic", "--out", "d", "--variantz", "9"), "'--variants'"),
        (("models", "mn1_as"), "'mn10_as'"),
        (("tag", "x.wav", "--model", "mn04_ass"), "'mn04_as'"),
        (("recipe", "quickstrat"), "'quickstart'"),
        (("bild",), "'build'"),
        (("train", "--epocs", "3"), "--epochs"),
    ],
)
def test_the_nearest_name_is_suggested(
    refuse: Refuse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], guess: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert guess in refuse(*arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "guess"),
    [
        (("--model", "mn041"), "'mn04'"),
        (("--weights", "mn01_ass"), "'mn01_as'"),
        (("--train", "trane", "--validation", "none"), "'train'"),
        (("--optimizer", "adamww"), "'adamw'"),
        (("--monitor", "val_map"), "'val_mAP'"),
    ],
)
def test_train_suggests_the_nearest_name(
    refuse: Refuse, data: Path, tmp_path: Path, options: tuple[str, ...], guess: str
) -> None:
    assert f"did you mean {guess}" in refuse("train", data, "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_unknown_teachers_and_splits_are_refused(
    command: Command, refuse: Refuse, data: Path, student: Path, tmp_path: Path
) -> None:
    assert "'mn04_as'" in refuse("teach", data, "--teacher", "mn04_sa")
    assert "did you mean 'train'" in refuse("teach", data, "--teacher", student, "--splits", "trian")
    assert "did you mean 'validation'" in refuse("evaluate", student, "--split", "validaton")
    assert command("teach", data, "--teacher", student, "--name", "wise").code == 0
    line = refuse("train", data, "--out", tmp_path / "run", "--teacher", "wize")
    assert "did you mean 'wise'" in line
    assert not (tmp_path / "run").exists()


def test_options_out_of_range_or_of_another_type_are_refused(refuse: Refuse, folder: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "data")
    assert "--seconds must be a number, received 'long'" in refuse("build", folder, *out, "--seconds", "long")
    assert "seconds >= 0.5, received 480 and nan" in refuse("build", "synthetic", *out, "--seconds", "nan")
    assert "--multilabel must be true or false" in refuse("build", "synthetic", *out, "--multilabel=maybe")
    assert "received 'extra'" in refuse("build", folder, *out, "extra")
    assert "choose one" in refuse("build", folder, *out, "--source", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_of_another_front_end_is_refused_and_both_are_named(
    refuse: Refuse, built: Callable[..., Path], student: Path, training: tuple[str, ...], tmp_path: Path
) -> None:
    other = built("--front-end", "librosa")
    for arguments in (
        ("train", other, "--out", tmp_path / "run", "--train", "train", "--validation", "none", "--weights", "mn04_as"),
        ("train", other, "--out", tmp_path / "run", *training, "--weights", student / "student.keras"),
        ("teach", other, "--teacher", student),
    ):
        line = refuse(*arguments)
        assert "efficientat" in line
        assert "librosa" in line
        assert "front" in line
    assert list(tmp_path.iterdir()) == []
    assert not (other / "teachers").exists()


def test_a_run_is_evaluated_on_another_front_end_s_data_by_its_recordings_and_says_so(
    command: Command, built: Callable[..., Path], student: Path, tmp_path: Path
) -> None:
    options = ("--data", built("--front-end", "librosa"), "--split", "train", "--resamples", "0")
    outcome = command("evaluate", student, *options, "--out", tmp_path / "report")
    assert outcome.code == 0
    assert "student hears log-mel 'efficientat' of waveforms" in " ".join(outcome.out.split())


def test_teacher_outputs_of_another_data_set_are_refused(
    command: Command,
    refuse: Refuse,
    built: Callable[..., Path],
    data: Path,
    student: Path,
    training: tuple[str, ...],
    tmp_path: Path,
) -> None:
    other = built("--variants", "1", "--augment", "light")
    assert command("teach", data, "--teacher", student, "--name", "copied").code == 0
    shutil.copytree(data / "teachers" / "copied", other / "teachers" / "copied")
    line = refuse("train", other, "--out", tmp_path / "run", *training, "--teacher", "copied")
    assert "belong to another data set" in line
    assert "teach again" in line
    assert not list((tmp_path / "run").glob("*.keras"))
    assert "another build" in refuse("teach", other, "--teacher", student, "--name", "copied")
    shutil.rmtree(other / "teachers" / "copied")
    assert command("teach", other, "--teacher", student, "--name", "copied").code == 0


def test_logits_that_do_not_fit_are_refused(refuse: Refuse, data: Path, student: Path, tmp_path: Path) -> None:
    logits, ids = tmp_path / "other.npy", table(tmp_path / "ids.csv", "clip_id", "stranger", "foreigner")
    np.save(logits, np.zeros((2, 4), np.float32))
    assert "'stranger'" in refuse("teach", data, "--teacher", logits, "--ids", ids)
    assert "give ids" in refuse("teach", data, "--teacher", logits)
    assert "leave it out" in refuse("teach", data, "--teacher", logits, "--ids", ids, "--splits", "train")
    assert "leave it out" in refuse("teach", data, "--teacher", student, "--ids", ids)
    np.save(logits, np.zeros((2, 7), np.float32))
    assert "has 7 outputs" in refuse("teach", data, "--teacher", logits, "--ids", ids)
    assert not (data / "teachers" / "other").exists()


def test_weights_that_name_no_sounds_do_not_tag_or_teach(refuse: Refuse, data: Path, folder: Path) -> None:
    assert "mn04_im is a start for training" in refuse("tag", folder, "--model", "mn04_im")
    assert "mn04_im is a start for training" in refuse("teach", data, "--teacher", "mn04_im")


def test_folders_of_another_kind_are_refused(refuse: Refuse, data: Path, folder: Path, tmp_path: Path) -> None:
    assert "not a data set" in refuse("verify", folder)
    assert "not a data set" in refuse("build", folder, "--out", folder)
    assert "not a data set" in refuse("train", folder, "--out", tmp_path / "run")
    assert "new or empty folder" in refuse("train", data, "--out", folder)
    assert "student.keras" in refuse("train", data, "--out", tmp_path / "run", "--weights", folder)
    assert "student.keras" in refuse("evaluate", data)
    assert "student.keras" in refuse("teach", data, "--teacher", folder)
    assert "finished `audiotag train`" in refuse("tag", folder, "--model", data)
    assert not (tmp_path / "run").exists()
    assert not (folder / "recipe.toml").exists()


def test_one_bad_file_does_not_stop_the_tagging_of_the_others(
    command: Command, student: Path, folder: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.wav"
    text.write_text("I am a letter.", encoding="utf-8")
    good = [folder / "low" / "0.wav", folder / "high" / "0.wav"]
    outcome = command("tag", good[0], text, good[1], "--model", student, "--format", "jsonl", "--top", 1)
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 1
    assert [row["file"] for row in rows] == [str(good[0]), str(text), str(good[1])]
    assert ["error" in row for row in rows] == [False, True, False]
    assert outcome.err.startswith(f"audiotag: {text}: ")
    assert outcome.err.count("\n") == 1

    missing = command("tag", tmp_path / "missing.wav", "--model", student)
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == f"audiotag: {tmp_path / 'missing.wav'}: missing.wav is missing: no such file\n"


def test_settings_of_an_architecture_are_checked_before_anything_is_written(
    refuse: Refuse, data: Path, tmp_path: Path
) -> None:
    train = ("train", data, "--out", tmp_path / "run", "--model", "mn01", "--option")
    assert "--option is NAME=VALUE, received 'head'" in refuse(*train, "head")
    assert "mn01 has no option 'hed': did you mean 'head'" in refuse(*train, "hed=frames")
    assert "no pooling over time is named 'softmax'" in refuse(*train, "pooling=softmax")
    assert "value of the wrong kind, received width='wide'" in refuse(*train, "width=wide")
    assert "four of 1 or 2, received (2, 2)" in refuse(*train, "strides=[2, 2]")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_keras_json_of_other_taste_does_no_harm(data: Path, student: Path, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float16", "image_data_format": "channels_first"}))
    code = (
        "import sys; from audiotag.cli import run; from audiotag.cli.app import app\n"
        "data, student, sound, out = sys.argv[1:]\n"
        "small = [word for option in ('width=8', 'depth=1', 'heads=2') for word in ('--option', option)]\n"
        "for words in (['train', data, '--model', 'passt', *small, '--epochs', '1', '--out', out],"
        " ['tag', sound, '--model', student], ['tag', sound, '--model', out]):\n"
        "    assert run(app, words) == 0, words\n"
    )
    sound = next(path for path in recordings.rglob("*.wav") if path.stat().st_size > 5000)
    done = subprocess.run(
        [sys.executable, "-c", code, str(data), str(student), str(sound), str(tmp_path / "run")],
        env=os.environ | {"KERAS_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "keras.json says channels_first and float16: audiotag's networks are channels_last" in done.stderr
    layer = models.load(tmp_path / "run" / "student.keras")[0].get_layer("patches")
    assert (layer.data_format, layer.compute_dtype) == ("channels_last", "float32")


def test_networks_are_built_alike_whatever_keras_is_set_to() -> None:
    kept = keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy()
    keras.config.set_floatx("float16")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_dtype_policy("float16")
    try:
        network = models.build("cnn6", classes=2, mels=64)
        assert keras.config.floatx() == "float16" and keras.config.image_data_format() == "channels_first"
    finally:
        keras.config.set_floatx(kept[0])
        keras.config.set_image_data_format(kept[1])
        keras.config.set_dtype_policy(kept[2])
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network(np.zeros((1, 100, 64, 1), "float32")).shape == (1, 2)


@pytest.mark.parametrize(
    "command",
    [("evaluate", "mn04_as"), ("tag", "1.wav"), ("embed", "1.wav")],
)
def test_what_lies_on_this_machine_alone_takes_no_address(refuse: Callable[..., str], command: tuple[str, ...]) -> None:
    assert "on this machine alone, received the address s3://bucket/out" in refuse(*command, "--out", "s3://bucket/out")


def test_a_remote_shard_that_does_not_come_while_training_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    import tensorflow as tf

    def fetch(address: bytes) -> bytes:
        raise UnreachableError(f"{address.decode()} cannot be reached (timeout)")

    def program(**options: object) -> None:
        shards = tf.data.Dataset.from_tensors((0, "s3://bucket/a.tfrecord"))
        list(fetching.ahead(shards, fetch))

    assert cli.run(program, []) == 2
    assert capsys.readouterr().err == "audiotag: s3://bucket/a.tfrecord cannot be reached (timeout)\n"
