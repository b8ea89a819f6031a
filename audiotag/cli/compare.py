"""`audiotag compare`: what got better and what got worse from one run to another, beyond chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag.errors import AudiotagError, suggest
from audiotag.report import formats
from audiotag.report.formats import figure, percent
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    import pandas
    from rich.console import Console

    from audiotag.metrics.comparison import Comparison
    from audiotag.metrics.predictions import Predictions

_SHOWN = 15


def compare(
    first: Annotated[
        Path, typer.Argument(help="An evaluated run or predictions.npz; with --data any source: the old.")
    ],
    second: Annotated[Path, typer.Argument(help="Another one, of the same clips: the new.")],
    metric: Annotated[str, typer.Option(help="AP, AUC, lwlrap, F1, recall … of the classes.")] = "AP",
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    unit: Annotated[
        str | None, typer.Option(help="What is drawn: recording or clip. Default: recording where it is known.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write every class and metric to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    data: Annotated[str | None, typer.Option(help="A built data set, to score what was not evaluated.")] = None,
    split: Annotated[str, typer.Option(help="Its splits.")] = "test",
) -> None:
    """Tell what one run does better or worse than another.

    Both need `audiotag evaluate` first, or a data set on which they are scored. Clips are matched by id, classes by id
    or name. A class is called better or worse where its q is below 0.05: p of a paired bootstrap, corrected for the
    number of classes. Thresholds are those of each run.
    """
    from rich.console import Console

    from audiotag import metrics, storage
    from audiotag.metrics import bootstrap

    if metric not in bootstrap.METRICS:
        raise AudiotagError(f"no metric of a class is named {metric!r}: {suggest(metric, bootstrap.METRICS)}")
    pair = [_predictions(source, data, split) for source in (first, second)]
    if unit not in (None, "clip", "recording"):
        raise AudiotagError(f"--unit is clip or recording, received {unit!r}")
    if unit == "recording" and all(predictions.recordings is None for predictions in pair):
        raise AudiotagError(
            "the predictions do not say which recording a clip is of: run `audiotag evaluate` again, or use --unit clip"
        )
    comparison = metrics.compare(*pair, unit or "recording", resamples=resamples, seed=seed)
    if csv is not None:
        with storage.write_atomically(csv) as file:
            comparison.classes.to_csv(file, index=False, lineterminator="\n")
    rows = comparison.classes[comparison.classes["metric"] == metric]
    if as_json:
        typer.echo(json.dumps(_plain(comparison, rows)))
    else:
        names = first.resolve().name, second.resolve().name
        _show(comparison, rows, names if names[0] != names[1] else (str(first), str(second)), csv, Console())


def _predictions(source: Path, data: str | None, split: str) -> Predictions:
    """What a run or a file holds; else what the source says of a data set."""
    from audiotag import metrics

    file = source / "predictions.npz" if source.is_dir() else source
    if file.suffix in (".npz", ".parquet") and file.is_file():
        return metrics.load(file)
    if data is None:
        raise AudiotagError(
            f"{source} has no predictions.npz: run `audiotag evaluate {source}` first, or name a data set with --data"
        )
    import_tensorflow_quietly()
    from audiotag import progress, records, scorers

    opened = records.open(data)
    recordings = None if opened.waveforms else opened.recordings
    predicted = scorers.predict(scorers.open(source, opened), opened, split, source=recordings)
    for note in predicted.notes:
        progress.say(note)
    return predicted.predictions


def _plain(comparison: Comparison, rows: pandas.DataFrame) -> dict[str, Any]:
    """The comparison as JSON's own types, not defined as null."""

    def records(table: pandas.DataFrame) -> list[dict[str, Any]]:
        return json.loads(table.to_json(orient="records", double_precision=15))

    return {
        "clips": comparison.clips,
        "clips_left_out": comparison.left_out,
        "classes_left_out": comparison.left_out_classes,
        **{name: getattr(comparison, name) for name in ("unit", "units", "resamples", "level", "reason")},
        "means": records(comparison.means.rename_axis("name").reset_index()),
        "classes": records(rows),
    }


def _show(
    comparison: Comparison, rows: pandas.DataFrame, names: tuple[str, str], csv: Path | None, console: Console
) -> None:
    """The means, what got better, what got worse, and how much is undecided."""
    from rich.text import Text

    from audiotag.metrics.comparison import least_resamples

    def say(line: str, style: str = "") -> None:
        console.print(Text(line, style=style), soft_wrap=True)

    metric = rows["metric"].iloc[0]
    say(f"{names[1]} against {names[0]}: {comparison.clips} clips, {len(rows)} classes")
    for line in _left_out(comparison, names):
        say(line, "yellow")
    overall = [name for name in comparison.means.index if not name.startswith(("micro_", "weighted_"))]
    means = comparison.means.loc[overall].rename_axis("mean").reset_index()
    _print_table(console, means, ("mean",), names, "p", comparison.level)
    for verdict in ("better", "worse"):
        decided = rows[rows["verdict"] == verdict].sort_values("difference", key=abs, ascending=False, kind="stable")
        say(f"{verdict} in {metric}: {len(decided)} classes", "bold")
        if len(decided):
            _print_table(console, decided.head(_SHOWN), ("class", "positives"), names, "q", comparison.level)
        if len(decided) > _SHOWN:
            where = f"see {csv}" if csv else "--csv FILE writes every class"
            say(f"… and {len(decided) - _SHOWN} more: {where}")
    judged = int(rows["p"].notna().sum())
    undecided = int((rows["verdict"] == "").sum())
    say(f"undecided: {undecided} of {len(rows)} classes")
    if comparison.reason:
        say(f"nothing can be decided, {comparison.reason}", "yellow")
    elif comparison.resamples < (least := least_resamples(judged, comparison.level)):
        line = f"--resamples {least} would let a single class be decided, {comparison.resamples} only several together"
        say(line, "yellow")
    drawn = f"{comparison.resamples} resamples of {comparison.units} {comparison.unit}s"
    level = percent(comparison.level)
    say(f"{level} intervals and p: paired bootstrap, {drawn}; q: p corrected for the classes")


def _left_out(comparison: Comparison, names: tuple[str, str]) -> list[str]:
    clips, classes = (zip(parts, names, strict=True) for parts in (comparison.left_out, comparison.left_out_classes))
    listed = ((len(only), formats.names(list(only), _SHOWN), name) for only, name in classes if only)
    return [
        *(f"{count} clips only in {name}, left out" for count, name in clips if count),
        *(f"{count} classes only in {name}, left out: {shown}" for count, shown, name in listed),
    ]


def _print_table(
    console: Console, rows: pandas.DataFrame, about: tuple[str, ...], names: tuple[str, str], chance: str, level: float
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(about[0], overflow="fold")
    for column in (*about[1:], *names, "difference", percent(level), chance):
        table.add_column(Text(column), justify="right", no_wrap=column not in names, overflow="fold")
    for row in rows.to_dict("records"):
        values = (figure(row["first"]), figure(row["second"]), figure(row["difference"], "+"))
        interval = f"{figure(row['low'], '+')} to {figure(row['high'], '+')}"
        cells = (*(str(row[column]) for column in about), *values, interval, figure(row[chance]))
        table.add_row(*map(Text, cells))
    console.print(table)
