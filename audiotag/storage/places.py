"""Places: what a user typed, as a path of this machine, or of a store behind an address (`s3://bucket/esc10`)."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

from audiotag.errors import AudiotagError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: one is a drive
_OF_THIS_MACHINE = ("file", "local")


def place(typed: str | Path) -> Path:
    """A path from what a user typed.

    Args:
        typed: a path of this machine, or an address that fsspec knows: `s3://…`, `gs://…`, `memory://…`.

    Returns:
        A `pathlib.Path` for this machine's; else a `upath.UPath`, which has the same methods.

    Raises:
        AudiotagError: an address that nothing here opens, or one with a password in it.
    """
    if not isinstance(typed, str):
        return Path(typed) if isinstance(typed, PurePath) else typed
    address = _ADDRESS.match(typed)
    if address is None:
        return Path(typed)
    if address[1] in _OF_THIS_MACHINE:
        return Path(typed[address.end() :])
    if re.match(r"[^/@]*:[^/@]*@", typed[address.end() :]):
        raise AudiotagError(
            f"an address is written into files and must hold no password, received one for {address[1]}://: "
            "give it by the store's environment variables or configuration file"
        )
    return _opened(typed, address[1])


def is_remote(path: Any) -> bool:
    """Whether a path is of a store behind an address."""
    return not isinstance(path, str | PurePath)


def here(typed: str) -> Path:
    """A path of this machine from what a user typed.

    Raises:
        AudiotagError: an address, where what is written must lie on this machine.
    """
    if _ADDRESS.match(typed) and _ADDRESS.match(typed)[1] not in _OF_THIS_MACHINE:
        raise AudiotagError(f"this is written on this machine alone, received the address {typed}: name a folder here")
    return place(typed)


def is_in_memory(path: Path) -> bool:
    """Whether a path is of this process alone, `memory://…`: others do not see it."""
    return is_remote(path) and path.protocol == "memory"


def _opened(address: str, scheme: str) -> Path:
    try:
        from upath import UPath

        # What another process has just written must be seen.
        path = UPath(address, use_listings_cache=False)
        path.fs  # noqa: B018  imports what opens it
    except ImportError as error:
        raise AudiotagError(f'{scheme}:// needs a package ({error}): pip install "audiotag[cloud]"') from error
    except ValueError as error:
        raise AudiotagError(f"no store is known for {address!r} ({error}): give s3://, gs:// or a folder") from error
    return path
