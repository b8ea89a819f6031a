"""What is taken for sound, what decodes it, and what its header may say."""

from __future__ import annotations

from audiotag.errors import AudioError

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64"),
    *(".mp2", ".mp1"),
)
"""Suffixes (lower case) of the files that are taken for sound when a folder is searched."""

DECODED_BY_PYAV = (
    *(".m4a", ".m4b", ".mp4", ".aac", ".mov", ".3gp", ".webm", ".weba", ".mkv", ".mka", ".wv", ".wma", ".ape", ".amr"),
    *(".ac3", ".tta", ".avi", ".mpc", ".spx", ".dts", ".m4v", ".mts", ".wve", ".sph", ".snd"),
)
"""Suffixes of sound too, which needs PyAV (`pip install "audiotag[formats]"`); named as left out where it is not."""

MIN_SAMPLE_RATE = 100
"""Of a recording: below, nothing is sound, and a short file would claim to last for days."""
MAX_SAMPLE_RATE = 768_000
MAX_CHANNELS = 256

_FOREIGN_BEGINNINGS = (b"\x1aE\xdf\xa3", b"wvpk", b"MAC ", b"#!AMR", b"\x30\x26\xb2\x75", b"ADIF", b"TTA1", b"\x0b\x77")
_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"OggS", b"fLaC", b"caff", b"riff", b".snd")


def is_foreign(beginning: bytes) -> bool:
    """Whether a file that begins so is one of those that PyAV decodes."""
    is_adts = len(beginning) > 1 and beginning[0] == 0xFF and beginning[1] & 0xF6 == 0xF0
    return beginning[4:8] == b"ftyp" or beginning.startswith(_FOREIGN_BEGINNINGS) or is_adts


def may_hold_other_codecs(beginning: bytes) -> bool:
    """Whether a file that begins so is a container of sound, whatever codec lies in it."""
    return beginning.startswith(_CONTAINERS)


def check_header(name: str, sample_rate: int, channels: int) -> None:
    """Refuse a sample rate and a number of channels that no recording has."""
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioError(
            f"{name} has an absurd header: sample rate {sample_rate} Hz, not in {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"{name} has an absurd header: {channels} channels, not in 1 to {MAX_CHANNELS}")
