"""Tagging: a waveform or a sound file in, labels with scores and times out."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "embeddings": ["Embeddings", "FileEmbeddings", "embed_files", "write_embeddings"],
        "files": ["FileTags", "sound_files", "tag_files"],
        "streaming": ["StreamingTagger", "StreamScores"],
        "tagger": ["AudioTagger"],
        "tags": ["Tag"],
        "writing": ["write"],
    },
)
