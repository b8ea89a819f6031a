"""`import_logits`: a teacher's stored outputs, brought from elsewhere as an array and a table of clips."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import storage, tables
from audiotag.distill import folder
from audiotag.errors import AudiotagError
from audiotag.records import teachers
from audiotag.scorers import vocabulary

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.scorers.vocabulary import Vocabulary

    Columns = dict[str, list]
    """What names the clip of each row of logits: `clip_id`, and `variant` unless a row serves all variants."""

_ROWS = 4096  # rows looked at together, so that an array on disk need not fit into memory


def import_logits(
    data: Data,
    logits: str | Path,
    ids: str | Path | None = None,
    name: str | None = None,
    labels: Vocabulary | None = None,
    label_map: str | Path | None = None,
    top: int | None = None,
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
        top: store this many of the largest logits of each record; see `teach`. Default: all.

    Without variants one row serves every variant of its clip (outputs computed on the untouched clip, as those that
    EfficientAT publishes); with them a row serves that variant alone.

    Returns:
        The folder with the teacher's shards and `teacher.json`.

    Raises:
        AudiotagError: not such a file, another number of classes than labels, logits that are not finite, a clip twice,
            no clip of the data set, `top` as of `teach`, or a name that another teacher has.
    """
    path = Path(logits)
    array, columns = _read(path, None if ids is None else Path(ids))
    _check(path, array, columns)
    theirs, notes = vocabulary.settle(path.name, path, labels, array.shape[1], data)
    matching = vocabulary.match(path.name, theirs, data.labels, data.name, label_map)
    without = matching.unknown(data.labels)
    folder.check_known(path.name, without, data)
    rows = _rows(columns)
    known = set(data.clips.loc[data.clips["status"] == "ok", "clip_id"])
    unknown = sum(clip_id not in known for clip_id in columns["clip_id"])
    if unknown == len(array):
        raise AudiotagError(
            f"none of the {unknown} clips of {ids or path} is in {data.name}, {columns['clip_id'][0]!r} for one: "
            "are these the outputs for another data set?"
        )

    def outputs(shard: Path) -> Iterator[np.ndarray | None]:
        for key in data.keys(shard):
            row = rows.get(key[: len(columns)])
            yield None if row is None else matching.apply(np.asarray(array[row : row + 1], np.float32))[0]

    source, checksum = f"file {path.name}", storage.sha256(path)
    if ids is not None:
        source += f" with {Path(ids).name}"
        checksum = hashlib.sha256(f"{checksum}\n{storage.sha256(Path(ids))}".encode()).hexdigest()
    teacher = folder.Teacher(name or path.stem, source, matching.identify(checksum), without, notes, top)
    written = folder.write(data, teacher, data.select("all"), outputs)
    manifest = teachers.read(written) | {"unknown_rows": unknown}
    storage.write_json(written / teachers.CARD, manifest)
    return written


def _rows(columns: Columns) -> dict[tuple, int]:
    """Row of each clip, or of each clip and variant."""
    rows: dict[tuple, int] = {}
    for row, key in enumerate(zip(*columns.values(), strict=True)):
        if (first := rows.setdefault(key, row)) != row:
            which = f"clip {key[0]!r}" + "".join(f", variant {variant}" for variant in key[1:])
            raise AudiotagError(f"{which} has logits in rows {first} and {row}: leave one of them out")
    return rows


def _read(path: Path, ids: Path | None) -> tuple[np.ndarray, Columns]:
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


def _read_npz(path: Path, ids: Path | None) -> tuple[np.ndarray, Columns]:
    if ids is not None:
        raise AudiotagError(f"a .npz names its own clips (array clip_id), received the table {ids} too: leave it out")
    with np.load(path, allow_pickle=False) as archive:
        if not {"logits", "clip_id"} <= set(archive.files) <= {"logits", "clip_id", "variant"}:
            raise AudiotagError(
                f"{path} must hold the arrays logits, clip_id and perhaps variant, it holds {', '.join(archive.files)}"
            )
        clip_ids = [key.decode() if isinstance(key, bytes) else str(key) for key in archive["clip_id"].tolist()]
        variants = {"variant": [int(variant) for variant in archive["variant"]]} if "variant" in archive.files else {}
        return archive["logits"], {"clip_id": clip_ids} | variants


def _read_npy(path: Path, ids: Path | None) -> tuple[np.ndarray, Columns]:
    if ids is None:
        raise AudiotagError(f"{path} does not say which clip a row belongs to: give ids, a CSV table with clip_id")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    table = tables.read(ids, ("clip_id",), ("variant",))
    variants = {"variant": tables.whole_numbers(ids, table, "variant")} if "variant" in table else {}
    return array, {"clip_id": table["clip_id"].astype(str).tolist()} | variants


def _check(path: Path, logits: np.ndarray, columns: Columns) -> None:
    clips = len(columns["clip_id"])
    if logits.ndim != 2 or not np.issubdtype(logits.dtype, np.floating):
        raise AudiotagError(f"logits are floats of shape (rows, classes), {path} has {logits.dtype} {logits.shape}")
    if not clips or {len(logits)} != set(map(len, columns.values())):
        raise AudiotagError(f"each row of logits needs its clip, {path} has {len(logits)} rows for {clips} clips")
    for start in range(0, len(logits), _ROWS):
        with np.errstate(over="ignore"):  # they are stored as float32
            bad = np.argwhere(~np.isfinite(logits[start : start + _ROWS].astype(np.float32)))
        if len(bad):
            row = start + int(bad[0, 0])
            raise AudiotagError(
                f"logits must be finite in float32, {path} has {logits[row, bad[0, 1]]} in row {row} "
                f"(clip {columns['clip_id'][row]!r}): leave such rows out"
            )
