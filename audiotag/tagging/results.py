"""A folder of results: a file a recording, and a journal by which a run that ended early goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import storage, tables
from audiotag.errors import AudiotagError
from audiotag.storage.locks import locked
from audiotag.tagging import formats
from audiotag.tagging.files import FileTags, shown_path
from audiotag.tagging.files import stamp as stamp_of

if TYPE_CHECKING:
    import pandas

TABLES = (".csv", ".jsonl", ".parquet")
"""What all tags of a folder are written to as one file."""

SETTINGS, JOURNAL = "tagging.json", "finished.jsonl"
"""What was asked for; and a line a recording whose results are there."""


@dataclass(frozen=True)
class Results:
    """Where the results of recordings go, and which of them are there.

    Args:
        folder: of the results.
        settings: what they depend on beside the recordings; ready for JSON.
        suffix: of a recording's file: `park/1.wav` has `park/1.wav.csv`.
        root: what the recordings' names are relative to; of one folder that is asked for, this folder.
    """

    folder: Path
    settings: Mapping[str, Any]
    suffix: str
    root: Path
    _finished: dict[str, tuple[int, int, int | None]] = field(default_factory=dict)
    _seen: dict[str, tuple[int, int] | None] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, settings: Mapping[str, Any], suffix: str, paths: Iterable[Path]) -> Iterator[Results]:
        """The results of a folder, which is made if missing and held by this process.

        Args:
            folder: of the results.
            settings: as of `Results`.
            suffix: as of `Results`.
            paths: the files and folders that are asked for.

        Raises:
            AudiotagError: it is a file, another process writes there, or it holds results of other settings or of
                recordings elsewhere.
        """
        if folder.exists() and not folder.is_dir():
            raise AudiotagError(
                f"results of several recordings go into a folder, received the file {folder}: name a folder"
            )
        with locked(folder, f"another audiotag writes into {folder}: wait for it, or name another folder with --out"):
            folders = (path if path.is_dir() else path.parent for path in paths)
            root = Path(os.path.commonpath([path.absolute() for path in folders]))
            results = cls(folder, dict(settings) | {"root": shown_path(root)}, suffix, root)
            results._check_settings()
            results._finished.update(_read_journal(folder / JOURNAL))
            yield results

    def _check_settings(self) -> None:
        path = self.folder / SETTINGS
        if not path.exists():
            storage.write_json(path, self.settings)
            return
        before = storage.read_json(path)
        if changed := [key for key in before | dict(self.settings) if before.get(key) != self.settings.get(key)]:
            shown = ", ".join(f"{key} {before.get(key)} -> {self.settings.get(key)}" for key in changed)
            raise AudiotagError(
                f"{self.folder} holds the results of another tagging ({shown}): name another folder with --out, or "
                "delete it"
            )

    def path_of(self, recording: Path) -> Path:
        """The file of a recording's results."""
        return self.folder / (self._name(recording) + self.suffix)

    def missing(self, files: Iterable[Path]) -> list[Path]:
        """The recordings without results, or that have been changed since."""
        return [path for path in files if not self._has(path)]

    def _has(self, recording: Path) -> bool:
        stamp = self._seen[self._name(recording)] = stamp_of(recording)
        entry = self._finished.get(self._name(recording))
        written = stamp_of(self.path_of(recording))
        if stamp is None or written is None or entry is None or entry[:2] != stamp:
            return False
        return written[0] > 0 or not entry[2]  # what a power cut has emptied is done again; what people edit stays

    def add(self, result: FileTags, text: str) -> None:
        """Write a recording's results, then enter them.

        The recording is entered as `missing` saw it: what is changed from then on is another one.
        """
        name = self._name(result.path)
        with storage.write_atomically(self.path_of(result.path), durable=False) as file:
            file.write(text)
        size = self.path_of(result.path).stat().st_size
        stamp = self._seen.get(name) or stamp_of(result.path)
        if stamp is None:
            return
        entry = {"file": name, "bytes": stamp[0], "changed_ns": stamp[1], "written": size}
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._finished[name] = (*stamp, size)

    def _name(self, recording: Path) -> str:
        return shown_path(recording.absolute().relative_to(self.root))


def settings_of(folder: Path) -> dict[str, Any]:
    """What the results of a folder depend on beside the recordings, and `root`, where these lie.

    Raises:
        AudiotagError: it holds no results.
    """
    if not (folder / SETTINGS).is_file():
        raise AudiotagError(f"{folder} holds no results of tagging: make them with `audiotag tag … --out {folder}`")
    return storage.read_json(folder / SETTINGS)


def read(folder: Path) -> pandas.DataFrame:
    """All results of a folder.

    Returns:
        A row a tag: file (its recording's place on this machine, str), start and end (seconds, float64), label, score
        (float64), and time (as it was written, ISO 8601, None where it is not known).

    Raises:
        AudiotagError: no folder of results, or a format that is not read again.
    """
    import pandas

    settings = settings_of(folder)
    format = formats.load(settings.get("format"))
    if not hasattr(format, "read"):
        raise AudiotagError(
            f"results are read from csv or jsonl, those of {folder} are {settings['format']}: tag again with "
            "--format csv"
        )
    parts = []
    for name in sorted(_read_journal(folder / JOURNAL)):
        path = folder / f"{name}{format.SUFFIX}"
        if path.exists() and path.stat().st_size:
            table = format.read(path)
            parts.append(table.assign(file=str(Path(settings["root"]) / name)))
    columns = ["file", "start", "end", "label", "score", "time"]
    if not parts:
        return pandas.DataFrame(columns=columns)
    found = pandas.concat(parts, ignore_index=True)[columns]
    return found.assign(time=found["time"].astype(object).where(found["time"].notna(), None))


def check_table(path: Path) -> None:
    """Refuse a table of a kind that is not written, or whose library is missing."""
    if path.suffix not in TABLES:
        raise AudiotagError(f"a table of all tags ends in {', '.join(TABLES)}, received {path}: rename it")
    if path.suffix == ".parquet":
        tables.parquet_library(path)


def write_table(found: pandas.DataFrame, path: Path) -> None:
    """Write all tags as one file, whole or not at all.

    Args:
        found: a row a tag, as of `read`.
        path: of a suffix of `TABLES`. Times that are not known are empty cells, or null.

    Raises:
        AudiotagError: another suffix, or pyarrow is missing for a `.parquet`.
    """
    check_table(path)
    with storage.write_atomically(path, "wb") as file:
        if path.suffix == ".parquet":
            found.to_parquet(file, index=False)
        elif path.suffix == ".jsonl":
            file.write(found.to_json(orient="records", lines=True, force_ascii=False).encode())
        else:
            file.write(found.to_csv(index=False, lineterminator="\n").encode())


def _read_journal(path: Path) -> dict[str, tuple[int, int, int | None]]:
    """Size and time of change by the recording's name, and the size of its results (None: not noted).

    A line that a crash has torn counts as none.
    """
    finished = {}
    if path.exists():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):  # what comes next must not continue the torn line
            with path.open("ab") as journal:
                journal.write(b"\n")
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                finished[entry["file"]] = (entry["bytes"], entry["changed_ns"], entry.get("written"))
            except (ValueError, KeyError, TypeError):
                continue
    return finished
