"""How loud clips are, which are silent, and which were cut off at a limit when they were recorded."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.inspection import energy
from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.chart import Axis, Line, Plot
from audiotag.report.section import Exhibit, Section, Table

_QUIET, _WIDE = -60.0, 30.0  # dBFS; dB between a quiet and a loud class
_SEEN, _NAMED, _LISTED = 4, 3, 20
_CLIPPED = 1e-4  # of the samples


def measure(inspected: Inspected) -> Section:
    """A table by class, the distribution, and the clips that are silent or cut off."""
    clips, silent = inspected.clips, inspected.silent
    clipped = (clips["clipped"] >= _CLIPPED).to_numpy()
    levels = (clips["level"] if inspected.heard else clips["noise_level"]).to_numpy(float)
    quiet = ~silent & (levels < _QUIET) & np.isfinite(levels)
    table, conclusions = by_class(inspected, levels), []
    if silent.any():
        conclusions.append(
            f"silent clips: {silent.sum()} ({_some(inspected, silent)}), nothing in them is louder than "
            f"{energy.SILENCE:g} dBFS: leave them out, or record them again"
        )
    if quiet.any():
        conclusions.append(
            f"quiet clips: {quiet.sum()} ({_some(inspected, quiet)}), below {_QUIET:g} dBFS: listen whether they hold "
            "what their label says"
        )
    if clipped.any():
        order = np.argsort(-clips["clipped"].fillna(0).to_numpy(), kind="stable")
        worst = [clips["clip_id"][row] for row in order if clipped[row]]
        conclusions.append(
            f"clipped clips: {clipped.sum()} ({formats.names(worst, _NAMED)}), cut off at a limit: record with less "
            "gain, and leave them out where others do; the distortion is learnt as part of the class"
        )
    if inspected.unread:
        conclusions.append(
            f"recordings that cannot be read now: those of {len(inspected.unread)} clips "
            f"({formats.names(list(inspected.unread), _NAMED)}): `audiotag verify --deep` says why"
        )
    defined = table["median"].dropna()
    if len(defined) > 1 and defined.max() - defined.min() > _WIDE:
        loud, soft = table["class"][defined.idxmax()], table["class"][defined.idxmin()]
        conclusions.append(
            f"levels: {loud} is {defined.max() - defined.min():.0f} dB louder than {soft} in the median: a network may "
            "learn the level; augment with gain (standard does), or record both alike"
        )
    listed = clips[["clip_id", "split", "labels", "peak", "level", "noise_level", "clipped"]]
    values = {"silent": listed[silent], "clipped": listed[clipped]}
    shown = [*_exhibits(inspected, clipped, "clipped"), *_exhibits(inspected, silent, "silent")]
    return Section(
        "Levels",
        how=_HOW[inspected.heard],
        conclusions=tuple(conclusions),
        tables=(_shown(table, "By class"), *_listed(values)),
        figures=_distribution(levels),
        exhibits=inspected.exhibits(shown),
        values=values | {"levels": table},
    )


_HOW = {
    "recordings": "Root mean square of the recordings, dB below full scale. Clipped: more samples lie at the peak than "
    "a wave has there, or beyond full scale.",
    "waveforms": "Root mean square of the kept waveforms, dB below full scale. Clipped: more samples lie at the peak "
    "than a wave has there; resampling hides some of it, and the recordings are not at hand (--source).",
    "": "The recordings are not at hand (--source) and no waveforms were kept: levels are those of white noise of as "
    "much energy in the log-mel, good for comparing; clipping cannot be told.",
}


def by_class(inspected: Inspected, levels: np.ndarray) -> pandas.DataFrame:
    """A row a class, the quietest first: clips, lowest, median and highest level in dBFS, silent ones left out."""
    rows, sounding = [], ~inspected.silent & np.isfinite(levels)
    for index, name in enumerate(inspected.data.labels):
        own = levels[inspected.targets[:, index] & sounding]
        ends = (own.min(), np.median(own), own.max()) if len(own) else (np.nan,) * 3
        rows.append((name, len(own), *(round(float(value), 1) for value in ends)))
    table = pandas.DataFrame(rows, columns=["class", "clips", "lowest", "median", "highest"])
    return table.sort_values("median", kind="stable", ignore_index=True)


def _listed(tables: dict[str, pandas.DataFrame]) -> list[Table]:
    titles = {"silent": "Silent clips", "clipped": "Clipped clips"}
    return [_shown(table.head(_LISTED), titles[name]) for name, table in tables.items() if len(table)]


def _shown(table: pandas.DataFrame, title: str) -> Table:
    ways = dict.fromkeys(("level", "noise_level", "lowest", "median", "highest"), formats.tenth)
    ways["clipped"] = lambda share: formats.percent(share, 2) if np.isfinite(share) else None
    return Table.of(table.assign(**{name: table[name].map(ways[name]) for name in table if name in ways}), title)


def _distribution(levels: np.ndarray) -> tuple[Plot, ...]:
    """Share of the clips below each level."""
    finite = np.sort(levels[np.isfinite(levels)])
    if len(finite) < 2:
        return ()
    low, high = 10 * np.floor(finite[0] / 10), max(10 * np.ceil(finite[-1] / 10), 10 * np.floor(finite[0] / 10) + 10)
    places = np.unique(np.linspace(0, len(finite) - 1, min(len(finite), 200)).round().astype(int))
    line = Line(finite[places], (places + 1) / len(finite))
    step = 10 * max(int(np.ceil((high - low) / 60)), 1)
    ticks = np.arange(low, high + 1, step).tolist()
    axis = Axis("level, dBFS", float(low), float(high), ticks)
    return (Plot("levels", "Levels of all clips", axis, Axis("share of the clips below"), (line,)),)


def _exhibits(inspected: Inspected, chosen: np.ndarray, kind: str) -> list[Exhibit]:
    rows = inspected.clips[chosen].sort_values("clipped", ascending=False, kind="stable").head(_SEEN)
    texts = {
        "silent": "The loudest moment is as loud as noise of {loudest:.0f} dBFS.",
        "clipped": "{clipped:.2%} of the samples lie at the limit, the peak is {peak:.3f}.",
    }
    return [
        Exhibit(row["clip_id"], kind, row["labels"] or "no label", texts[kind].format(**row))
        for row in rows.to_dict("records")
    ]


def _some(inspected: Inspected, chosen: np.ndarray) -> str:
    return formats.names(inspected.clips["clip_id"][chosen].tolist(), _NAMED)
