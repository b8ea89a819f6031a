"""Records: declared clips built into verified shards of log-mel examples, and read back with tf.data."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "builder": ["BuildReport", "build"],
        "data": ["Data", "open"],
        "deep_verifier": ["verify_deep"],
        "declaration": ["Clip", "Declaration", "Event", "declare"],
        "verifier": ["Problem", "verify"],
    },
)
