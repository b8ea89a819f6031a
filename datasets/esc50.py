"""ESC-50: 2000 recordings of 5 s, 50 classes, 5 folds; `subset="esc10"` is its freely licensed part of 10 classes."""

from __future__ import annotations

import csv
import shutil
import zipfile
from pathlib import Path
from typing import Literal

from audiotag import records, storage
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

URL = "https://github.com/karoldvl/ESC-50/archive/master.zip"  # about 600 MB
LICENCE = "CC BY-NC 3.0; the ESC-10 subset CC BY 3.0; credits of each clip in the data set's README"
CITATION = (
    "K. J. Piczak, ESC: Dataset for Environmental Sound Classification, "
    "ACM Multimedia 2015, doi:10.1145/2733373.2806390"
)
COLUMNS = ("filename", "fold", "target", "category")


def _unpack(archive: Path, folder: Path) -> Path:
    """Unpack the published archive; `folder` appears only once all of it is there, and nothing lands outside it."""
    incomplete = folder.with_name(f".{folder.name}.incomplete")
    shutil.rmtree(incomplete, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                target = storage.inside(incomplete, member.filename)
                if not member.is_dir():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with packed.open(member) as compressed, target.open("wb") as file:
                        shutil.copyfileobj(compressed, file)
    except zipfile.BadZipFile as error:
        raise AudiotagError(f"{archive} is not a whole zip archive ({error}): delete it and try again") from error
    incomplete.rename(folder)
    return folder


def _downloaded() -> Path:
    """The folder with meta/esc50.csv, from the cache or from the published archive."""
    folder = storage.cache_folder() / "ESC-50"
    if not folder.is_dir():
        _unpack(storage.fetch(URL, name="ESC-50-master.zip"), folder)
    tables = sorted(folder.glob("*/meta/esc50.csv"))
    if not tables:
        raise AudiotagError(f"{folder} has no meta/esc50.csv: delete the folder and try again")
    return tables[0].parents[1]


def _rows(table: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise AudiotagError(f"{table} must have the columns {', '.join(columns)}: {', '.join(missing)} missing")
            return list(reader)
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {table}: name the folder that holds meta/ and audio/") from error


def _numbers(row: dict[str, str], table: Path, line: int) -> tuple[int, int]:
    """Target and fold of a row."""
    try:
        return int(row["target"]), int(row["fold"])
    except (TypeError, ValueError) as error:
        raise AudiotagError(
            f"{table} line {line}: target and fold must be whole numbers, received {row['target']!r}, {row['fold']!r}"
        ) from error


def declare(source: str | Path | None = None, subset: Literal["esc10"] | None = None) -> records.Declaration:
    """Declare ESC-50, or ESC-10; its five folds are the splits fold1 … fold5.

    Args:
        source: folder with `meta/esc50.csv` and `audio/`. The recordings may have another suffix than the table says
            (.ogg for .wav): the file of the same name is taken. Default: download it (about 600 MB).
        subset: "esc10" for the ten classes marked in the table's column esc10; None: all.
    """
    if subset not in (None, "esc10"):
        raise AudiotagError(f"subset must be 'esc10' or left out, received {subset!r}")
    root = Path(source).resolve() if source is not None else _downloaded()
    table = root / "meta" / "esc50.csv"
    files = {path.stem: path.name for path in sorted((root / "audio").glob("*"), reverse=True)}
    names: dict[int, str] = {}
    clips = []
    for line, row in enumerate(_rows(table, (*COLUMNS, *(["esc10"] if subset else []))), 2):
        if subset and row["esc10"].strip().lower() != "true":
            continue
        target, fold = _numbers(row, table, line)
        if names.setdefault(target, row["category"]) != row["category"]:
            raise AudiotagError(f"{table} line {line}: target {target} is both {names[target]} and {row['category']}")
        filename = row["filename"]
        if not storage.inside(root / "audio", filename).is_file():
            filename = files.get(Path(filename).stem, filename)
        clips.append(
            records.Clip(
                clip_id=Path(filename).stem,
                source=f"audio/{filename}",
                labels=(row["category"],),
                split=f"fold{fold}",
                columns={"recording": row["src_file"]} if row.get("src_file") else {},
            )
        )
    if not clips:
        raise AudiotagError(f"{table} names no clip{' of ESC-10' if subset else ''}: is it the published table?")
    return records.Declaration(
        name=subset or "esc50",
        version="3",
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names[target] for target in sorted(names))),
        clips=tuple(clips),
        seconds=5.0,
        root=root,
    )
