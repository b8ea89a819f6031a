"""A piano roll: notes as bars, time to the right, pitch upwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.notes.note import HIGHEST, LOUDEST, LOWEST, Note, name_of

SUFFIXES = (".png", ".svg", ".pdf")
_HEIGHT, _LEAST_WIDTH, _MOST_WIDTH = 5.0, 8.0, 120.0  # inches
_WIDTH_OF_SECOND = 0.25


def check(path: Path) -> None:
    """Refuse a file of another kind than pictures."""
    if path.suffix.lower() not in SUFFIXES:
        raise AudiotagError(f"a picture is a file {', '.join(SUFFIXES)}, received {path.name}: rename it")


def write(path: Path, notes: Sequence[Note], seconds: float, title: str = "") -> None:
    """Draw notes as a piano roll; the darker, the louder.

    Args:
        path: the picture, .png, .svg or .pdf.
        notes: in any order.
        seconds: length of the recording.
        title: above it.

    Raises:
        AudiotagError: a file of another kind.
    """
    from matplotlib.figure import Figure

    check(path)
    width = min(max(seconds * _WIDTH_OF_SECOND, _LEAST_WIDTH), _MOST_WIDTH)
    figure = Figure(figsize=(width, _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    lengths = [note.offset - note.onset for note in notes]
    bars = axes.barh(
        [note.pitch for note in notes], lengths, 0.9, [note.onset for note in notes], color="#1f6fb4", linewidth=0
    )
    for bar, note in zip(bars, notes, strict=True):
        bar.set_alpha(0.3 + 0.7 * note.velocity / LOUDEST)
    pitches = [note.pitch for note in notes] or [LOWEST, HIGHEST]
    axes.set(xlim=(0, seconds), ylim=(min(pitches) - 2, max(pitches) + 2), xlabel="seconds")
    axes.set_title(title, fontsize=11, parse_math=False)
    every_c = range(12 * (LOWEST // 12 + 1), HIGHEST + 1, 12)
    axes.set_yticks(list(every_c), [name_of(pitch) for pitch in every_c])
    axes.set_ylim(min(pitches) - 2, max(pitches) + 2)
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    with storage.write_atomically(path, "wb") as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=100)
