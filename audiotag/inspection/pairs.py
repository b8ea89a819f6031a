"""Whether two clips are one sound: by their textures, and where those leave it open, by their waveforms."""

from __future__ import annotations

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.inspection import energy
from audiotag.inspection.fingerprints import agreement, similarity, textures
from audiotag.inspection.inspected import Inspected

ALIKE = 2
"""Words that two fingerprints have in common, from which on a pair is looked at."""
LOOKED_AT = 3000
"""Pairs that are looked at, at most."""

_SAME = 0.75  # of textures, where a pair is one sound
_PERHAPS, _AGREE = 0.5, 0.2  # of textures, where waveforms decide; of waveforms, where a pair is one sound
_TOLERANCE = 0.05  # seconds
_LEAST_SECONDS = 0.3  # in which something moves: less tells nothing of a sound
_TOGETHER = 64

Textures = dict[int, np.ndarray]
"""Texture of a clip by its row, (frames, bands) float16."""


def textures_of(inspected: Inspected, rows: list[int]) -> Textures:
    """Textures of some clips."""
    if not rows:
        return {}
    data, ids = inspected.data, inspected.clips["clip_id"].to_numpy()
    row_of, of_rows = {ids[row]: row for row in rows}, {}
    unit = energy.nepers(data.front_end)
    for batch in data.batches(clip_ids=list(row_of), batch_size=_TOGETHER):
        values = textures(batch["log_mel"][..., 0], inspected.frames_per_second, unit).astype(np.float16)
        of_rows |= {row_of[clip_id]: texture for clip_id, texture in zip(batch["clip_id"], values, strict=True)}
    return of_rows


def one_sound(
    pairs: list[tuple[int, int]], first: Inspected, second: Inspected
) -> dict[tuple[int, int], tuple[float, int]]:
    """The pairs that are one sound, with their similarity (0 to 1) and shift in frames (see `similarity`).

    Args:
        pairs: rows of the first set and of the second.
        first: a data set.
        second: another of the same front end, or the same.
    """
    if first is second:
        textures = others = textures_of(first, sorted({row for pair in pairs for row in pair}))
    else:
        textures = textures_of(first, sorted({own for own, _ in pairs}))
        others = textures_of(second, sorted({other for _, other in pairs}))
    least, same = _LEAST_SECONDS * first.frames_per_second, {}
    for own, other in pairs:
        value, shift = similarity(textures[own].astype(np.float32), others[other].astype(np.float32), least)
        if value >= _SAME or (value >= _PERHAPS and _agree((first, own), (second, other), shift)):
            same[own, other] = value, shift
    return same


def _agree(first: tuple[Inspected, int], second: tuple[Inspected, int], shift: int) -> bool:
    """Whether the waveforms of two clips agree; False where they are not at hand."""
    try:
        waveforms = [inspected.waveform(inspected.clips["clip_id"][row]) for inspected, row in (first, second)]
    except AudiotagError:
        return False
    if any(waveform is None for waveform in waveforms):
        return False
    rate = first[0].data.front_end.sample_rate
    samples = round(shift * rate / first[0].frames_per_second)
    return agreement(*waveforms, samples, round(_TOLERANCE * rate)) >= _AGREE
