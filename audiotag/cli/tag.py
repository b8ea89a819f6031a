"""`audiotag tag`: files and folders in, labels with scores and times out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def tag(
    paths: Annotated[list[Path], typer.Argument(help="Sound files and folders of them.", metavar="PATH...")],
    model: Annotated[str, typer.Option(help="A published name, a .keras file or a run folder.")] = "mn04_as",
    window: Annotated[float | None, typer.Option(help="Window in seconds. Default: the model's.")] = None,
    hop: Annotated[float | None, typer.Option(help="From window to window, seconds. Default: the window.")] = None,
    top: Annotated[int, typer.Option(help="Labels a window.")] = 5,
    threshold: Annotated[float, typer.Option(help="Smallest score that is shown, 0 to 1.")] = 0.0,
    format: Annotated[str, typer.Option(help="table, csv or jsonl.")] = "table",
) -> int:
    """Name the sounds in recordings of any length.

    A bad file never stops the others; it makes the exit code 1.
    """
    from audiotag.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    from audiotag import tagging

    tagger = tagging.load(model)
    results = tagging.tag_files(tagger, paths, window=window, hop=hop, top=top, threshold=threshold)
    return int(tagging.write(results, format) > 0)
