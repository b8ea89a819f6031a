"""Pictures and sounds inside the page: log-mels as PNG, waveforms as MP3."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
import soundfile
import soxr
from PIL import Image

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MOST_SECONDS = 30.0
_MOST_COLUMNS = 480


def mp3(waveform: np.ndarray, sample_rate: int) -> bytes:
    """A waveform as an MP3 file of variable bit rate, at most its first 30 s.

    Args:
        waveform: (samples,) float32 in [-1, 1]; what is louder is clipped.
        sample_rate: Hz; one that MP3 does not know becomes the next higher of those below 48 kHz.
    """
    rate = next((known for known in _MP3_RATES if known >= sample_rate), _MP3_RATES[-1])
    signal = waveform[: int(_MOST_SECONDS * sample_rate)].astype(np.float32)
    if rate != sample_rate:
        signal = soxr.resample(signal, sample_rate, rate, quality="HQ")
    content = io.BytesIO()
    signal = np.clip(signal, -1.0, 1.0)
    soundfile.write(content, signal, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7)
    return content.getvalue()


def png(log_mel: np.ndarray) -> bytes:
    """A log-mel as a PNG of 256 colours, time to the right and low bands below; long ones are averaged in time.

    Args:
        log_mel: (frames, mels) float; the colours span its 1st to 99.8th percentile.
    """
    frames = log_mel.astype(np.float32)
    together = -(-len(frames) // _MOST_COLUMNS)
    starts = np.arange(0, len(frames), together)
    columns = np.add.reduceat(frames, starts) / np.diff(np.append(starts, len(frames)))[:, None]
    low, high = np.percentile(columns, (1, 99.8))
    steps = np.clip((columns - low) / max(float(high - low), 1e-9) * 255, 0, 255).round().astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(steps.T[::-1]), mode="L")
    palette = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    picture.putpalette(palette.tobytes())
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


def address(kind: str, content: bytes) -> str:
    """A data: address that holds a file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
