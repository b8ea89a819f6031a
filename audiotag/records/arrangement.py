"""Which record of which shard is which view of which clip: known from `clips.csv` and the manifest alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from audiotag.records import plan
from audiotag.records.manifest import Shard

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Places:
    """The records of a split, or of a shard of it, in the order of the files.

    Args:
        clips: accepted clips of the split, rows of `clips.csv`.
        clip: (records,) position in `clips`.
        variant: (records,).
    """

    clips: pandas.DataFrame
    clip: np.ndarray
    variant: np.ndarray

    def keys(self) -> list[tuple[str, int]]:
        """Clip id and variant of every record."""
        return list(zip(self.clips["clip_id"].to_numpy()[self.clip].tolist(), self.variant.tolist(), strict=True))

    def chosen(self, variants: Sequence[int], clip_ids: Collection[str] | None) -> np.ndarray:
        """Which records are of some variants and clips (None: of any clip): (records,), bool."""
        chosen = np.isin(self.variant, variants)
        return chosen if clip_ids is None else chosen & self.clips["clip_id"].isin(clip_ids).to_numpy()[self.clip]


class Arrangement:
    """The places of all records of a data set, computed split by split when they are asked for.

    Args:
        clips: gives `clips.csv`.
        shards: of the data set.
        variants: augmented views of every clip, beside the untouched one.
    """

    def __init__(self, clips: Callable[[], pandas.DataFrame], shards: Sequence[Shard], variants: int) -> None:
        self._clips, self._shards, self._variants = clips, shards, variants
        self._split = cache(self._arrange)

    def _arrange(self, split: str) -> tuple[Places, dict[str, slice]]:
        """The places of a split, and where each shard lies in them."""
        table = self._clips()
        accepted = table[(table["split"] == split) & (table["status"] == "ok")]
        names = [shard.name for shard in self._shards if shard.split == split]
        clip, variant, sizes = plan.arrange(accepted["clip_id"].tolist(), self._variants, len(names))
        ends = np.cumsum(sizes).tolist()
        return Places(accepted, clip, variant), dict(zip(names, map(slice, [0, *ends[:-1]], ends), strict=True))

    def split(self, name: str) -> Places:
        """The records of a split."""
        return self._split(name)[0]

    def shard(self, shard: Shard) -> Places:
        """The records of a shard."""
        places, parts = self._split(shard.split)
        part = parts[shard.name]
        return Places(places.clips, places.clip[part], places.variant[part])
