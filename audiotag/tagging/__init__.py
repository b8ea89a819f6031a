"""Tagging: a waveform or a sound file in, labels with scores and times out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.tagging.embeddings import Embeddings, FileEmbeddings, embed_files, write_embeddings
    from audiotag.tagging.files import sound_files, tag_files
    from audiotag.tagging.formats import FORMATS, write
    from audiotag.tagging.loading import load
    from audiotag.tagging.results import FileTags, Tag
    from audiotag.tagging.tagger import AudioTagger

__all__ = [
    "FORMATS",
    "AudioTagger",
    "Embeddings",
    "FileEmbeddings",
    "FileTags",
    "Tag",
    "embed_files",
    "load",
    "sound_files",
    "tag_files",
    "write",
    "write_embeddings",
]

_HOMES = {
    "Embeddings": "embeddings",
    "FileEmbeddings": "embeddings",
    "embed_files": "embeddings",
    "write_embeddings": "embeddings",
    "FORMATS": "formats",
    "AudioTagger": "tagger",
    "FileTags": "results",
    "Tag": "results",
    "load": "loading",
    "sound_files": "files",
    "tag_files": "files",
    "write": "formats",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.tagging.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiotag.tagging' has no attribute {name!r}")
