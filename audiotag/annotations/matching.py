"""Which recording an annotation file, or a cell of a table, belongs to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from audiotag.errors import AudiotagError


class Matching:
    """Recordings by their names, whatever the case of letters and Unicode's spelling.

    Args:
        recordings: paths relative to their folder.
    """

    def __init__(self, recordings: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = {}  # by name, and by name without suffix
        self._of_cell: dict[str, tuple[str | None, str]] = {}
        for recording in recordings:
            name = _folded(recording).rpartition("/")[2]
            for key in {name, name.rpartition(".")[0]}:
                self._by_name.setdefault(key, []).append(recording)

    def of_file(self, path: str, anywhere: bool) -> str | None:
        """The recording of an annotation file: its name begins with that of the recording, with or without suffix.

        `site1.txt`, `site1.wav.txt` and `site1.Table.1.selections.txt` are those of `site1.wav`.

        Args:
            path: relative to the folder of annotations.
            anywhere: the recording may lie in any folder, else in the one of the same path.

        Returns:
            Its path; None: there is none.

        Raises:
            AudiotagError: there are several.
        """
        folder, _, name = _folded(path).rpartition("/")
        for stem in _stems(name):
            named = [recording for recording in self._by_name.get(stem, ()) if anywhere or _folder(recording) == folder]
            if len(named) > 1:
                raise AudiotagError(
                    f"an annotation file belongs to one recording, {path} to {' and '.join(named)}: name it after the "
                    "whole name of one, such as site1.wav.txt, or write one table with a column path"
                )
            if named:
                return named[0]
        return None

    def of_cell(self, cell: str) -> tuple[str | None, str]:
        r"""The recording that a cell names, with `/` or `\`: the one whose path agrees with most of its end.

        Returns:
            Its path, or None and the reason.
        """
        if cell not in self._of_cell:
            self._of_cell[cell] = self._search(re.split(r"[/\\]+", _folded(cell)))
        return self._of_cell[cell]

    def _search(self, parts: list[str]) -> tuple[str | None, str]:
        named = self._by_name.get(parts[-1], [])
        agreeing = {recording: _agreement(_folded(recording).split("/"), parts) for recording in named}
        best = [recording for recording in named if agreeing[recording] == max(agreeing.values())]
        if len(best) == 1:
            return best[0], ""
        return None, f"it may be {' or '.join(best[:3])}" if best else "there is no recording of this name"


def same_name(cell: str, recording: str) -> bool:
    """Whether a cell names a recording, whatever the folders, with or without suffix."""
    own = _folded(recording).rpartition("/")[2]
    return re.split(r"[/\\]+", _folded(cell))[-1] in (own, own.rpartition(".")[0])


def _stems(name: str) -> Iterator[str]:
    """What is left of a name without one, two, three … of its suffixes."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _agreement(recording: list[str], cell: list[str]) -> int:
    """Parts at the ends of two paths that are the same; names may differ in that one has no suffix."""
    count = 1
    for own, other in zip(reversed(recording[:-1]), reversed(cell[:-1]), strict=False):
        if own != other:
            break
        count += 1
    return count


def _folder(recording: str) -> str:
    return _folded(recording).rpartition("/")[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
