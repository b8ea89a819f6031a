"""A table of embeddings, as `embeddings.write_embeddings` writes it, read again."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.tagging.picking import Part


@dataclass(frozen=True)
class EmbeddingTable:
    """Embeddings of recordings or of their windows.

    Args:
        files: path of each, (n,) str.
        starts: where each begins, seconds, (n,).
        ends: where each ends, seconds, (n,).
        vectors: (n, dim), float32.
        model: that gave them.
        layers: of it, separated by commas.
    """

    files: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    vectors: np.ndarray
    model: str
    layers: str

    def within(self, folder: Path) -> tuple[list[Part], np.ndarray]:
        """What is of recordings in a folder, by their paths relative to it, and its vectors; else a line says so.

        Raises:
            AudiotagError: nothing is.
        """
        names = [inside(file, folder) for file in self.files.tolist()]
        rows = [row for row, name in enumerate(names) if name is not None]
        if not rows:
            raise AudiotagError(
                f"the table holds no embedding of a recording in {folder}: delete it, or name its folder"
            )
        if others := len(names) - len(rows):
            progress.say(f"{others} of {len(names)} embeddings are of recordings elsewhere: they are left out")
        parts = [Part(names[row] or "", float(self.starts[row]), float(self.ends[row])) for row in rows]
        return parts, self.vectors[rows]


def inside(path: str, folder: Path) -> str | None:
    """A path relative to a folder, with slashes; None: it is elsewhere."""
    relative = Path(os.path.relpath(path, folder))
    return None if ".." in relative.parts else relative.as_posix()


def read(path: Path) -> EmbeddingTable:
    """The table of a file.

    Args:
        path: `.npz` or `.parquet`.

    Raises:
        AudiotagError: it is none, or damaged.
    """
    try:
        return _of_parquet(path) if path.suffix == ".parquet" else _of_npz(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise AudiotagError(
            f"{path} is no table of embeddings ({reason}): make it with `audiotag embed … --out {path}`"
        ) from error


def _of_npz(path: Path) -> EmbeddingTable:
    with np.load(path, allow_pickle=False) as held:
        columns = (held[name] for name in ("file", "start", "end", "embedding"))
        return EmbeddingTable(*columns, str(held["model"]), str(held["layers"]))


def _of_parquet(path: Path) -> EmbeddingTable:
    import pandas

    frame = pandas.read_parquet(path, engine="pyarrow")
    columns = (frame[name].to_numpy() for name in ("file", "start", "end"))
    vectors = np.stack(frame["embedding"].tolist()).astype(np.float32)
    return EmbeddingTable(*columns, vectors, frame.attrs["model"], frame.attrs["layers"])
