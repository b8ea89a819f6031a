"""Surprise over time: how many bits every moment of a recording is worth to a language model."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas

from audiotag import audio, storage
from audiotag.frontend import log_mel
from audiotag.tokens.language_model import LanguageModel, bits_of

SMOOTHED = 1.0
"""Seconds that the smoothed curve is the mean of."""

MOMENTS = 5
"""At most, that are told of a recording."""

COLUMNS = ("start", "end", "token", "bits", "smoothed")


@dataclass(frozen=True)
class Surprise:
    """The surprise of a recording.

    Args:
        distance: seconds from token to token.
        tokens: (tokens,) int32.
        bits: of each, given those before it, (tokens,) float64.
        smoothed: its mean over the second around each, (tokens,) float64.
    """

    distance: float
    tokens: np.ndarray
    bits: np.ndarray
    smoothed: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """When each token begins, seconds."""
        return np.arange(len(self.tokens)) * self.distance

    @property
    def peak(self) -> int:
        """The token at which the smoothed curve is highest: the first of `moments`."""
        return self.moments[0]

    @property
    def highest(self) -> float:
        """When that is: the middle of the token, seconds."""
        return (self.peak + 0.5) * self.distance

    @cached_property
    def moments(self) -> list[int]:
        """The tokens at which the smoothed curve has its highest tops: at most `MOMENTS`, see `tops`."""
        return tops(self.smoothed, SMOOTHED / self.distance)[:MOMENTS]

    def table(self) -> pandas.DataFrame:
        """A row a token, see `COLUMNS`."""
        ends = self.starts + self.distance
        return pandas.DataFrame(
            dict(zip(COLUMNS, (self.starts, ends, self.tokens, self.bits, self.smoothed), strict=True))
        )


def surprise(
    model: LanguageModel, source: audio.Source | np.ndarray, check: Callable[[], object] = lambda: None
) -> Surprise:
    """How surprising every moment of a recording is.

    A token sees up to as many before it as the clips of the training have, half as many at least once that many are
    past: the recording is taken in windows that overlap by half.

    Args:
        model: the language model.
        source: sound file, `audio.Recording`, or waveform (samples,) float32 at the front end's rate.
        check: called before each clip and each batch; what it raises ends the work.

    Raises:
        AudioError: what cannot be read, is not finite, or is shorter than a token.
    """
    waveform = model.waveform(source) if isinstance(source, audio.Source) else source
    return of_tokens(model, model.tokens_of(waveform, check), check)


def of_tokens(model: LanguageModel, tokens: np.ndarray, check: Callable[[], object] = lambda: None) -> Surprise:
    """The surprise of a sequence of tokens of any length, (tokens,) int; `check` as of `bits_of`."""
    length = min(model.context, len(tokens))
    starts = audio.windows(len(tokens), length, max(length // 2, 1))
    if starts[-1] + length < len(tokens):  # a short rest that windows of sound leave out
        starts.append(len(tokens) - length)
    of_windows = bits_of(model.network, np.stack([tokens[start : start + length] for start in starts]), check=check)
    bits = np.empty(len(tokens))
    for start, of_window in reversed(list(zip(starts, of_windows, strict=True))):
        bits[start : start + length] = of_window  # the earliest window knows most of the past
    return Surprise(1 / model.tokenizer.rate, tokens, bits, smooth(bits, round(SMOOTHED * model.tokenizer.rate)))


def tops(smoothed: np.ndarray, width: float) -> list[int]:
    """The tokens at which a smoothed curve has its tops, the highest first, at least `width` tokens apart.

    As many tokens at its beginning are left out where there are others: a beginning surprises whatever it is.

    Args:
        smoothed: the curve, (tokens,).
        width: what it is the mean of, in tokens, which may be no whole number.
    """
    from scipy.signal import find_peaks

    first = round(width) if len(smoothed) > round(width) else 0
    # The mean is as high wherever one surprise is in it: the middle is its top, where rounding would decide.
    curve = smoothed[first:].round(3)
    bounded = np.pad(curve, 1, constant_values=-np.inf)  # the ends may be tops too
    found = find_peaks(bounded, distance=max(width, 1))[0] - 1
    return (first + found[np.argsort(-curve[found], kind="stable")]).tolist()


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """The mean of `width` values around each, of fewer at the ends: (n,) float64."""
    ones = np.ones(max(width, 1))
    return (
        np.convolve(values, ones, "full")[len(ones) // 2 :][: len(values)]
        / np.convolve(np.ones(len(values)), ones, "full")[len(ones) // 2 :][: len(values)]
    )


def write_table(result: Surprise, path: Path) -> None:
    """Write the table as CSV, seconds and bits with three decimals."""
    text = io.StringIO()
    result.table().to_csv(text, index=False, float_format="%.3f", lineterminator="\n")
    with storage.write_atomically(path) as file:
        file.write(text.getvalue())


def write_picture(result: Surprise, waveform: np.ndarray, model: LanguageModel, path: Path, title: str = "") -> None:
    """Draw the log-mel above the curve, time to the right.

    Args:
        result: of the recording.
        waveform: the recording, (samples,) float32, at the front end's rate.
        model: the language model.
        path: .png, .svg or .pdf.
        title: above it.
    """
    from matplotlib.figure import Figure

    from audiotag.notes import picture

    picture.check(path)
    front_end, seconds = model.tokenizer.clip_format.front_end, len(result.tokens) * result.distance
    filled = audio.fit(waveform, max(len(waveform), front_end.minimum_samples), "zero")
    figure = Figure(figsize=(min(max(seconds * 0.4, 8.0), 120.0), 5.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    shown = log_mel(filled, front_end).T
    extent = (0, shown.shape[1] * front_end.hop / front_end.sample_rate, 0, front_end.mels)
    above.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="magma")
    above.set(ylabel="mel band")
    above.set_title(title, fontsize=11, parse_math=False)
    middles = result.starts + result.distance / 2
    below.plot(middles, result.bits, color="0.75", linewidth=0.8)
    below.plot(middles, result.smoothed, color="#1f6fb4", linewidth=1.8)
    below.set(xlim=(0, seconds), ylim=(0, None), xlabel="seconds", ylabel="bits a token")
    below.grid(color="0.92", linewidth=0.8)
    with storage.write_atomically(path, "wb") as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=100)
