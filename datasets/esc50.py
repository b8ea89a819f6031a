"""ESC-50: 2000 recordings of 5 s, 50 classes, 5 folds; `subset="esc10"` is its freely licensed part of 10 classes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from audiotag import records, storage, tables
from audiotag.clips import published
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

URL = "https://github.com/karoldvl/ESC-50/archive/master.zip"  # about 600 MB
LICENCE = "CC BY-NC 3.0; the ESC-10 subset CC BY 3.0; credits of each clip in the data set's README"
CITATION = (
    "K. J. Piczak, ESC: Dataset for Environmental Sound Classification, "
    "ACM Multimedia 2015, doi:10.1145/2733373.2806390"
)
COLUMNS = ("filename", "fold", "target", "category")


def declare(source: str | Path | None = None, subset: Literal["esc10"] | None = None) -> records.Declaration:
    """Declare ESC-50, or ESC-10; its five folds are the splits fold1 … fold5.

    Args:
        source: folder with `meta/esc50.csv` and `audio/`. The recordings may have another suffix than the table says
            (.ogg for .wav): the file of the same name is taken. Default: download it (about 600 MB).
        subset: "esc10" for the ten classes marked in the table's column esc10; None: all.
    """
    if subset not in (None, "esc10"):
        raise AudiotagError(f"subset must be 'esc10' or left out, received {subset!r}")
    if source is None:
        source = storage.fetch_archive(URL, "ESC-50", name="ESC-50-master.zip") / "ESC-50-master"
    root, path = published.table_of("esc50", storage.place(source).resolve())
    table = tables.read(path, (*COLUMNS, "esc10") if subset else COLUMNS)
    if subset:
        table = table[table["esc10"].str.strip().str.lower() == "true"]
    if table.empty:
        raise AudiotagError(f"{path} names no clip{' of ESC-10' if subset else ''}: is it the published table?")
    targets, folds = (tables.whole_numbers(path, table, column) for column in ("target", "fold"))
    names: dict[int, str] = {}
    for position, (target, category) in enumerate(zip(targets, table["category"], strict=True)):
        if names.setdefault(target, category) != category:
            place = tables.place(table, position)
            raise AudiotagError(f"{path} {place}: target {target} is both {names[target]} and {category}")
    present = {file.name for file in (root / "audio").glob("*")}
    files = {Path(name).stem: name for name in sorted(present, reverse=True)}

    def clip(filename: str, category: str, fold: int, recording: str) -> records.Clip:
        path = storage.inside(root / "audio", filename)
        if filename not in present and ("/" not in filename or not path.is_file()):
            filename = files.get(Path(filename).stem, filename)
        columns = {"recording": recording} if recording else {}
        return records.Clip(Path(filename).stem, f"audio/{filename}", (category,), f"fold{fold}", columns=columns)

    recordings = table["src_file"] if "src_file" in table else [""] * len(table)
    return records.Declaration(
        name=subset or "esc50",
        version="3",
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names[target] for target in sorted(names))),
        clips=tuple(map(clip, table["filename"], table["category"], folds, recordings)),
        seconds=5.0,
        root=root,
    )
