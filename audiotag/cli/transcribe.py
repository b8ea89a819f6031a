"""`audiotag transcribe`: a recording in, its notes or its words out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audiotag import storage
from audiotag.cli import sources
from audiotag.errors import AudiotagError, suggest
from audiotag.startup import import_tensorflow_quietly

# By what is asked of the steps of a model: the formats, the usual one first, and the options that are of these alone.
_FORMATS = {"notes": ("midi", "csv", "jsonl"), "characters": ("text", "json", "ctm", "srt")}
_OPTIONS = {
    "notes": ("onset_threshold", "frame_threshold", "shortest", "picture"),
    "characters": ("beam", "words"),
}


def transcribe(
    file: Annotated[Path, typer.Argument(help="Sound file.", metavar="FILE")],
    model: Annotated[str, typer.Option(help="A run on a data set of notes or of speech, or its .keras file.")],
    format: Annotated[
        str | None,
        typer.Option(
            help="Of notes midi, csv or jsonl; of speech text, json, ctm or srt. Default: the first of these."
        ),
    ] = None,
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
        typer.Option(help="Notes: a piano roll too: .png, .svg or .pdf.", parser=storage.here, metavar="<path>"),
    ] = None,
    onset_threshold: Annotated[
        float | None, typer.Option(help="Notes: from which score one begins. Default: as calibrated, else 0.5.")
    ] = None,
    frame_threshold: Annotated[
        float | None, typer.Option(help="Notes: from which score one lasts. Default: likewise.")
    ] = None,
    shortest: Annotated[
        float | None, typer.Option(help="Notes: shorter ones are left out, seconds. Default: 0.05.")
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(help="Speech: width of a search for the likeliest text. Default: none; 16 with --words."),
    ] = None,
    words: Annotated[
        Path | None, typer.Option(help="Speech: a file of the words that may be said, one a line. Default: any.")
    ] = None,
    channel: sources.Channel = None,
) -> None:
    """Find the notes or the words of a recording of any length.

    A model of notes says which key is struck when, how long it sounds and how hard, as MIDI or as a table; a model of
    speech what is said, as text or with the times of its words.
    """
    from audiotag import audio
    from audiotag.notes import picture as pictures

    every = [name for names in _FORMATS.values() for name in names]
    if format is not None and format not in every:
        raise AudiotagError(f"no format of a transcript is named {format!r}: {suggest(format, every)}")
    if picture is not None:
        pictures.check(picture)
    recording = audio.Recording(file, channel)
    import_tensorflow_quietly()
    opened = sources.open_model([model], None)
    stated = {"onset_threshold": onset_threshold, "frame_threshold": frame_threshold, "shortest": shortest}
    stated |= {"picture": picture, "beam": beam, "words": words}
    stated = {name: value for name, value in stated.items() if value is not None}
    asked = opened.task.asked_of_steps
    if asked not in _FORMATS:
        raise AudiotagError(
            f"transcribed is by a model of notes or of speech, {opened.name} is {opened.task}: train model='notes' or "
            "model='speech' on such a data set"
        )
    format = format or _FORMATS[asked][0]
    wrong = [f"--{name.replace('_', '-')}" for name in stated if name not in _OPTIONS[asked]]
    if format not in _FORMATS[asked] or wrong:
        received = ", ".join([*([] if format in _FORMATS[asked] else [f"--format {format}"]), *wrong])
        options = ", ".join(f"--{name.replace('_', '-')}" for name in _OPTIONS[asked])
        raise AudiotagError(
            f"{opened.name} transcribes {opened.task}, with --format {', '.join(_FORMATS[asked])} and {options}, "
            f"received {received}: choose one of them, or another model"
        )
    {"notes": _notes, "characters": _words}[asked](opened, recording, format, out, stated)


def _notes(model: Any, recording: Any, format: str, out: Path | None, options: dict[str, Any]) -> None:
    from audiotag import progress
    from audiotag.notes import picture as pictures
    from audiotag.tagging import note_formats
    from audiotag.tagging.transcribing import transcribe as notes_of

    if out is None and format == "midi":
        out = Path(f"{recording.path.name}.mid")
    picture = options.pop("picture", None)
    result = notes_of(model, recording, **options)
    note_formats.write(result, format, out)
    if picture is not None:
        pictures.write(picture, result.notes, result.seconds, recording.path.name)
    written = " and ".join(str(path) for path in (out, picture) if path is not None)
    if written:
        progress.say(f"{written}: {len(result.notes)} notes in {result.seconds:.1f} s")


def _words(model: Any, recording: Any, format: str, out: Path | None, options: dict[str, Any]) -> None:
    from audiotag import progress
    from audiotag.tagging import word_formats
    from audiotag.tagging.words import words as words_of

    result = words_of(model, recording, options.get("beam"), options.get("words"))
    word_formats.write(result, format, recording.path.name, out)
    if out is not None:
        progress.say(f"{out}: {len(result.words)} words in {result.seconds:.1f} s")
