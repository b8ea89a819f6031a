"""Recordings under a folder: all of them, and the one that a table's cell means."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PureWindowsPath

from audiotag import audio, storage
from audiotag.errors import AudiotagError, AudioWarning


class Recordings:
    """Sound files under a folder, links to folders followed; hidden files and folders are left out.

    Args:
        root: the folder.
    """

    def __init__(self, root: str | Path) -> None:
        root = storage.place(root)
        self._given = root if storage.is_remote(root) else Path(os.path.abspath(root))
        self.root = self._given.resolve()
        self._names: dict[str, str] = {}

    @cached_property
    def names(self) -> list[str]:
        """Paths relative to the root, sorted.

        Raises:
            AudiotagError: a name that is not UTF-8.

        Warns:
            AudioWarning: what is left out, folders that cannot be read among it, in one line.
        """
        if left_out := self._search.left_out():
            warnings.warn(f"left out of {self.root}: {left_out}", AudioWarning, stacklevel=2)
        names = self._relative(self._search.sounds)
        for name in names:
            if re.search("[\udc80-\udcff]", name):  # bytes that are not UTF-8, as Python shows them
                raise AudiotagError(f"file names must be UTF-8, received {name!r} in {self.root}: rename it")
        return names

    def find(self, cell: str) -> str:
        r"""The path, relative to the root, of the file that a table names.

        Args:
            cell: relative to the root, or absolute and inside it; with `/` or Windows' `\`; letters with accents in
                either of Unicode's spellings (NFC, NFD). Of a path with a drive (`C:\sounds\dog\1.wav`) counts what
                follows the root's own name.

        Returns:
            The path as it is written on the disk; where no such file is there, as the cell has it.

        Raises:
            AudiotagError: a path outside the root.
        """
        if (name := self._names.get(cell)) is None:  # many rows are of one recording
            name = self._names[cell] = self._find(cell)
        return name

    def _find(self, cell: str) -> str:
        if re.search("[\n\r\0]", cell):
            raise AudiotagError(f"a path is one line of text, received {cell!r}: correct the cell")
        windows = PureWindowsPath(cell)
        if windows.drive and os.name != "nt":
            return self._on_disk(self._after_root(windows))
        if storage.is_remote(self.root):
            return self._on_disk(self._inside(cell.removeprefix(f"{self.root}/")))
        path = Path(cell)
        if path.is_absolute():
            for root in (self.root, self._given):
                if path.is_relative_to(root):
                    path = path.relative_to(root)
        relative = self._inside(path)
        if "\\" in cell and not os.path.lexists(self.root / relative):
            relative = self._inside(Path(windows.as_posix()))
        return self._on_disk(relative)

    @cached_property
    def _search(self) -> audio.Search:
        return audio.search(self.root)

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        names = self._relative((*self._search.sounds, *self._search.others))
        return {unicodedata.normalize("NFC", name): name for name in names}

    def _relative(self, paths: Iterable[Path]) -> list[str]:
        if storage.is_remote(self.root):
            return sorted(str(path).removeprefix(f"{self.root}/") for path in paths)
        return sorted(path.relative_to(self.root).as_posix() for path in paths)

    def _inside(self, path: Path | str) -> str:
        if not storage.is_remote(self.root) and not Path(path).is_absolute() and ".." not in Path(path).parts:
            return Path(path).as_posix()
        inside = storage.inside(self.root, str(path))
        return str(inside).removeprefix(f"{self.root}/") if storage.is_remote(inside) else self._relative([inside])[0]

    def _after_root(self, path: PureWindowsPath) -> str:
        names = [part.casefold() for part in path.parts]
        if self.root.name.casefold() not in names[:-1]:
            raise AudiotagError(
                f"an absolute path leads into {self.root}, received {str(path)!r}: write it relative to that folder"
            )
        last = len(names) - 1 - names[::-1].index(self.root.name.casefold())
        return self._inside(Path(*path.parts[last + 1 :]))

    def _on_disk(self, relative: str) -> str:
        if not storage.is_remote(self.root) and os.path.lexists(self.root / relative):
            return relative
        return self._by_spelling.get(unicodedata.normalize("NFC", relative), relative)
