"""Records: declared clips built into verified shards of log-mel examples, and read back with tf.data.

What is built is declared in `audiotag.clips`; its `Clip`, `Event`, `Declaration` and `declare` are had from here, by
those who build a data set of their own.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    "audiotag",
    submod_attrs={
        "clips.declaration": ["Clip", "Declaration", "Event", "declare"],
        "records.builder": ["BuildReport", "build"],
        "records.data": ["Data", "open"],
        "records.deep_verifier": ["verify_deep"],
        "records.verifier": ["Problem", "verify"],
    },
)
