"""Labels that somebody has corrected: a table that `audiotag build folder --table` takes, beside its recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from audiotag import storage, tables
from audiotag.errors import AudiotagError
from audiotag.labels import join_cell, split_cell
from audiotag.serving.served import check_part
from audiotag.serving.uploads import Sound
from audiotag.serving.work import Stop
from audiotag.storage.locks import locked

TABLE = "corrections.csv"
COLUMNS = ("path", "label", "onset", "offset")
_MOST_OF_FLAC = 65535  # Hz: above, FLAC knows round rates alone


@dataclass(frozen=True)
class Correction:
    """One row of the table.

    Args:
        path: of the recording, relative to the table.
        label: its class; "" where somebody has said that none sounds.
        onset: beginning of the span that is meant, seconds; None: the whole recording is.
        offset: its end; None: the whole recording is meant.
    """

    path: str
    label: str
    onset: float | None = None
    offset: float | None = None

    @property
    def about(self) -> tuple[str, float | None, float | None]:
        """What it is about: a recording as a whole, or a span of one."""
        return self.path, self.onset, self.offset


class Corrections:
    """A folder of corrections.

    Args:
        folder: is made with the first one.

    Raises:
        AudiotagError: it holds a table of another kind.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise AudiotagError(f"corrections go into a folder, received the file {folder}: name a folder")
        self.folder, self.table = folder, folder / TABLE
        self._read()

    def of(self, sound: Sound) -> list[Correction]:
        """The corrections of a recording, in the order of the table."""
        return [each for each in self._read() if Path(each.path).stem == sound.id]

    def save(
        self, sound: Sound, labels: Sequence[str] | None, onset: float | None, offset: float | None, stop: Stop
    ) -> list[Correction]:
        """Write what sounds in a recording or a span of it, in place of what was said of the same before.

        Args:
            sound: the recording; it is kept beside the table, mono, as FLAC, or as WAV what FLAC cannot hold.
            labels: its classes; none: of the recording, that no class sounds. None: what was said is taken back.
            onset: beginning of the span, seconds; None: the whole recording.
            offset: its end.
            stop: of the request.

        Returns:
            All corrections of the recording.

        Raises:
            AudiotagError: no span of the recording, a span without a class, or the table is being written.
        """
        if (onset is None) != (offset is None):
            raise AudiotagError(
                f"a span has an onset and an offset, received {onset} to {offset}: give both or neither"
            )
        if onset is not None:
            check_part(sound, onset, offset)
            # Milliseconds, as the table has them; still within the recording.
            onset, offset = round(onset, 3), min(round(offset, 3), math.floor(1000 * sound.seconds) / 1000)
            if labels is not None and not labels:
                raise AudiotagError("a span has a class: name one, or take the span back")
        name = f"{sound.id}{'.flac' if sound.peak <= 1 and sound.sample_rate <= _MOST_OF_FLAC else '.wav'}"
        new = [Correction(name, label, onset, offset) for label in dict.fromkeys(labels or [])]
        if labels is not None and not labels:
            new = [Correction(name, "", onset, offset)]
        with locked(self.folder, f"another process writes into {self.folder}: try again"):
            rows = [each for each in self._read() if each.about != (name, onset, offset)] + new
            if new and not (self.folder / name).exists():
                self._keep(sound, self.folder / name, stop)
            cells = ((each.path, _label(each), _cell(each.onset), _cell(each.offset)) for each in rows)
            tables.write(self.table, COLUMNS, cells)
        return [each for each in rows if each.path == name]

    def _keep(self, sound: Sound, path: Path, stop: Stop) -> None:
        container, subtype = ("FLAC", "PCM_24") if path.suffix == ".flac" else ("WAV", "FLOAT")
        about = {"format": container, "subtype": subtype, "samplerate": sound.sample_rate, "channels": 1}
        with storage.write_atomically(path, "wb") as file, soundfile.SoundFile(file, "w", **about) as written:
            for block in sound.blocks(stop, sound.sample_rate):
                written.write(block)

    def _read(self) -> list[Correction]:
        if not self.table.exists():
            return []
        rows = tables.read(self.table, COLUMNS, (), encoding=tables.OWN)
        return [
            Correction(path, label, _seconds(onset), _seconds(offset))
            for path, labels, onset, offset in rows[list(COLUMNS)].itertuples(index=False)
            for label in split_cell(labels) or ("",)
        ]


def _label(correction: Correction) -> str:
    return join_cell([correction.label]) if correction.label else ""


def _cell(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.6f}".rstrip("0").rstrip(".")


def _seconds(cell: str) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError as error:
        raise AudiotagError(
            f"corrections have onsets and offsets in seconds, received {cell!r}: correct the table"
        ) from error
