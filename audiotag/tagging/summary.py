"""What a folder of results holds: how often each label was found, at which hour and on which day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.storage import write_atomically

if TYPE_CHECKING:
    import pandas

HOURS = [f"{hour:02}" for hour in range(24)]
_SHADES = " ▁▂▃▄▅▆▇█"


def counts(found: pandas.DataFrame) -> pandas.DataFrame:
    """A row a label, the most frequent first.

    Args:
        found: a row a tag, as of `results.read`.

    Returns:
        Indexed by label: tags, recordings (how many hold it), best (score), first and last (ISO 8601, None where no
        tag of the label has a time), and of those with a time how many began in each hour of the day, "00" to "23".
    """
    import pandas

    grouped = found.groupby("label", sort=True)
    table = pandas.DataFrame(
        {
            "tags": grouped.size(),
            "recordings": grouped["file"].nunique(),
            "best": grouped["score"].max(),
            "first": grouped["time"].min(),
            "last": grouped["time"].max(),
        }
    )
    timed = found[found["time"].notna()]
    hours = pandas.crosstab(timed["label"], timed["time"].str[11:13]).reindex(table.index, columns=HOURS, fill_value=0)
    return table.join(hours).sort_values("tags", ascending=False, kind="stable")


def by_day(found: pandas.DataFrame) -> pandas.DataFrame:
    """How many tags of each label began on each day: a row a label, a column a day with any, "2021-05-03"."""
    import pandas

    timed = found[found["time"].notna()]
    return pandas.crosstab(timed["label"], timed["time"].str[:10])


def shades(values: np.ndarray) -> str:
    """Numbers as a line of blocks, the largest as the highest; 0 as a blank."""
    highest = max(values.max(initial=0), 1)
    return "".join(_SHADES[int(np.ceil(value / highest * (len(_SHADES) - 1)))] for value in values)


def draw(found: pandas.DataFrame, path: Path, most: int = 40) -> None:
    """A picture (PNG) of the most frequent labels by hour of the day and by day.

    Args:
        found: as of `counts`.
        path: the file.
        most: labels that are drawn.
    """
    from matplotlib.figure import Figure

    table = counts(found).head(most)
    days = by_day(found).reindex(table.index, fill_value=0)
    figure = Figure(figsize=(14, 1.5 + 0.25 * max(len(table), 4)), layout="constrained")
    sides = figure.subplots(1, 2, sharey=True)
    for axes, values, title in ((sides[0], table[HOURS], "hour of the day"), (sides[1], days, "day")):
        axes.set_title(f"tags by {title}")
        if values.size:
            image = axes.imshow(np.log1p(values.to_numpy(float)), aspect="auto", cmap="magma")
            bar = figure.colorbar(image, ax=axes)
            ticks = [tick for tick in (0, 1, 10, 100, 1000, 10_000, 100_000) if tick <= max(values.to_numpy().max(), 1)]
            bar.set_ticks(np.log1p(ticks), labels=[f"{tick:,}" for tick in ticks])
        step = max(1, values.shape[1] // 12)
        axes.set_xticks(range(0, values.shape[1], step), list(values.columns)[::step], rotation=45)
        axes.set_yticks(range(len(table)), list(table.index))
    with write_atomically(path, "wb") as file:
        figure.savefig(file, format="png", dpi=100)
