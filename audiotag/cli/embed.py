"""`audiotag embed`: files and folders in, a table of embeddings out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audiotag import storage
from audiotag.cli import sources
from audiotag.startup import import_tensorflow_quietly


def embed(
    paths: Annotated[list[Path], typer.Argument(help="Sound files and folders of them.", metavar="PATH...")],
    out: Annotated[Path, typer.Option(help="The table: .npz or .parquet.", parser=storage.here, metavar="<path>")],
    model: Annotated[
        str, typer.Option(help="A published name, a .keras file, a run folder or module:model.")
    ] = "mn04_as",
    layers: Annotated[str, typer.Option(help="mid, blocks, features, logits or a layer's name; several: a,b.")] = "mid",
    timestamps: Annotated[bool, typer.Option("--timestamps", help="A row a window instead of one a file.")] = False,
    window: Annotated[
        float | None, typer.Option(help="Window in seconds. Default: the model's; with --timestamps 1.")
    ] = None,
    hop: Annotated[float | None, typer.Option(help="From window to window, seconds. Default: the window.")] = None,
    channel: sources.Channel = None,
    speed: sources.Speed = None,
    data: sources.Data = None,
    labels: sources.Labels = None,
    front_end: sources.FrontEnd = None,
    sample_rate: sources.SampleRate = None,
) -> int:
    """Turn recordings of any length into vectors.

    They serve search, clustering or a small classifier of your own. A bad file never stops the others; it makes
    the exit code 1.
    """
    from audiotag.tagging import embeddings

    embeddings.check_table(out)
    import_tensorflow_quietly()
    chosen = [name.strip() for name in layers.split(",")]
    stated = {"labels": labels, "front_end": front_end, "sample_rate": sample_rate}
    tagger = sources.open_model([model], data, **stated)
    options = {"window": window, "hop": hop, "timestamps": timestamps, "channel": channel, "speed": speed}
    results = embeddings.embed_files(tagger, paths, chosen, **options)
    written = embeddings.write_embeddings(results, out, model=model, layers=chosen)
    files = f"{written.files} of {written.files + written.failed} files"
    if written.rows:
        typer.echo(f"{out}: {written.rows} embeddings of {written.dim} numbers from {files}")
    else:
        typer.echo(f"{out} was not written: embeddings from {files}")
    return int(written.failed > 0)
