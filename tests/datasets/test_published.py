"""The table of data sets in docs/datasets.md is that of the files in datasets/, and each file has what a file needs."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from audiotag import AudiotagError, records
from audiotag.clips import declaration

ROOT = Path(__file__).resolve().parents[2]
FILES = {path.stem: path for path in sorted((ROOT / "datasets").glob("*.py"))}
PAGE = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8").split("## Published data sets")[1].split("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]


def test_every_data_set_has_one_row() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(f"`{name}`" for name in FILES)
    assert all(len(row) == 7 for row in ROWS)


@pytest.mark.parametrize("name", FILES)
def test_licence_and_address_are_those_of_the_file(name: str) -> None:
    module = declaration.load_file(FILES[name])
    row = next(row for row in ROWS if row[0] == f"`{name}`")
    assert row[5] == module.LICENCE
    assert module.CITATION
    address = getattr(module, "PAGE", None) or getattr(module, "URL", None)
    assert f"<{address}>" in row[6] if address else row[6] == "nothing"


@pytest.mark.parametrize("name", [name for name in FILES if hasattr(declaration.load_file(FILES[name]), "PAGE")])
def test_what_is_not_downloaded_is_one_line(name: str) -> None:
    with pytest.raises(AudiotagError) as raised:
        records.declare(name)
    assert "\n" not in str(raised.value)
    assert declaration.load_file(FILES[name]).PAGE in str(raised.value) and "--source" in str(raised.value)
    help_of_source = inspect.getdoc(declaration.function_of(name)).split("source:")[1]
    assert "folder" in help_of_source.split("\n")[0]


@pytest.mark.parametrize("name", ["audioset", "audioset_strong", "birdclef", "dcase20", "fsd50k", "openmic"])
def test_a_folder_without_the_tables_is_told_where_its_layout_stands(name: str, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=rf"no such file: .*; audiotag build {name} --help says what"):
        records.declare(name, source=tmp_path)
