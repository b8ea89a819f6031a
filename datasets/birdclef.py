"""BirdCLEF and other downloads of xeno-canto: a folder a species, metadata.csv; cut into clips of 5 s."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from audiotag import progress, records, storage, tables
from audiotag.clips import splits
from audiotag.clips.cutting import cut
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://www.kaggle.com/competitions/birdclef-2024/data"  # and those of other years; behind a login
LICENCE = "each recording its own Creative Commons licence, mostly CC BY-NC-SA: column license"
CITATION = "S. Kahl et al., Overview of BirdCLEF 2024, CLEF working notes; W.-P. Vellinga, R. Planque, xeno-canto.org"
TABLES = ("train_metadata.csv", "train.csv", "metadata.csv")  # to 2024, from 2025, of xeno-canto's downloaders
FOLDERS = ("train_audio", "train_short_audio", ".")
KEPT = ("author", "license", "latitude", "longitude")


def declare(source: str | Path | None = None, seconds: float = 5.0) -> records.Declaration:
    """Declare recordings of birds in consecutive clips that have the labels of their recording.

    Labels are the primary species and those secondary ones that are some recording's primary one; how many others
    there are is said. No labelled test set is published: of each species about 70, 15 and 15 % are drawn for train,
    validation and test, and recordings of one author at one place stay together.

    Args:
        source: folder with `train_metadata.csv`, `train.csv` or `metadata.csv` (primary_label, filename; if known,
            secondary_labels, author, latitude, longitude, license) and `train_audio/SPECIES/XC123.ogg` …, or the
            folders of species beside the table.
        seconds: length of a clip; BirdCLEF is scored by 5 s.
    """
    if source is None:
        raise AudiotagError(f"BirdCLEF is not downloaded: fetch {PAGE}, unpack it and name its folder with --source")
    root = Path(source).resolve()
    path = next((root / name for name in TABLES if (root / name).is_file()), root / TABLES[0])
    table = tables.read(path, ("primary_label", "filename"), key="filename")
    folder = next(name for name in FOLDERS if (root / name).is_dir())
    species = set(table["primary_label"])
    unknown: set[str] = set()
    wholes, groups, labels_of = [], [], {}
    for position, row in enumerate(table.to_dict("records")):
        secondary = _names(row.get("secondary_labels", ""), f"{path} {tables.place(table, position)}")
        unknown |= secondary - species
        labels = tuple(dict.fromkeys([row["primary_label"], *sorted(secondary & species)]))
        name = row["filename"] if "/" in row["filename"] else f"{row['primary_label']}/{row['filename']}"
        place = [str(row.get(column) or "") for column in ("author", "latitude", "longitude")]
        groups.append(" ".join(place) if all(place) else name)
        labels_of.setdefault(groups[-1], set()).add(row["primary_label"])
        columns = {column: str(row.get(column) or "") for column in KEPT if column in table} | {"recording": name}
        wholes.append(records.Clip(name, f"{folder}/{name}".removeprefix("./"), labels, "train", columns=columns))
    if unknown:
        progress.say(f"{path}: secondary species that are no recording's primary one are left out ({len(unknown)})")
    split_of = splits.draw(labels_of)
    wholes = [replace(whole, split=split_of[group]) for whole, group in zip(wholes, groups, strict=True)]
    return records.Declaration(
        name=root.name,
        version=storage.sha256(path)[:12],
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(sorted(species))),
        clips=tuple(part for whole in wholes for part in cut(root, whole, seconds)),
        seconds=seconds,
        root=root,
    )


def _names(cell: object, where: str) -> set[str]:
    """The names of a cell such as "['abethr1', 'bcbeat1']"."""
    try:
        names = ast.literal_eval(str(cell)) if cell else []
    except (ValueError, SyntaxError):
        names = None
    if not isinstance(names, list):
        raise AudiotagError(f"{where}: secondary_labels must look like ['a', 'b'], received {cell!r}: correct the cell")
    return {str(name) for name in names if name}
