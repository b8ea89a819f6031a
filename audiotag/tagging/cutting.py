"""The best of what was found, as sound: material to listen to, to correct and to train with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag import audio, progress
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    import pandas


def cut(
    found: pandas.DataFrame, out: Path, *, best: int = 20, padding: float = 1.0, channel: str | None = None
) -> tuple[int, dict[str, str]]:
    """Write the best tags of every label as WAV files of the recordings' own rate, mono, a folder a label.

    Args:
        found: a row a tag, as of `results.read`.
        out: folder of the clips; a file that is there already stays.
        best: tags of a label, those of the highest scores, at least 1.
        padding: seconds before and after each.
        channel: as of `audio.Recording`.

    Returns:
        How many clips are there now, and the reason by recording where one could not be read.

    Raises:
        AudiotagError: a number out of range.
    """
    if best < 1 or not 0 <= padding < float("inf"):
        raise AudiotagError(
            f"at least 1 clip of a label is cut, with a padding of 0 s or more, received {best} and {padding}"
        )
    ranked = found.sort_values(["score", "file", "start"], ascending=[False, True, True]).groupby("label").head(best)
    made, reasons = 0, {}
    with progress.bar(f"Cutting {out}", len(ranked), "clips") as advance:
        for row in ranked.sort_values(["file", "start"]).itertuples():
            recording = Path(row.file)
            name = f"{row.score:.3f} {recording.stem} {row.start:.2f}-{row.end:.2f}.wav"
            target = out / _plain(row.label) / _plain(name)
            try:
                if not target.exists():
                    rate = audio.info(recording).sample_rate
                    start, end = max(row.start - padding, 0.0), row.end + padding
                    source = audio.Recording(recording, channel)
                    audio.write(target, audio.read(source, rate, start=start, end=end), rate)
                made += 1
            except (AudiotagError, OSError) as error:
                reasons[str(recording)] = str(error)
            advance(1)
    return made, reasons


def _plain(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w .,()&'+-]", "_", name).strip(". ") or "_"
