"""`audiotag build`: the options of a data set, what is said before the work, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import cli
from audiotag.cli.app import app

Command = Callable[..., object]
Refuse = Callable[..., str]


def test_help_lists_the_options_of_the_data_set_that_is_named(command: Command, folder: Path, tmp_path: Path) -> None:
    plain = command("build", "--help")
    assert (plain.code, plain.err, "Options of" in plain.out) == (0, "", False)
    for dataset in ("folder", folder):
        shown = command("build", dataset, "--help")
        assert (shown.code, shown.err) == (0, "")
        own = shown.out.split(f"Options of {dataset}:")[1]
        assert "--table" in own and "--seconds" in own and "[default: 5.0]" in own
        assert "--allow-class-names [true|false]" in own and "--source" not in own
    assert '"esc10" for the ten classes' in command("build", "--out", "x", "esc50", "--help").out
    multilabel = command("build", "synthetic", "-h").out.split("--multilabel [true|false]")[1]
    assert "[default: true]" in " ".join(multilabel.split())
    file = tmp_path / "mine.py"
    file.write_text("def declare():\n    '''Nothing to choose.'''\n", encoding="utf-8")
    assert command("build", file, "--help").out.endswith("Nothing to choose.\n")


def test_an_unknown_data_set_is_one_line_in_its_help_too(refuse: Refuse) -> None:
    assert "'zzzz' is neither a file nor one of audiotag's datasets: choose one (known:" in refuse(
        "build", "zzzz", "--help"
    )


def test_a_switch_of_a_data_set_needs_no_word(command: Command, tone: Callable, tmp_path: Path) -> None:
    for number, name in enumerate(("audio", "dog")):
        tone(tmp_path / "sounds" / name / "1.wav", 300 + 100 * number)
    arguments = ("build", tmp_path / "sounds", "--out", tmp_path / "data", "--seconds", "0.5", "--workers", "1")
    assert "--allow-class-names makes it a class" in command(*arguments).err
    assert command(*arguments, "--allow-class-names=false").code == 2
    assert command(*arguments, "--allow-class-names").code == 0


def test_what_is_built_is_said_before_the_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", str(folder), "--out", str(tmp_path / "data"), "--seconds", "0.5", "--workers", "1"]
    assert cli.run(app, arguments) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("multiclass, 2 classes, 8 clips of 0.5 s, 8 recordings")
    assert lines[1] == "  classes: high 4, low 4"
    assert lines[2].startswith("  splits: ")
    assert lines[-1].startswith("Building data: ")


@pytest.mark.parametrize(
    ("dataset", "phrase"),
    [
        ("0.wav", "0.wav is another file: put it into a folder a class"),
        ("clips.csv", "audiotag build folder --source DIR --table"),
        ("folder", "cannot do without the option source: give --source"),
    ],
)
def test_what_is_no_data_set_is_told_what_to_do(
    refuse: Refuse, recordings: Path, tmp_path: Path, dataset: str, phrase: str
) -> None:
    named = {"0.wav": recordings / "class 0" / "0.wav", "clips.csv": recordings / "clips.csv"}.get(dataset, dataset)
    assert phrase in refuse("build", named, "--out", tmp_path / "data") and not (tmp_path / "data").exists()


def test_a_single_class_and_shared_recordings_are_built_when_they_are_meant(
    command: Command, refuse: Refuse, tone: Callable, tmp_path: Path
) -> None:
    for place in ("one/dog/1.wav", "two/train/dog/1.wav", "two/test/cat/1.wav"):
        tone(tmp_path / place)
    for name, switch in (("one", "--allow-one-class"), ("two", "--allow-shared-recordings")):
        arguments = ("build", tmp_path / name, "--out", tmp_path / "data" / name, "--seconds", "0.5", "--workers", "1")
        assert switch in refuse(*arguments)
        assert command(*arguments, switch).code == 0


def test_a_data_set_shows_its_own_source_and_choices(command: Command) -> None:
    shown = " ".join(command("build", "audioset", "--help").out.split("Options of audioset:")[1].split())
    assert "--source <str> Folder with `class_labels_indices.csv`" in shown
    assert "--subset <all|balanced|unbalanced|eval>" in shown


def test_what_is_declared_faulty_is_rejected_and_is_no_failure(
    command: Command, tone: Callable, tmp_path: Path
) -> None:
    for number, name in enumerate(("low", "high")):
        tone(tmp_path / "sounds" / name / "1.wav", 300 + 100 * number)
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\nfrom audiotag import records\nfrom audiotag.labels import Labels\n"
        "def declare(source):\n"
        "    parts = (('low/1.wav', 'low', ''), ('high/1.wav', 'high', ''), ('low/2.wav', 'low', 'of a wrong label'))\n"
        "    clips = tuple(records.Clip(path, path, (label,), 'train', fault=fault) for path, label, fault in parts)\n"
        "    return records.Declaration(name='x', version='1', task='multiclass', licence='', citation='',\n"
        "        labels=Labels(('low', 'high')), clips=clips, seconds=0.5, root=Path(source))\n",
        encoding="utf-8",
    )
    arguments = ("build", tmp_path / "mine.py", "--source", tmp_path / "sounds", "--out", tmp_path / "data")
    for _ in range(2):
        outcome = command(*arguments, "--workers", 1)
        assert (outcome.code, "1 rejected" in outcome.out) == (0, True)
    assert "low/2.wav,low/2.wav,0.0,,train,low,rejected,of a wrong label" in (
        (tmp_path / "data" / "clips.csv").read_text(encoding="utf-8")
    )


def test_annotated_recordings_and_a_list_of_classes(
    command: Command, tone: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("a", "b", "c")):
        tone(tmp_path / "sounds" / f"{name}.wav", 300 + 100 * number, seconds=2.0)
        (tmp_path / "sounds" / f"{name}.txt").write_text("0.1\t0.9\tbark\n0.5\t1.5\thowl\n1.6\t1.9\train\n")
    (tmp_path / "classes.csv").write_text("class,as\nbark,dog\nhowl,dog\nrain,rain\n")
    arguments = ("build", "annotated", "--source", tmp_path / "sounds", "--seconds", "1", "--workers", "1")
    classes = ("--classes", tmp_path / "classes.csv")
    assert cli.run(app, [*map(str, (*arguments, *classes)), "--out", str(tmp_path / "data")]) == 0
    shown = capsys.readouterr()
    assert "6 clips, 6 examples, 0 rejected" in shown.out
    assert f"{tmp_path / 'classes.csv'}: bark, howl -> dog" in shown.err
    assert "multilabel, 2 classes, 6 clips of 1 s, 3 recordings" in shown.err
    assert "already built" in command(*arguments, *classes, "--out", tmp_path / "data").out
    assert command(*arguments, "--out", tmp_path / "data").code == 2  # another data set is there
    assert "add --classes" in command(*arguments, "--other-classes", "keep", "--out", tmp_path / "other").err
    wrong = command(*arguments, "--unannotated", "background", "--out", tmp_path / "other")
    assert wrong.code == 2 and "unannotated clips are negative or leave-out, received 'background'" in wrong.err


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        (("--engine", "spark"), "there is no engine 'spark': choose one (known: beam, local)"),
        (("--runner", "FlinkRunner"), "are of Apache Beam: add --engine beam"),
        (("--engine", "beam", "--runner", "FlinkRunner", "--workers", "2"), "FlinkRunner has workers of its own"),
    ],
)
def test_options_of_engines_are_used_or_refused(
    refuse: Refuse, folder: Path, tmp_path: Path, options: tuple[str, ...], phrase: str
) -> None:
    assert phrase in refuse("build", folder, "--out", tmp_path / "data", *options)
    assert not (tmp_path / "data").exists()


def test_options_of_beam_reach_it(command: Command, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam", reason='needs pip install "audiotag[beam]"')
    arguments = ("build", folder, "--seconds", "0.5", "--out")
    beam = ("--engine", "beam", "--beam-option", "direct_running_mode=in_memory")
    assert command(*arguments, tmp_path / "local", "--workers", "1").code == 0
    assert command(*arguments, tmp_path / "beam", *beam).code == 0
    for path in (tmp_path / "local").rglob("*.*"):
        assert (tmp_path / "beam" / path.relative_to(tmp_path / "local")).read_bytes() == path.read_bytes()
