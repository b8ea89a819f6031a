"""Which clips surprise a language model most, and when in them."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.report.chart import Axis, Line, Plot, nice_ticks
from audiotag.report.formats import figure
from audiotag.report.illustration import illustrate
from audiotag.report.section import Exhibit, Section, Table
from audiotag.tokens.data import TokenData
from audiotag.tokens.surprise import SMOOTHED, smooth, tops

_SHOWN = 10
_EXHIBITED = 4


def section(clip_ids: np.ndarray, bits: np.ndarray, data: TokenData) -> Section:
    """The section of a split.

    Args:
        clip_ids: (clips,).
        bits: of every token, (clips, steps).
        data: the tokens, whose data set gives pictures and sounds where it is there.
    """
    rate = data.tokenizer.rate
    smoothed = np.stack([smooth(row, round(SMOOTHED * rate)) for row in bits])
    places = np.array([tops(row, SMOOTHED * rate)[0] for row in smoothed])
    highest = np.take_along_axis(smoothed, places[:, None], axis=1)[:, 0]
    order = np.argsort(-highest, kind="stable")[:_SHOWN]
    rows = [
        (str(clip_ids[row]), float(bits[row].mean()), float(highest[row]), (int(places[row]) + 0.5) / rate)
        for row in order
    ]
    table = pandas.DataFrame(rows, columns=("clip", "bits a token", "highest", "at second"))
    return Section(
        "Surprise",
        how=f"Bits a token over time. A peak of the mean over {SMOOTHED:g} s is what the model did not expect: an "
        "anomaly, or a kind of sound that it was not trained on; the first second is left out. "
        "`audiotag surprise FILE` draws a recording's curve.",
        conclusions=(f"most surprising: {rows[0][0]} at {rows[0][3]:.2f} s ({figure(rows[0][2])} bits a token)",),
        tables=(Table.of(table),),
        figures=tuple(_curve(bits, smoothed, rate, row, str(clip_ids[row])) for row in order[:1]),
        exhibits=_exhibits(rows[:_EXHIBITED], data),
        values={"surprise": table},
    )


def _curve(bits: np.ndarray, smoothed: np.ndarray, rate: float, row: int, clip_id: str) -> Plot:
    seconds, highest = bits.shape[1] / rate, float(np.ceil(bits[row].max() + 1e-9))
    middles = (np.arange(bits.shape[1]) + 0.5) / rate
    typical = np.median(smoothed, axis=0)
    lines = (
        Line(middles, bits[row], "second"),
        Line(middles, smoothed[row], "first", name="this clip"),
        Line(middles, typical, "guide", name="the median of all clips"),
    )
    return Plot(
        "surprise",
        f"surprise over time of clip {clip_id}",
        Axis("seconds", 0, seconds, nice_ticks(seconds)),
        Axis("bits a token", 0, highest, nice_ticks(highest)),
        lines,
        "Blue: the mean over a second; grey: each token; dotted: the median clip.",
    )


def _exhibits(rows: list[tuple[str, float, float, float]], data: TokenData) -> tuple[Exhibit, ...]:
    with contextlib.suppress(AudiotagError):  # the tokens may have moved without their data set
        source = data.source()
        labels = source.rows([clip for clip, *_ in rows])["labels"]
        shown = [
            Exhibit(clip, "surprise", label, f"{figure(highest)} bits a token at {peak:.2f} s")
            for (clip, _, highest, peak), label in zip(rows, labels, strict=True)
        ]
        return tuple(illustrate(shown, source, source.recordings))
    return ()
