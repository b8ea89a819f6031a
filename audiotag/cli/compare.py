"""`audiotag compare`: what got better and what got worse from one run to another, beyond chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag.errors import AudiotagError, suggest

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
    data: Annotated[Path | None, typer.Option(help="A built data set, to score what was not evaluated.")] = None,
    split: Annotated[str, typer.Option(help="Its splits.")] = "test",
) -> None:
    """Tell what one run does better or worse than another.

    Both need `audiotag evaluate` first, or a data set on which they are scored. Clips are matched by id, classes by id
    or name. A class is called better or worse where its q is below 0.05: p of a paired bootstrap, corrected for the
    number of classes. Thresholds are those of each run.
    """
    from rich.console import Console

    from audiotag import storage
    from audiotag.metrics import bootstrap, comparison

    if metric not in bootstrap.METRICS:
        raise AudiotagError(f"no metric of a class is named {metric!r}: {suggest(metric, bootstrap.METRICS)}")
    pair = [_predictions(source, data, split) for source in (first, second)]
    found = comparison.compare(*pair, _recordings(*pair, unit), resamples=resamples, seed=seed)
    if csv is not None:
        with storage.write_atomically(csv) as file:
            found.classes.to_csv(file, index=False, lineterminator="\n")
    rows = found.classes[found.classes["metric"] == metric]
    if as_json:
        typer.echo(json.dumps(_plain(found, rows)))
    else:
        _show(found, rows, _names(first, second), csv, Console())


def _predictions(source: Path, data: Path | None, split: str) -> Predictions:
    """What a run or a file holds; else what the source says of a data set."""
    from audiotag.metrics.predictions import Predictions

    file = source / "predictions.npz" if source.is_dir() else source
    if file.suffix in (".npz", ".parquet") and file.is_file():
        return Predictions.load(file)
    if data is None:
        raise AudiotagError(
            f"{source} has no predictions.npz: run `audiotag evaluate {source}` first, or name a data set with --data"
        )
    from audiotag.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    from audiotag import records, scorers

    opened = records.open(data)
    recordings = None if opened.waveforms else opened.recordings
    return scorers.predict(scorers.open(source, opened), opened, split, source=recordings).predictions


def _recordings(first: Predictions, second: Predictions, unit: str | None) -> dict[str, str] | None:
    """The recording of each clip; None where clips are drawn."""
    if unit not in (None, "clip", "recording"):
        raise AudiotagError(f"--unit is clip or recording, received {unit!r}")
    groups: dict[str, str] = {}
    for each in (second, first):
        if each.recordings is not None:
            groups |= dict(zip(each.clip_ids.tolist(), each.recordings.tolist(), strict=True))
    if unit == "recording" and not groups:
        raise AudiotagError(
            "the predictions do not say which recording a clip is of: run `audiotag evaluate` again, or use --unit clip"
        )
    return groups if groups and unit != "clip" else None


def _names(first: Path, second: Path) -> tuple[str, str]:
    """What the two are called: the last part of their paths, or all of it where that is the same."""
    short = first.resolve().name, second.resolve().name
    return short if short[0] != short[1] else (str(first), str(second))


def _plain(found: Comparison, rows: pandas.DataFrame) -> dict[str, Any]:
    """The comparison as JSON's own types, not defined as null."""

    def records(table: pandas.DataFrame) -> list[dict[str, Any]]:
        return json.loads(table.to_json(orient="records", double_precision=15))

    return {
        "clips": found.clips,
        "clips_left_out": found.left_out,
        "classes_left_out": found.left_out_classes,
        "unit": found.unit,
        "units": found.units,
        "resamples": found.resamples,
        "level": found.level,
        "reason": found.reason,
        "means": records(found.means.rename_axis("name").reset_index()),
        "classes": records(rows),
    }


def _show(
    found: Comparison, rows: pandas.DataFrame, names: tuple[str, str], csv: Path | None, console: Console
) -> None:
    """The means, what got better, what got worse, and how much is undecided."""
    from rich.text import Text

    from audiotag.metrics.comparison import least_resamples

    metric = rows["metric"].iloc[0]
    console.print(Text(f"{names[1]} against {names[0]}: {found.clips} clips, {len(rows)} classes"), soft_wrap=True)
    for line in _left_out(found, names):
        console.print(Text(line, style="yellow"), soft_wrap=True)
    overall = [name for name in found.means.index if not name.startswith(("micro_", "weighted_"))]
    means = found.means.loc[overall].rename_axis("mean").reset_index()
    _print_table(console, means, ("mean",), names, "p", found.level)
    for verdict in ("better", "worse"):
        decided = rows[rows["verdict"] == verdict].sort_values("difference", key=abs, ascending=False, kind="stable")
        console.print(Text(f"{verdict} in {metric}: {len(decided)} classes", style="bold"))
        if len(decided):
            _print_table(console, decided.head(_SHOWN), ("class", "positives"), names, "q", found.level)
        if len(decided) > _SHOWN:
            where = f"see {csv}" if csv else "--csv FILE writes every class"
            console.print(Text(f"… and {len(decided) - _SHOWN} more: {where}"), soft_wrap=True)
    judged = int(rows["p"].notna().sum())
    undecided = int((rows["verdict"] == "").sum())
    console.print(Text(f"undecided: {undecided} of {len(rows)} classes"))
    if found.reason:
        console.print(Text(f"nothing can be decided, {found.reason}", style="yellow"), soft_wrap=True)
    elif found.resamples < (least := least_resamples(judged, found.level)):
        line = f"--resamples {least} would let a single class be decided, {found.resamples} only several together"
        console.print(Text(line, style="yellow"), soft_wrap=True)
    drawn = f"{found.resamples} resamples of {found.units} {found.unit}s"
    console.print(Text(f"{found.level:.0%} intervals and p: paired bootstrap, {drawn}; q: p corrected for the classes"))


def _left_out(found: Comparison, names: tuple[str, str]) -> list[str]:
    lines = [
        f"{count} clips only in {name}, left out" for count, name in zip(found.left_out, names, strict=True) if count
    ]
    for classes, name in zip(found.left_out_classes, names, strict=True):
        if classes:
            more = f" … and {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else ""
            lines.append(f"{len(classes)} classes only in {name}, left out: {', '.join(classes[:_SHOWN])}{more}")
    return lines


def _print_table(
    console: Console, rows: pandas.DataFrame, about: tuple[str, ...], names: tuple[str, str], chance: str, level: float
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(about[0], overflow="fold")
    for column in (*about[1:], *names, "difference", f"{level:.0%}", chance):
        table.add_column(Text(column), justify="right", no_wrap=column not in names, overflow="fold")
    for row in rows.to_dict("records"):
        values = (_figure(row["first"]), _figure(row["second"]), _figure(row["difference"], "+.3f"))
        interval = f"{_figure(row['low'], '+.3f')} to {_figure(row['high'], '+.3f')}"
        cells = (*(str(row[column]) for column in about), *values, interval, _figure(row[chance]))
        table.add_row(*map(Text, cells))
    console.print(table)


def _figure(value: float, form: str = ".3f") -> str:
    return "—" if value != value else f"{value:{form}}"
