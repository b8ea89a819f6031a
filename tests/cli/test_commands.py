"""What every command has: help that fits a terminal, quietness, JSON that is JSON, and exit codes."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import cli, storage
from audiotag.cli.app import app
from audiotag.training import Recipe

pytestmark = pytest.mark.usefixtures("without_workers")

COMMANDS = (
    "build",
    "verify",
    "inspect",
    "teach",
    "train",
    "sweep",
    "runs",
    "calibrate",
    "evaluate",
    "compare",
    "export",
    "tag",
    "summary",
    "cut",
    "pick",
    "listen",
    "serve",
    "transcribe",
    "tokens",
    "surprise",
    "continue",
    "embed",
    "models",
    "presets",
    "recipe",
    "bench",
)
Command = Callable[..., object]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ()])
def test_the_help_names_every_command_and_cuts_no_line(command: Command, arguments: tuple[str, ...]) -> None:
    shown = command(*arguments)
    lines = [line.strip() for line in shown.out.splitlines() if line.strip()]
    assert (shown.code, shown.err) == (0, "")
    assert [line.split()[0] for line in lines[-len(COMMANDS) :]] == list(COMMANDS)
    assert not any("..." in line for line in lines[-len(COMMANDS) :])
    assert all(len(line) <= 80 for line in shown.out.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(command: Command, name: str) -> None:
    shown = command(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"audiotag {name} " in shown.out.splitlines()[0]


def test_a_recipe_s_unknown_option_is_one_line(command: Command) -> None:
    stopped = command("recipe", "quickstart", "--student-epocs", "3")
    assert (stopped.code, stopped.out, stopped.err.count("\n")) == (2, "", 1)
    assert stopped.err.startswith("audiotag: ")
    assert "--student-epochs" in stopped.err
    assert stopped.err.endswith("Try 'audiotag recipe quickstart --help'.\n")


@pytest.mark.parametrize("name", sorted(path.stem for path in storage.library("recipes").glob("*.py")))
def test_a_recipe_explains_its_options(command: Command, name: str) -> None:
    shown = command("recipe", name, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"audiotag recipe {name} " in shown.out.splitlines()[0]
    assert " ".join(shown.out.split()).count("Folder for the data set and the runs.") == 1
    assert "Args:" not in shown.out


def test_train_has_an_option_for_every_field_of_a_recipe(command: Command) -> None:
    """With its line of the docstring, then its default."""

    def compact(text: str) -> str:
        return "".join(text.split()).lower()

    shown = compact(command("train", "--help").out)
    lines = dict(re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", Recipe.__doc__, re.MULTILINE))
    for field in dataclasses.fields(Recipe):
        if field.name not in ("model_options", "augment"):  # one by one: --option NAME=VALUE
            before, text, after = shown.partition(compact(lines[field.name]))
            assert field.name == "data" or f"--{field.name.replace('_', '-')}" in before[-60:]
            assert text
            if isinstance(field.default, int | float | str) and not isinstance(field.default, bool):
                assert compact(str(field.default)) in after.partition("--")[0]


def test_recipe_without_a_name_lists_the_recipes(command: Command) -> None:
    for arguments in (("recipe",), ("recipe", "--help")):
        shown = command(*arguments)
        assert shown.code == 0
        assert "quickstart" in shown.out
        assert "esc10_distill" in shown.out


def test_models_lists_all_of_them_and_shows_one(command: Command) -> None:
    listed = command("models")
    assert listed.code == 0
    assert "mn04_as" in listed.out
    assert "passt_s_as" in listed.out
    shown = dict(line.split(maxsplit=1) for line in command("models", "mn10_as").out.splitlines() if " " in line)
    assert shown["file"].strip().endswith("/mn10_as_mAP_471.pt")
    assert shown["parameters"].strip() == "4.877 M (19.5 MB in float32)"
    assert "recorded" in shown["sha256"]
    ensemble = command("models", "mn40_as_ensemble").out
    assert "mean of 9: mn40_as, mn40_as_2" in ensemble
    as_json = json.loads(command("models", "mn04_as", "--json").out)
    assert as_json["sha256"].startswith("899a8c62")
    rows = listed.out.split("\n\nMACs for a clip")[0].splitlines()[1:]
    presets = json.loads(command("models", "--json").out)
    assert [row.split()[0] for row in rows] == [preset["name"] for preset in presets]


def test_json_output_is_json(command: Command, folder: Path, student: Path, tmp_path: Path) -> None:
    build = ("build", folder, "--out", tmp_path / "data", "--seconds", "0.5", "--json")
    report = json.loads(command(*build).out)
    assert {"clips": 8, "examples": 8, "rejected": 0, "existed": False}.items() <= report.items()
    assert json.loads(command(*build).out)["existed"] is True
    assert json.loads(command("verify", tmp_path / "data", "--json").out) == []
    shard = next((tmp_path / "data" / "records").glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    verified = command("verify", tmp_path / "data", "--json")
    assert verified.code == 1
    assert {Path(problem["shard"]).name for problem in json.loads(verified.out)} == {shard.name}
    summary = json.loads(command("evaluate", student, "--split", "validation", "--json").out)["summary"]
    assert summary["classes"] == 4
    assert 0 <= summary["mAP"] <= 1


def test_a_table_is_found_beside_the_recordings_and_by_its_own_path(
    command: Command, recordings: Path, tmp_path: Path
) -> None:
    for index, table in enumerate(("clips.csv", recordings / "clips.csv")):
        built = command("build", recordings, "--out", tmp_path / f"data{index}", "--table", table)
        assert built.code == 0
        assert "12 clips" in built.out


def test_quietness_is_silence_on_standard_error(command: Command, data: Path, student: Path, folder: Path) -> None:
    tagged = command("tag", folder / "low" / "0.wav", "--model", student)
    assert (tagged.code, tagged.err) == (0, "")
    assert tagged.out.startswith(str(folder / "low" / "0.wav"))
    assert command("verify", data).err == ""


def test_quiet_stands_before_a_command_or_among_its_options(
    command: Command, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments, silent in ((["verify", data], False), (["verify", data, "--quiet"], True)):
        assert cli.run(app, list(map(str, arguments))) == 0
        assert (capfd.readouterr().err == "") == silent
    for arguments in [(name,) for name in COMMANDS if name not in ("bench", "recipe")] + [
        ("bench", "read"),
        ("bench", "models"),
        ("recipe", "quickstart"),
    ]:
        assert "-q, --quiet" in command(*arguments, "--help").out


def test_the_version_is_printed(command: Command) -> None:
    from audiotag import __version__

    assert command("--version").out == f"audiotag {__version__}\n"
