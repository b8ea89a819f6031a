"""Files: whole or not at all, checked, downloaded once; and where the files that come with audiotag lie."""

from __future__ import annotations

from audiotag.storage.downloads import CACHE_VARIABLE, cache_folder, fetch, fetch_archive
from audiotag.storage.files import (
    find_in_library,
    fingerprint,
    inside,
    library,
    read_json,
    sha256,
    write_atomically,
    write_json,
)

__all__ = [
    "CACHE_VARIABLE",
    "cache_folder",
    "fetch",
    "fetch_archive",
    "find_in_library",
    "fingerprint",
    "inside",
    "library",
    "read_json",
    "sha256",
    "write_atomically",
    "write_json",
]
