"""Which tiers of a file name classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.labels import split_cell


def choose(path: Path, entries: Mapping[str, int], label: str | None) -> list[str]:
    """The tiers to read.

    Args:
        path: the file, for messages.
        entries: number of marks by tier.
        label: tiers, several separated by `;`. Default: the one that holds any.

    Raises:
        AudiotagError: no such tier, or several that hold marks and none chosen.
    """
    if label is not None:
        wanted = split_cell(label)
        for name in wanted:
            if name not in entries:
                raise AudiotagError(f"{path} has no tier {name!r}, it has {', '.join(entries) or 'none'}")
        return list(wanted)
    filled = [name for name, count in entries.items() if count]
    if len(filled) > 1:
        raise AudiotagError(
            f"one tier names the classes, {path} has {', '.join(filled)}: say which, --label {filled[0]!r}, or several "
            f"with --label {';'.join(filled)!r}"
        )
    return filled
