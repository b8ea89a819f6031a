"""Sound files and waveforms: the only place that opens a sound file; cropping, padding and windows."""

from __future__ import annotations

from audiotag.audio.folders import Search, search
from audiotag.audio.formats import DECODED_BY_PYAV, MAX_CHANNELS, MAX_SAMPLE_RATE, SUFFIXES
from audiotag.audio.reading import AudioInfo, Recording, Source, info, read, seconds, stream
from audiotag.audio.recorded import recorded_at
from audiotag.audio.waveforms import check_level, fit, windows
from audiotag.audio.writing import write

__all__ = [
    "DECODED_BY_PYAV",
    "MAX_CHANNELS",
    "MAX_SAMPLE_RATE",
    "SUFFIXES",
    "AudioInfo",
    "Recording",
    "Search",
    "Source",
    "check_level",
    "fit",
    "info",
    "read",
    "recorded_at",
    "search",
    "seconds",
    "stream",
    "windows",
    "write",
]
