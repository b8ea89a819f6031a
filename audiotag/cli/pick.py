"""`audiotag pick`: which parts of recordings are most worth labelling."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiotag import storage
from audiotag.cli import sources
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from audiotag.scorers import Scorer
    from audiotag.tagging.embedding_table import EmbeddingTable

MODEL, LAYERS = "mn04_as", "mid"
OPTIONS_OF = {
    "label": ("uncertainty",),
    "like": ("similar",),
    "seed": ("diversity",),
    "embeddings": ("diversity", "similar"),
    "model": ("diversity", "similar"),
}


def pick(
    sounds: Annotated[Path, typer.Argument(help="Folder of the recordings.", metavar="FOLDER")],
    results: Annotated[
        Path | None, typer.Argument(help="Of `tag FOLDER --threshold 0 --out RESULTS`, for uncertainty.")
    ] = None,
    by: Annotated[
        Literal["uncertainty", "diversity", "similar"],
        typer.Option(help="What a model doubts; of every kind one; or what is like some examples."),
    ] = "diversity",
    most: Annotated[int, typer.Option(help="Parts that are listed.")] = 40,
    label: Annotated[
        list[str] | None, typer.Option(help="With uncertainty: the label whose scores count; repeat it. Default: all.")
    ] = None,
    like: Annotated[
        list[Path] | None, typer.Option(help="With similar: a sound file as an example; repeat it.")
    ] = None,
    labelled: Annotated[
        list[Path] | None,
        typer.Option(help="Table of what has labels, as of this command once it is filled in; repeat it."),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            help="Table of `audiotag embed`; made where it is missing.", parser=storage.here, metavar="<path>"
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="That gives embeddings. Default: that of the table, else mn04_as.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With diversity: another one gives other parts. Default: 0.")] = None,
    spread: Annotated[
        bool, typer.Option("--spread/--no-spread", help="Every recording in its turn, or the best of all.")
    ] = True,
    format: Annotated[
        Literal["csv", "audacity"], typer.Option(help="A table to fill in, or a label track a recording.")
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The table, or the folder of label tracks. Default: the terminal.",
            parser=storage.here,
            metavar="<path>",
        ),
    ] = None,
) -> int:
    """List the parts of recordings that are most worth labelling.

    The table has an empty column for labels; once that is filled in, `audiotag build FOLDER --table` makes a data set
    of it. What --labelled tables name is left out, with diversity what is like it too.
    """
    from audiotag import progress
    from audiotag.tagging import embedding_table, pick_tables, picking
    from audiotag.tagging.pick_tables import as_csv

    _check(by, results, {"label": label, "like": like, "seed": seed, "embeddings": embeddings, "model": model})
    if most < 1:
        raise AudiotagError(f"at least 1 part is listed, received --most {most}")
    if format == "audacity" and out is None:
        raise AudiotagError("a label track is of one recording: name a folder for them with --out")
    if not sounds.is_dir():
        raise AudiotagError(f"parts are picked from a folder of recordings, received {sounds}: no such folder")
    known, failed = pick_tables.labelled(labelled or [], sounds), 0
    if results is not None:
        ranked = picking.doubtful(_results(results, sounds), label or [])
    else:
        table, failed = _embeddings(sounds, embeddings, model)
        parts, vectors = table.within(sounds)
        if not failed:
            _say_what_lacks(embeddings, sounds, {part.path for part in parts})
        if by == "diversity":
            ranked = picking.diverse(parts, vectors, most, known, seed or 0)
        else:
            names = (embedding_table.inside(str(each), sounds) for each in like or [])
            known |= {name: [(0.0, math.inf)] for name in names if name}
            ranked = picking.similar(parts, vectors, [each.name for each in like or []], _examples(table, like or []))
    picks = picking.chosen(ranked, most, known, spread=spread)
    if format == "audacity" and out is not None:
        progress.say(f"{out}: label tracks of {pick_tables.write_tracks(picks, sounds, out)} recordings")
    elif out is None:
        typer.echo(as_csv(picks), nl=False)
    else:
        with storage.write_atomically(out) as file:
            file.write(as_csv(picks))
    if len(picks) < most:
        progress.say(f"there are {len(picks)} parts to pick, {most} were asked for")
    return int(failed > 0)


def _check(by: str, results: Path | None, options: Mapping[str, object]) -> None:
    """Refuse what a way of picking lacks, and options that it would not look at."""
    if (results is None) == (by == "uncertainty"):
        wrong = "needs them" if results is None else "takes none"
        raise AudiotagError(
            f"results of tagging are for --by uncertainty, --by {by} {wrong}: audiotag tag FOLDER --threshold 0 --out "
            "RESULTS makes them"
        )
    for name, ways in OPTIONS_OF.items():
        if options[name] not in (None, []) and by not in ways:
            raise AudiotagError(f"--{name} is for --by {' or '.join(ways)}, received with --by {by}: leave it out")
    if by == "similar" and not options["like"]:
        raise AudiotagError("--by similar needs an example, received none: name sound files with --like")


def _results(results: Path, sounds: Path) -> pandas.DataFrame:
    from audiotag import progress
    from audiotag.tagging import embedding_table
    from audiotag.tagging import results as folder

    found = folder.read(results)
    names = [embedding_table.inside(file, sounds) for file in found["file"]]
    if None in names or not names:
        root = folder.settings_of(results).get("root")
        raise AudiotagError(f"results of recordings in {sounds} are needed, those of {results} are of {root}: name it")
    if folder.settings_of(results).get("threshold") != 0:
        progress.say(f"{results} may lack scores below a threshold, and parts with them: tag with --threshold 0")
    return found.assign(file=names)


def _embeddings(sounds: Path, path: Path | None, model: str | None) -> tuple[EmbeddingTable, int]:
    """The table of a file, which is made if missing, and how many recordings could not be embedded."""
    from audiotag.tagging import embedding_table, embeddings

    failed = 0
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "embeddings.npz" if path is None else path
        if not path.exists():
            embeddings.check_table(path)
            tagger = _tagger(model or MODEL)
            window = tagger.seconds * (tagger.speed or 1.0)
            found = embeddings.embed_files(tagger, [sounds], LAYERS, timestamps=True, window=window)
            written = embeddings.write_embeddings(found, path, model=model or MODEL, layers=LAYERS)
            failed = written.failed
            if not written.rows:
                raise AudiotagError(f"no recording in {sounds} can be embedded: the lines above say why")
        table = embedding_table.read(path)
    if model not in (None, table.model):
        raise AudiotagError(f"{path} holds embeddings of {table.model}, received --model {model}: leave it out")
    return table, failed


def _say_what_lacks(embeddings: Path | None, sounds: Path, there: set[str]) -> None:
    """A line about the recordings of a folder that a table of embeddings does not have."""
    from audiotag import audio, progress
    from audiotag.tagging.embedding_table import inside

    without = [path for path in audio.search(sounds).sounds if inside(str(path), sounds) not in there]
    if without:
        progress.say(f"{embeddings} lacks {len(without)} recordings, which are not picked: delete it to make it anew")


def _examples(table: EmbeddingTable, like: Sequence[Path]) -> np.ndarray:
    import numpy as np

    from audiotag.tagging import embeddings

    tagger, layers = _tagger(table.model), table.layers.split(",")
    return np.stack([embeddings.embed(tagger, path, layers) for path in like])


def _tagger(model: str) -> Scorer:
    import_tensorflow_quietly()
    return sources.open_model([model], None)
