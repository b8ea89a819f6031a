"""`import_logits`: a teacher's stored outputs, brought from elsewhere as an array and a table of clips."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import storage
from audiotag.distill import folder
from audiotag.errors import AudiotagError
from audiotag.records import teachers
from audiotag.scorers import vocabulary

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.scorers.vocabulary import Vocabulary

_ROWS = 4096  # rows looked at together, so that an array on disk need not fit into memory


@dataclass(frozen=True)
class Table:
    """Logits with the clip of each row.

    Args:
        logits: (rows, classes), any float type.
        clip_ids: (rows,).
        variants: (rows,), or None: each row serves every variant of its clip.
    """

    logits: np.ndarray
    clip_ids: list[str]
    variants: list[int] | None

    def rows(self) -> dict[tuple[str, int | None], int]:
        """Row of each clip and variant; the variant is None where a row serves all."""
        variants = self.variants or [None] * len(self.clip_ids)
        rows: dict[tuple[str, int | None], int] = {}
        for row, key in enumerate(zip(self.clip_ids, variants, strict=True)):
            if key in rows:
                which = f"clip {key[0]!r}" + ("" if key[1] is None else f", variant {key[1]}")
                raise AudiotagError(f"{which} has logits in rows {rows[key]} and {row}: leave one of them out")
            rows[key] = row
        return rows


def import_logits(
    data: Data,
    logits: str | Path,
    ids: str | Path | None = None,
    name: str | None = None,
    labels: Vocabulary | None = None,
    label_map: str | Path | None = None,
) -> Path:
    """Store logits that were computed elsewhere as a teacher's outputs.

    Rows may be fewer than the records: the others keep their labels, and `coverage` in `teacher.json` says how many
    records have logits. Rows of clips that the data set does not have are counted there as `unknown_rows`.

    Args:
        data: an open data set.
        logits: `.npz` with the arrays `logits` (rows, classes), `clip_id` (rows,) and, if wanted, `variant` (rows,);
            or `.npy` (rows, classes), whose clips `ids` names. float16, float32 or float64, before any sigmoid.
        ids: with `.npy`: CSV table with a column `clip_id` and, if wanted, `variant`, one line a row.
        name: what to call the outputs. Default: the stem of the file's name.
        labels: classes in the order of the logits; see `teach`. Default: those of the data set.
        label_map: CSV table of classes; see `teach`.

    Without variants one row serves every variant of its clip (outputs computed on the untouched clip, as those that
    EfficientAT publishes); with them a row serves that variant alone.

    Returns:
        The folder with the teacher's shards and `teacher.json`.

    Raises:
        AudiotagError: not such a file, another number of classes than labels, logits that are not finite, a clip twice,
            no clip of the data set, or a name that another teacher has.
    """
    path = Path(logits)
    table = _read(path, None if ids is None else Path(ids))
    _check(path, table)
    theirs, notes = vocabulary.settle(path.name, path, labels, table.logits.shape[1], data)
    matching = vocabulary.match(path.name, theirs, data.labels, data.name, label_map)
    folder.check_known(path.name, matching.unknown(data.labels), data)
    rows = table.rows()
    unknown = _unknown_rows(table, data, ids or path)

    def outputs(shard: Path) -> Iterator[np.ndarray | None]:
        for clip_id, variant in data.keys(shard):
            row = rows.get((clip_id, None if table.variants is None else variant))
            yield None if row is None else matching.apply(np.asarray(table.logits[row : row + 1], np.float32))[0]

    source = f"file {path.name}" + ("" if ids is None else f" with {Path(ids).name}")
    sha256, without = matching.identify(_checksum(path, ids)), matching.unknown(data.labels)
    teacher = folder.Teacher(name or path.stem, source, sha256, without, notes)
    written = folder.write(data, teacher, data.select("all"), outputs)
    manifest = teachers.read(written) | {"unknown_rows": unknown}
    storage.write_json(written / teachers.CARD, manifest)
    return written


def _unknown_rows(table: Table, data: Data, place: str | Path) -> int:
    """How many rows are of clips that the data set does not have; all of them is an error."""
    known = set(data.clips.loc[data.clips["status"] == "ok", "clip_id"].astype(str))
    unknown = sum(clip_id not in known for clip_id in table.clip_ids)
    if unknown == len(table.clip_ids):
        raise AudiotagError(
            f"none of the {unknown} clips of {place} is in {data.name}, {table.clip_ids[0]!r} for one: "
            "are these the outputs for another data set?"
        )
    return unknown


def _checksum(path: Path, ids: str | Path | None) -> str:
    """What the files are known by together."""
    if ids is None:
        return storage.sha256(path)
    return hashlib.sha256(f"{storage.sha256(path)}\n{storage.sha256(Path(ids))}".encode()).hexdigest()


def _read(path: Path, ids: Path | None) -> Table:
    try:
        if path.suffix == ".npz":
            return _read_npz(path, ids)
        if path.suffix == ".npy":
            return _read_npy(path, ids)
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {error.filename}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise AudiotagError(f"{path} is not an array of numbers that can be read without pickle: {error}") from error
    raise AudiotagError(f"logits are a .npz or .npy file, received {path}")


def _read_npz(path: Path, ids: Path | None) -> Table:
    if ids is not None:
        raise AudiotagError(f"a .npz names its own clips (array clip_id), received the table {ids} too: leave it out")
    with np.load(path, allow_pickle=False) as archive:
        if not {"logits", "clip_id"} <= set(archive.files) <= {"logits", "clip_id", "variant"}:
            raise AudiotagError(
                f"{path} must hold the arrays logits, clip_id and perhaps variant, it holds {', '.join(archive.files)}"
            )
        clip_ids = [key.decode() if isinstance(key, bytes) else str(key) for key in archive["clip_id"].tolist()]
        variants = [int(variant) for variant in archive["variant"]] if "variant" in archive.files else None
        return Table(archive["logits"], clip_ids, variants)


def _read_npy(path: Path, ids: Path | None) -> Table:
    if ids is None:
        raise AudiotagError(f"{path} does not say which clip a row belongs to: give ids, a CSV table with clip_id")
    logits = np.load(path, mmap_mode="r", allow_pickle=False)
    with ids.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        lines = list(reader)
    if set(columns) not in ({"clip_id"}, {"clip_id", "variant"}):
        raise AudiotagError(f"{ids} must have the columns clip_id and perhaps variant, it has {', '.join(columns)}")
    try:
        variants = [int(line["variant"]) for line in lines] if "variant" in columns else None
    except (TypeError, ValueError) as error:
        raise AudiotagError(f"a variant in {ids} is a whole number: {error}") from error
    return Table(logits, [line["clip_id"] for line in lines], variants)


def _check(path: Path, table: Table) -> None:
    logits, clips = table.logits, len(table.clip_ids)
    if logits.ndim != 2 or not np.issubdtype(logits.dtype, np.floating):
        raise AudiotagError(f"logits are floats of shape (rows, classes), {path} has {logits.dtype} {logits.shape}")
    if len(logits) != clips or not clips or (table.variants is not None and len(table.variants) != clips):
        raise AudiotagError(f"each row of logits needs its clip, {path} has {len(logits)} rows for {clips} clips")
    for start in range(0, len(logits), _ROWS):
        bad = np.argwhere(~np.isfinite(logits[start : start + _ROWS]))
        if len(bad):
            row = start + int(bad[0, 0])
            raise AudiotagError(
                f"logits must be finite, {path} has {logits[row, bad[0, 1]]} in row {row} "
                f"(clip {table.clip_ids[row]!r}): leave such rows out"
            )
