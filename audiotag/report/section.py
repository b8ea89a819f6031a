"""A section of a report: what one measurement found, its content built once and shown by every renderer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas

from audiotag.report.chart import Axis, Chart, Plot, nice_ticks


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        columns: their names; the first one names the row.
        rows: texts, counts (int), figures (float), None for what is not defined; see `formats.cell`.
        title: what it is of; "" where the section says it.
        note: one sentence beneath it.
        sortable: whether its rows may stand in any order.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    note: str = ""
    sortable: bool = True

    @classmethod
    def of(cls, frame: pandas.DataFrame, title: str = "", sortable: bool = True) -> Table:
        """A table of pandas without its index and the columns that are nowhere defined."""
        kept = frame.dropna(axis="columns", how="all")
        return cls(
            [str(name) for name in kept.columns],
            kept.to_numpy(dtype=object, na_value=None).tolist(),
            title,
            "",
            sortable,
        )


@dataclass(frozen=True)
class Exhibit:
    """A clip to look at and to listen to.

    Args:
        clip_id: the clip.
        kind: what it is an example of: "false alarm".
        label: the class that it is about.
        text: what is to be known of it.
        scores: the best scored classes with their scores, best first.
        waveform: (samples,) float32; None: not at hand.
        sample_rate: of the waveform, Hz; 0 without one.
        log_mel: (frames, mels) float32; None: not at hand.
        frequencies: Hz to the place in mel bands, for the axis of the picture.
    """

    clip_id: str
    kind: str
    label: str
    text: str
    scores: tuple[tuple[str, float], ...] = ()
    waveform: np.ndarray | None = None
    sample_rate: int = 0
    log_mel: np.ndarray | None = None
    frequencies: dict[float, float] = field(default_factory=dict)

    @property
    def picture(self) -> Plot | None:
        """Its log-mel within axes: seconds where the sound is there, else frames."""
        if self.log_mel is None:
            return None
        frames, mels = self.log_mel.shape
        label, length = "frame", float(frames)
        if self.waveform is not None:
            label, length = "seconds", len(self.waveform) / self.sample_rate
        names = [f"{frequency / 1000:g}" for frequency in self.frequencies]
        time, bands = Axis(label, 0, length, nice_ticks(length)), Axis("mel band", 0, mels, nice_ticks(mels, 5))
        if names:
            bands = Axis("kHz", 0, mels, tuple(self.frequencies.values()), names)
        title = f"log-mel of clip {self.clip_id}: time to the right, frequency upwards, brighter is louder"
        return Plot("picture", title, time, bands, image=self.log_mel)


@dataclass(frozen=True)
class Section:
    """What one measurement found. Every part may be left out.

    Args:
        title: heading.
        how: how to read it, a few sentences.
        conclusions: what a user should conclude, a line each: all that the terminal and the model card show.
        scalars: numbers by name: facts on the page, points in TensorBoard.
        tables: in the order of showing.
        figures: charts, in the order of showing.
        exhibits: clips to look at and to listen to, the most telling first.
        facts: how it was measured, by name.
        columns: one cell a class, by its heading: shown beside the class in the table of all classes.
        notes: what the reader of the whole report must know, above all why something was not measured.
        values: what programs read: key of `metrics.json` to content (numbers, texts, arrays, tables of pandas,
            dataclasses, and lists and dictionaries of them).
    """

    title: str
    how: str = ""
    conclusions: tuple[str, ...] = ()
    scalars: dict[str, float] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    figures: tuple[Chart, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Sequence[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to see beyond its conclusions and notes."""
        return bool(self.scalars or self.tables or self.figures or self.exhibits)
