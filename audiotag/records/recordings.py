"""Recordings under a folder: all of them, and the one that a table's cell means."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PureWindowsPath

from audiotag import audio, progress, storage
from audiotag.errors import AudiotagError

# Sound that may need another decoder: its clips are rejected with a reason instead of being overlooked.
_MORE = (
    *(".m4a", ".m4b", ".mp4", ".aac", ".ac3", ".wma", ".amr", ".ape", ".webm", ".mka", ".mkv", ".mov", ".avi", ".wv"),
    *(".3gp", ".tta", ".mpc", ".spx", ".mp2", ".dts", ".m4v", ".mts", ".wve", ".sph", ".snd"),
)


class Recordings:
    """Sound files under a folder, links to folders followed; hidden files and folders are left out.

    Args:
        root: the folder.
    """

    def __init__(self, root: str | Path) -> None:
        self._given = Path(os.path.abspath(root))
        self.root = self._given.resolve()

    @cached_property
    def names(self) -> list[str]:
        """Paths relative to the root, sorted.

        Raises:
            AudiotagError: a name that is not UTF-8, or a folder that cannot be read.
        """
        suffixes = (*audio.SUFFIXES, *_MORE)
        names = [name for name in self._files if Path(name).suffix.lower() in suffixes]
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
        if re.search("[\n\r\0]", cell):
            raise AudiotagError(f"a path is one line of text, received {cell!r}: correct the cell")
        windows = PureWindowsPath(cell)
        if windows.drive and os.name != "nt":
            return self._on_disk(self._after_root(windows))
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
    def _files(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self._walk(self.root, (self.root,)))

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        return {unicodedata.normalize("NFC", name): name for name in self._files}

    def _walk(self, folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise AudiotagError(f"{folder} cannot be read ({error.strerror}): allow it, or move it away") from error
        for path in entries:
            if path.name.startswith("."):
                continue
            if path.is_dir():
                target = path.resolve()
                if target in above:
                    progress.say(f"{path} leads back to a folder that it lies in: left out")
                else:
                    yield from self._walk(path, (*above, target))
            elif path.is_symlink() and not path.suffix and not path.exists():
                progress.say(f"{path} leads nowhere: left out")
            else:
                yield path

    def _inside(self, path: Path) -> str:
        return storage.inside(self.root, str(path)).relative_to(self.root).as_posix()

    def _after_root(self, path: PureWindowsPath) -> str:
        names = [part.casefold() for part in path.parts]
        if self.root.name.casefold() not in names[:-1]:
            raise AudiotagError(
                f"an absolute path leads into {self.root}, received {str(path)!r}: write it relative to that folder"
            )
        last = len(names) - 1 - names[::-1].index(self.root.name.casefold())
        return self._inside(Path(*path.parts[last + 1 :]))

    def _on_disk(self, relative: str) -> str:
        if os.path.lexists(self.root / relative):
            return relative
        return self._by_spelling.get(unicodedata.normalize("NFC", relative), relative)
