"""`audiotag tag`: files and folders in, labels with scores and times out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audiotag import storage
from audiotag.cli import sources
from audiotag.startup import import_tensorflow_quietly


def tag(
    paths: Annotated[list[Path], typer.Argument(help="Sound files and folders of them.", metavar="PATH...")],
    model: Annotated[list[str] | None, typer.Option(help=f"{sources.SOURCE} Default: mn04_as.")] = None,
    window: Annotated[float | None, typer.Option(help="Window in seconds. Default: the model's.")] = None,
    hop: Annotated[float | None, typer.Option(help="From window to window, seconds. Default: the window.")] = None,
    frames: Annotated[bool, typer.Option("--frames", help="When each sound begins and ends.")] = False,
    top: Annotated[int | None, typer.Option(help="Labels a window, 5; with --frames a file, all.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Smallest score; 0 shows all. Default: the model's.")] = None,
    smooth: Annotated[
        float | None, typer.Option(help="With --frames: running median, seconds. Default: as calibrated, else none.")
    ] = None,
    end_threshold: Annotated[
        float | None, typer.Option(help="With --frames: score below which an event ends. Default: the threshold.")
    ] = None,
    min_duration: Annotated[float | None, typer.Option(help="With --frames: shortest event, seconds.")] = None,
    gap: Annotated[float | None, typer.Option(help="With --frames: join events this near, seconds.")] = None,
    channel: sources.Channel = None,
    speed: sources.Speed = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A label that is kept, or a text file with one a line; repeat it.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="A label, or a file of them, that is left out.")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="Labels as one more: NAME=FILE of labels, or a table of label and group; repeat it.",
            metavar="NAME=FILE|TABLE",
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="table, csv, jsonl, audacity or raven. Default: table; with --out csv.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a file a recording; goes on where it was.", parser=storage.here, metavar="<path>"
        ),
    ] = None,
    data: sources.Data = None,
    labels: sources.Labels = None,
    front_end: sources.FrontEnd = None,
    sample_rate: sources.SampleRate = None,
    task: sources.Task = None,
    outputs: sources.Outputs = None,
) -> int:
    """Name the sounds in recordings of any length.

    Labels of windows, or with --frames when each sound begins and ends. Without --threshold a label is shown from the
    score that `audiotag calibrate` has found for it, from 0 where none was; with --frames from 0.25 where none was. A
    bad file never stops the others; it makes the exit code 1.

    A --group scores what the highest of its labels does, whether these are shown or not.

    With --out every recording has a file of its own, and the same command again tags only what is new or was changed.
    """
    from audiotag import audio
    from audiotag.tagging import files, formats, groups, writing

    format = format or ("table" if out is None else "csv")
    sounds = files.sound_files(paths)
    writing.check(format, len(sounds), out)
    audio.Recording(sounds[0], channel, 1.0 if speed is None else speed)  # refuses what no recording could be read with
    if frames:  # which need Keras, whatever the model
        import_tensorflow_quietly()
    from audiotag import __version__, progress, tagging
    from audiotag.tagging.results import Results

    stated = {"labels": labels, "front_end": front_end, "sample_rate": sample_rate, "task": task, "outputs": outputs}
    tagger = sources.open_model(model or ["mn04_as"], data, **stated)
    for note in tagger.notes:
        progress.say(note)
    top = top if top is not None or frames else 5
    options = {"smooth": smooth, "end_threshold": end_threshold, "min_duration": min_duration, "gap": gap}
    options |= {"window": window, "hop": hop, "channel": channel, "speed": speed, "top": top, "threshold": threshold}
    options |= {"frames": frames, "only": _labels(only), "without": _labels(without)}
    options |= {"groups": groups.read(group or [])}
    if out is None:
        results = tagging.tag_files(tagger, sounds, **options)
        return int(writing.write(results, format, several=len(sounds) > 1) > 0)
    settings = {"model": tagger.name, "sha256": tagger.sha256, **options, "format": format, "audiotag": __version__}
    with Results.opened(out, settings, formats.load(format).SUFFIX, paths) as folder:
        missing = folder.missing(sounds)
        if finished := len(sounds) - len(missing):
            progress.say(f"{out} holds the results of {finished} of {len(sounds)} recordings already")
        failed = writing.write_each(tagging.tag_files(tagger, missing, **options), folder, format) if missing else 0
    return int(failed > 0)


def _labels(given: list[str] | None) -> list[str]:
    """Names of labels: themselves, or the lines of files that are named."""
    from audiotag.tagging.groups import names_in

    return [name for text in given or [] for name in (names_in(Path(text)) if Path(text).is_file() else [text])]
