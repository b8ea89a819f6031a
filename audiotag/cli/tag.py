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
    smooth: Annotated[float | None, typer.Option(help="With --frames: running median, seconds.")] = None,
    min_duration: Annotated[float | None, typer.Option(help="With --frames: shortest event, seconds.")] = None,
    gap: Annotated[float | None, typer.Option(help="With --frames: join events this near, seconds.")] = None,
    channel: sources.Channel = None,
    speed: sources.Speed = None,
    format: Annotated[str, typer.Option(help="table, csv, jsonl, audacity or raven.")] = "table",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for a file a recording, in that format.", parser=storage.here, metavar="<path>"),
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
    score that `audiotag calibrate` has found for it, from 0 where none was; with --frames from 0.25. A bad file never
    stops the others; it makes the exit code 1.
    """
    from audiotag import audio
    from audiotag.tagging import files, formats

    sounds = files.sound_files(paths)
    formats.check(format, len(sounds), out)
    audio.Recording(sounds[0], channel, 1.0 if speed is None else speed)  # refuses what no recording could be read with
    if frames:  # which need Keras, whatever the model
        import_tensorflow_quietly()
    from audiotag import progress, tagging

    stated = {"labels": labels, "front_end": front_end, "sample_rate": sample_rate, "task": task, "outputs": outputs}
    tagger = sources.open_model(model or ["mn04_as"], data, **stated)
    for note in tagger.notes:
        progress.say(note)
    top = top if top is not None or frames else 5
    options = {"smooth": smooth, "min_duration": min_duration, "gap": gap}
    options |= {"window": window, "hop": hop, "channel": channel, "speed": speed}
    results = tagging.tag_files(tagger, paths, top=top, threshold=threshold, frames=frames, **options)
    if out is not None:
        return int(formats.write_each(results, out, sounds, format) > 0)
    return int(formats.write(results, format, several=len(sounds) > 1) > 0)
