"""The cache of downloads: where it lies."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "AUDIOTAG_CACHE"


def cache_folder() -> Path:
    """Where downloads are kept: `AUDIOTAG_CACHE`, else the platform's user cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("audiotag"))
