"""`audiotag transcribe`: a recording in, its notes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audiotag import storage
from audiotag.cli import sources
from audiotag.startup import import_tensorflow_quietly


def transcribe(
    file: Annotated[Path, typer.Argument(help="Sound file.", metavar="FILE")],
    model: Annotated[str, typer.Option(help="A run on a data set of notes, or its .keras file.")],
    format: Annotated[str, typer.Option(help="midi, csv or jsonl.")] = "midi",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file. Default: of midi FILE.mid in this folder; else the terminal.",
            parser=storage.here,
            metavar="<path>",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="A piano roll too: .png, .svg or .pdf.", parser=storage.here, metavar="<path>"),
    ] = None,
    onset_threshold: Annotated[float, typer.Option(help="From which score a note begins.")] = 0.5,
    frame_threshold: Annotated[float, typer.Option(help="From which score a note lasts.")] = 0.5,
    shortest: Annotated[float, typer.Option(help="Shorter notes are left out, seconds.")] = 0.05,
    channel: sources.Channel = None,
) -> None:
    """Find the notes of a recording, as MIDI or as a table.

    Which key is struck when, how long it sounds and how hard; of recordings of any length.
    """
    from audiotag import audio
    from audiotag.notes import picture as pictures
    from audiotag.tagging import note_formats

    if out is None and format == "midi":
        out = Path(f"{file.name}.mid")
    note_formats.check(format, out)
    if picture is not None:
        pictures.check(picture)
    recording = audio.Recording(file, channel)
    import_tensorflow_quietly()
    from audiotag import progress
    from audiotag.tagging.transcribing import transcribe as notes_of

    opened = sources.open_model([model], None)
    result = notes_of(opened, recording, onset_threshold, frame_threshold, shortest)
    note_formats.write(result, format, out)
    if picture is not None:
        pictures.write(picture, result.notes, result.seconds, file.name)
    written = " and ".join(str(path) for path in (out, picture) if path is not None)
    if written:
        progress.say(f"{written}: {len(result.notes)} notes in {result.seconds:.1f} s")
