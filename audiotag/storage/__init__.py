"""Files, here or behind an address: whole or not at all, checked, fetched once; and those that come with audiotag."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cache": ["CACHE_VARIABLE", "cache_folder"],
        "downloads": ["fetch", "fetch_archive"],
        "files": [
            *("find_in_library", "fingerprint", "inside", "library", "read_json", "sha256"),
            *("write_atomically", "write_json"),
        ],
        "locks": ["is_locked", "locked"],
        "mirrors": ["mirror", "origin", "send_back"],
        "places": ["here", "is_in_memory", "is_remote", "place"],
        "remote": [
            *(
                "BYTES_VARIABLE",
                "State",
                "delete_folder",
                "downloaded",
                "is_file",
                "local_file",
                "read_bytes",
                "retried",
                "state",
                "state_of",
            )
        ],
    },
)
