"""`audiotag tokens`, `surprise` and `continue`: sounds as tokens, and what a language model makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag import storage
from audiotag.cli import sources
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from audiotag.audio import Recording
    from audiotag.tokens import LanguageModel
    from audiotag.tokens.sampling import Sampling


def tokens(
    data: Annotated[str, typer.Argument(help="A built data set.", metavar="DATA")],
    out: Annotated[
        Path, typer.Option(help="Folder of the tokens: new or empty.", parser=storage.here, metavar="<path>")
    ],
    count: Annotated[int, typer.Option(help="Number of different tokens.")] = 256,
    rate: Annotated[float, typer.Option(help="Tokens a second, 10 to 25; the nearest that the frames allow.")] = 12.5,
    model: Annotated[
        str | None,
        typer.Option(help="Make them of what this gives: a run, a .keras file, a published name. Default: log-mel."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="block1, block2 … or a layer of it. Default: the last block that is fine enough.")
    ] = None,
    train: Annotated[str, typer.Option(help="Splits that they are learnt from.")] = "train",
    seed: Annotated[int, typer.Option(help="Of k-means.")] = 0,
) -> None:
    """Learn sound tokens of a data set.

    Those of its clips are written, beside the tokenizer. Of a data set of notes they are those of its notes, and
    nothing is learnt. Train a language model of them with `audiotag train FOLDER --model decoder`.
    """
    import_tensorflow_quietly()
    from audiotag.tokens import building

    settings = building.Settings(count, rate, model, layer, train, seed)
    made = building.build(data, out, settings)
    clips = sum(made.splits.values())
    each = f"{made.steps_a_clip} tokens, {made.tokenizer.rate:.4g} a second, {len(made.labels)} different"
    typer.echo(f"{out}: {clips} clips of {each}")
    typer.echo(f"Next: audiotag train {out} --model decoder --out runs/{out.name}")


_Run = Annotated[str, typer.Option("--model", help="Run of a language model: audiotag train TOKENS --model decoder.")]


def surprise(
    file: Annotated[Path, typer.Argument(help="Sound file.", metavar="FILE")],
    model: _Run,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The table. Default: FILE.surprise.csv in this folder.", parser=storage.here, metavar="<path>"
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="The curve below the log-mel: .png, .svg or .pdf.", parser=storage.here, metavar="<path>"),
    ] = None,
    channel: sources.Channel = None,
) -> None:
    """Tell how surprising each moment is to a model.

    A row a token: start, end, token, bits, and the bits' mean over a second, whose peaks are anomalies.
    """
    from audiotag.notes import picture as pictures

    out = Path(f"{file.name}.surprise.csv") if out is None else out
    if picture is not None:
        pictures.check(picture)
    import_tensorflow_quietly()
    from audiotag import audio
    from audiotag.tokens import language_model
    from audiotag.tokens import surprise as measuring

    opened = language_model.open_model(model)
    waveform = opened.waveform(audio.Recording(file, channel))
    result = measuring.surprise(opened, waveform)
    measuring.write_table(result, out)
    if picture is not None:
        measuring.write_picture(result, waveform, opened, picture, file.name)
    mean = result.bits.mean()
    typer.echo(
        f"{out}: {len(result.tokens)} tokens, {mean:.2f} bits a token, {mean / result.distance:.1f} a second; most "
        f"surprising at {result.highest:.2f} s ({result.smoothed[result.peak]:.2f} bits a token)"
    )


def continue_(
    file: Annotated[Path, typer.Argument(help="Sound file.", metavar="FILE")],
    model: _Run,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The sound. Default: FILE.continued.wav in this folder.", parser=storage.here, metavar="<path>"
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long it goes on.")] = 10.0,
    top_p: Annotated[float, typer.Option(help="Draw from the most probable tokens that together have it.")] = 0.9,
    temperature: Annotated[float, typer.Option(help="Below 1 the most probable ones are drawn more often.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    preview: Annotated[
        bool, typer.Option("--preview", help="Made-up phases (Griffin-Lim) instead of pieces of training clips.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(help="Folder of the training's recordings. Default: where the build found them.")
    ] = None,
    transcriber: Annotated[
        str | None, typer.Option(help="Of a model of notes: what hears those of FILE, where it is no MIDI file.")
    ] = None,
    channel: sources.Channel = None,
) -> None:
    """Continue a recording as a model expects it.

    The file holds the recording, then what follows: pieces of training clips with the expected tokens, cross-faded. Of
    a model of notes it is MIDI, played into a WAV beside it.
    """
    import_tensorflow_quietly()
    from audiotag import audio
    from audiotag.tokens import language_model
    from audiotag.tokens.sampling import Sampling

    sampling, recording = Sampling(top_p, temperature, seed), audio.Recording(file, channel)
    opened = language_model.open_model(model)
    if opened.tokenizer.of_notes:
        if preview or source is not None:
            raise AudiotagError(f"{model} is a language model of notes: --preview and --source are those of sounds")
        _continue_notes(opened, recording, seconds, sampling, transcriber, out)
        return
    if transcriber is not None:
        raise AudiotagError(f"{model} is a language model of sounds, which needs no --transcriber: leave it out")
    _continue_sound(opened, recording, seconds, sampling, out, recordings=source, preview=preview)


def _continue_sound(
    model: LanguageModel, recording: Recording, seconds: float, sampling: Sampling, out: Path | None, **options: Any
) -> None:
    from audiotag import audio
    from audiotag.tokens.continuing import continue_sound

    name = recording.path.name
    out = Path(f"{name}.continued.wav") if out is None else out
    if out.suffix.lower() not in (".wav", ".flac"):
        raise AudiotagError(f"a continuation is written as .wav or .flac, received {out.name}: change the suffix")
    made = continue_sound(model, recording, seconds, sampling=sampling, **options)
    audio.write(out, made.waveform, made.sample_rate)
    what = f"{len(made.pieces)} pieces of training clips" if made.pieces else "a preview by Griffin-Lim"
    before, after = made.prompt / made.sample_rate, len(made.continuation) / made.sample_rate
    typer.echo(
        f"{out}: {before:.2f} s of {name}, then {after:.2f} s of {what}; longest run of tokens as in a training clip: "
        f"{made.longest} ({made.longest / made.rate:.2f} s)"
    )


def _continue_notes(
    model: LanguageModel,
    recording: Recording,
    seconds: float,
    sampling: Sampling,
    transcriber: str | None,
    out: Path | None,
) -> None:
    from audiotag import scorers
    from audiotag.notes import midi, rendering
    from audiotag.tagging.transcribing import transcribe
    from audiotag.tokens.music import continue_notes

    path = recording.path
    out = Path(f"{path.name}.continued.mid") if out is None else out
    if out.suffix.lower() not in (".mid", ".midi"):
        raise AudiotagError(f"notes are written as .mid, and played into a .wav beside it, received {out.name}")
    sound = out.with_suffix(".wav")
    if sound.resolve() == path.resolve():
        raise AudiotagError(f"the notes would be played into {path.name} itself: choose another name with --out")
    rendering.program_path()
    font = rendering.font_path()
    if path.suffix.lower() in (".mid", ".midi"):
        prompt = midi.read(path).notes
    elif transcriber is None:
        raise AudiotagError(
            f"notes are heard by a network that transcribes, received {path.name}: name it: --transcriber"
        )
    else:
        prompt = transcribe(scorers.open_model(transcriber), recording).notes
    following = continue_notes(model, prompt, seconds, sampling)
    notes = (*prompt, *following)
    midi.write(out, notes)
    rendering.render(sound, notes, font=font)
    typer.echo(f"{out} and {sound}: {len(prompt)} notes of {path.name}, then {len(following)} that follow")
