"""The worst mistakes to look at and to listen to: log-mels as PNG, waveforms as MP3, within a bound of bytes."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from audiotag.report.html.svg import Axis, nice_ticks, plot

if TYPE_CHECKING:
    from audiotag.evaluation.sections.mistakes import Mistake

MOST_BYTES = 8_000_000
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MOST_SECONDS = 30.0
_MOST_COLUMNS = 480
_PICTURE_HEIGHT = 210


@dataclass(frozen=True)
class Exhibit:
    """One mistake as the page shows it.

    Args:
        mistake: what went wrong.
        picture: the log-mel within its axes; empty where there is none.
        sound: address of the MP3 with the sound itself in it; empty where there is none.
    """

    mistake: Mistake
    picture: Markup
    sound: str


def exhibits(mistakes: tuple[Mistake, ...], most_bytes: int = MOST_BYTES) -> tuple[list[Exhibit], int]:
    """Pictures and sounds of the mistakes, worst first, as long as they fit.

    Args:
        mistakes: worst first.
        most_bytes: of all pictures and sounds together, as they stand in the page.

    Returns:
        One exhibit a mistake, and how many are without their picture and sound because there was no room.
    """
    shown, left_out, room = [], 0, most_bytes
    for mistake in mistakes:
        picture = Markup() if mistake.log_mel is None else _picture(mistake)
        sound = "" if mistake.waveform is None else _address("audio/mpeg", mp3(mistake.waveform, mistake.sample_rate))
        size = len(picture) + len(sound)
        if size > room:
            picture, sound, left_out = Markup(), "", left_out + 1
        else:
            room -= size
        shown.append(Exhibit(mistake, picture, sound))
    return shown, left_out


def mp3(waveform: np.ndarray, sample_rate: int) -> bytes:
    """A waveform as an MP3 file of variable bit rate, at most its first 30 s.

    Args:
        waveform: (samples,) float32 in [-1, 1]; what is louder is clipped.
        sample_rate: Hz; one that MP3 does not know becomes the next higher of those below 48 kHz.
    """
    import soundfile
    import soxr

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
    import matplotlib
    from PIL import Image

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


def _picture(mistake: Mistake) -> Markup:
    frames, mels = mistake.log_mel.shape
    if mistake.waveform is None:
        time = Axis("frame", 0, frames, nice_ticks(frames))
    else:
        seconds = len(mistake.waveform) / mistake.sample_rate
        time = Axis("seconds", 0, seconds, nice_ticks(seconds))
    bands = Axis("mel band", 0, mels, nice_ticks(mels, 5))
    about = f"log-mel of clip {mistake.clip_id}: time to the right, frequency upwards, brighter is louder"
    return plot([], time, bands, about, picture=_address("image/png", png(mistake.log_mel)), height=_PICTURE_HEIGHT)


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
