"""Writing a waveform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from audiotag import storage
from audiotag.audio.waveforms import check_sample_rate, checked
from audiotag.errors import AudioError, AudiotagError


def write(path: str | Path, waveform: np.ndarray, sample_rate: int) -> None:
    """Write a mono waveform, atomically: 32-bit float WAV or 24-bit FLAC.

    Args:
        path: file to write; its suffix, .wav or .flac, chooses the format.
        waveform: (samples,), finite; in [-1, 1] for FLAC.
        sample_rate: in Hz, 1 to 768000 (FLAC: to 655350).

    Raises:
        AudiotagError: another suffix.
        AudioError: samples that the format cannot hold.
    """
    path = Path(path)
    check_sample_rate(sample_rate)
    formats = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}
    if path.suffix.lower() not in formats:
        raise AudiotagError(f"a sound file is written as .wav or .flac, received {path.name}: change its suffix")
    container, subtype = formats[path.suffix.lower()]
    waveform = checked(waveform, path.name)
    if container == "FLAC" and np.abs(waveform).max(initial=0.0) > 1.0:
        raise AudioError(f"{path.name}: FLAC holds samples in [-1, 1], received a peak of {np.abs(waveform).max():g}")
    with storage.write_atomically(path, "wb") as file:
        try:
            soundfile.write(file, waveform, sample_rate, format=container, subtype=subtype)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path.name} cannot be written at {sample_rate} Hz ({error.error_string})") from error
