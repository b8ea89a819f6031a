"""UrbanSound8K: 8732 recordings of up to 4 s of 10 urban sounds, in 10 folds that are never reshuffled."""

from __future__ import annotations

from pathlib import Path

from audiotag import records, storage, tables
from audiotag.clips import published
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://zenodo.org/records/1203745"  # 6 GB, fetched by hand
LICENCE = "CC BY-NC 3.0; credits in UrbanSound8K's FREESOUNDCREDITS.txt"
CITATION = (
    "J. Salamon, C. Jacoby, J. P. Bello, A Dataset and Taxonomy for Urban Sound Research, "
    "ACM Multimedia 2014, doi:10.1145/2647868.2655045"
)
COLUMNS = ("slice_file_name", "fsID", "fold", "classID", "class")


def declare(source: str | Path | None = None) -> records.Declaration:
    """Declare UrbanSound8K; its ten folds are the splits fold1 … fold10.

    Args:
        source: folder with `metadata/UrbanSound8K.csv` and `audio/fold1` … `audio/fold10`, unpacked from
            zenodo.org/records/1203745; or with the table and `fold1` … `fold10` side by side, as copies have them.
    """
    if source is None:
        raise AudiotagError(f"UrbanSound8K is not downloaded: unpack {PAGE} and name its folder with --source")
    root, path = published.table_of("urbansound8k", storage.place(source).resolve())
    table = tables.read(path, COLUMNS)
    if table.empty:
        raise AudiotagError(f"{path} names no clip: is it the published table?")
    folds, targets = (tables.whole_numbers(path, table, column) for column in ("fold", "classID"))
    names: dict[int, str] = {}
    for position, (target, name) in enumerate(zip(targets, table["class"], strict=True)):
        if names.setdefault(target, name) != name:
            raise AudiotagError(
                f"{path} {tables.place(table, position)}: classID {target} is both {names[target]} and {name}"
            )

    audio = "audio/" if (root / "audio").is_dir() else ""

    def clip(file: str, fold: int, target: int, recording: str) -> records.Clip:
        source = f"{audio}fold{fold}/{file}"
        storage.inside(root, source)
        return records.Clip(Path(file).stem, source, (names[target],), f"fold{fold}", columns={"recording": recording})

    return records.Declaration(
        name="urbansound8k",
        version="1",
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names[target] for target in sorted(names))),
        clips=tuple(map(clip, table["slice_file_name"], folds, targets, table["fsID"])),
        seconds=4.0,
        root=root,
    )
