"""Files: whole or not at all, checked, downloaded once; and where the files that come with audiotag lie."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "downloads": ["CACHE_VARIABLE", "cache_folder", "fetch", "fetch_archive"],
        "files": [
            *("find_in_library", "fingerprint", "inside", "library", "read_json", "sha256"),
            *("write_atomically", "write_json"),
        ],
    },
)
