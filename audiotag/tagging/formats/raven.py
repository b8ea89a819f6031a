"""A selection table for Raven over the recording's whole band."""

from __future__ import annotations

from typing import IO

from audiotag import audio
from audiotag.tagging.files import FileTags, shown_path
from audiotag.tagging.result_lines import Format, one_line

SUFFIX = ".txt"
ALONE = False
COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
    *("Label", "Score"),
)
FILE = "Begin Path"
"""The further column of a table of several recordings; times are those of each."""


def lines(stream: IO[str], several: bool) -> Format:
    """What comes first, and what a result becomes; of a stream, and whether several files go into it."""
    number = 0

    def show(result: FileTags) -> str:
        nonlocal number
        highest = audio.info(result.path).sample_rate / 2 if result.tags else 0.0
        rows = []
        for tag in result.tags:
            number += 1
            place = (number, "Spectrogram 1", 1, f"{tag.start:.6f}", f"{tag.end:.6f}", "0.0", f"{highest:.1f}")
            file = [shown_path(result.path)] if several else []
            rows.append("\t".join(map(str, (*place, one_line(tag.label), f"{tag.score:.6f}", *file))) + "\n")
        return "".join(rows)

    return "\t".join([*COLUMNS, *([FILE] if several else [])]) + "\n", show
