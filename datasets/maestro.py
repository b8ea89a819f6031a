"""MAESTRO: 200 hours of piano competitions with the MIDI of the keys that were struck, in published splits."""

from __future__ import annotations

from pathlib import Path

from audiotag import audio, notes, progress, records, tables
from audiotag.clips.pieces import clips_of_piece
from audiotag.errors import AudioError, AudiotagError
from audiotag.notes import midi

PAGE = "https://magenta.tensorflow.org/datasets/maestro"
LICENCE = "CC BY-NC-SA 4.0"
CITATION = (
    "C. Hawthorne et al., Enabling Factorized Piano Music Modeling and Generation with the MAESTRO Dataset, "
    "ICLR 2019, arXiv:1810.12247"
)
COLUMNS = ("canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration")
SPLITS = ("train", "validation", "test")
CLIP_SECONDS = 10.0


def declare(source: str | Path | None = None, seconds: float = CLIP_SECONDS) -> records.Declaration:
    """Declare MAESTRO in its published splits, cut into clips; the sustain pedal holds the notes.

    A performance whose recording or MIDI file is missing or broken stands in clips.csv as rejected.

    Args:
        source: folder with `maestro-v3.0.0.csv` (of any version) and the files that it names.
        seconds: length of a clip, 1 or more.
    """
    if source is None:
        raise AudiotagError(f"MAESTRO is not downloaded (100 GB): unpack it from {PAGE} and name it with --source")
    if not seconds >= 1:
        raise AudiotagError(f"a clip of MAESTRO is 1 s or more, received {seconds}")
    root = Path(source).resolve()
    found = sorted(root.glob("maestro-v*.csv"))
    if len(found) != 1:
        raise AudiotagError(f"{root} holds one table maestro-v….csv, there are {len(found)}: name the unpacked folder")
    table = tables.read(found[0], COLUMNS)
    clips: list[records.Clip] = []
    with progress.bar("Reading notes", len(table), "performances") as advance:
        for position in range(len(table)):
            row = table.iloc[position]
            if row["split"] not in SPLITS:
                raise AudiotagError(
                    f"{found[0]} {tables.place(table, position)}: a split is {', '.join(SPLITS)}, received "
                    f"{row['split']!r}: get the table again"
                )
            clips += _clips(root, row, seconds)
            advance(1)
    return records.Declaration(
        name="maestro",
        version=found[0].stem.removeprefix("maestro-"),
        task="notes",
        licence=LICENCE,
        citation=CITATION,
        labels=notes.labels(),
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad="zero",
    )


def _clips(root: Path, row: dict[str, str], seconds: float) -> list[records.Clip]:
    name = Path(row["audio_filename"]).with_suffix("").as_posix()
    columns = {"composer": row["canonical_composer"], "year": row["year"]}
    piece = records.Clip(name, row["audio_filename"], (), row["split"], columns=columns)
    try:
        read = midi.read(root / row["midi_filename"])
        length = audio.seconds(root / row["audio_filename"])
    except AudioError:
        return [piece]  # the build says why
    except AudiotagError as error:
        return [records.Clip(name, row["audio_filename"], (), row["split"], columns=columns, fault=str(error))]
    for remark in read.remarks:
        progress.say(f"{name}: {remark}")
    return list(clips_of_piece(piece, read.notes, length, seconds))
