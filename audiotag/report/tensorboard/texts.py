"""What TensorBoard's TEXT tab says of an evaluation: figures, classes in several orders, notes, how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audiotag.report.tensorboard import markdown

if TYPE_CHECKING:
    import pandas

    from audiotag.report.report import Report

_ALL_SHOWN = 60
_EXTREMES = 20
_COLUMNS = ("AUC", "F1", "precision", "recall")  # more would break the numbers in two
_MEANINGS = {
    "mAP": "mean of the classes' average precision: is a class's clip ranked above the others?",
    "AUC": "mean of the classes' area under the ROC: 0.5 is chance",
    "d_prime": "the mean AUC as the distance of two normal distributions",
    "lwlrap": "are a clip's labels ranked above its other classes? Every label weighs the same",
    "F1": "mean of the classes' balance of precision and recall at their thresholds",
    "precision": "mean of the classes' share of right findings among all",
    "recall": "mean of the classes' share of clips found",
    "accuracy": "share of right decisions",
    "top_3": "share of clips whose class is among the three best scored",
    "top_5": "share of clips whose class is among the five best scored",
    "micro_AP": "average precision of all clips and classes taken together",
    "micro_F1": "F1 of all clips and classes taken together",
    "weighted_AP": "average precision, frequent classes weighing more",
    "weighted_F1": "F1, frequent classes weighing more",
    "ECE": "mean of the classes' calibration error: how far a score is from the share that is true",
    "Brier": "mean squared distance of score and truth",
}


def texts(report: Report) -> dict[str, str]:
    """Tag to Markdown: `about/…` about the evaluation, `classes/…` the classes in several orders."""
    found = {"about/1 figures": _figures(report), "about/2 notes": _notes(report)}
    found |= {"about/3 data and model": _facts(report), "about/4 parts of the clips": _parts(report)}
    found |= {"about/5 noise and silence": _noise(report)} if report.noise is not None else {}
    found |= {"about/6 sound events": _sound_events(report)} if report.sound_events is not None else {}
    return {tag: text for tag, text in found.items() if text} | _classes(report)


def _figures(report: Report) -> str:
    means, intervals = report.summary, report.intervals
    header = ["metric", "value", "what it is"]
    if intervals is not None:
        header.insert(2, f"{intervals.level:.0%} interval")
    lines = []
    for name, meaning in _MEANINGS.items():
        if name in means:
            line = [name.replace("_", " "), means[name], meaning]
            if intervals is not None:
                low, high = intervals.means.get(name, (None, None))
                line.insert(2, "" if low is None else f"{low:.3f} to {high:.3f}")
            lines.append(line)
    about = f"**{markdown.plain(report.subject.name)}** on **{markdown.plain(report.data_set['name'])}**, "
    about += f"{markdown.plain(report.split)}: {means['clips']:,} clips, {means['classes']:,} classes"
    return "\n\n".join([about, _last_column_left(markdown.rows(header, lines)), _how_sure(report)])


def _last_column_left(table: str) -> str:
    return table.replace("---: |\n", "--- |\n", 1)


def _how_sure(report: Report) -> str:
    sure = f"Thresholds: {markdown.plain(report.thresholds_from)}. " if report.predictions.task == "multilabel" else ""
    sure += f"Calibration: {markdown.plain(report.calibration)}."
    if report.intervals is not None:
        found = report.intervals
        sure += (
            f" Intervals: {found.resamples:,} bootstrap samples of the {found.units:,} {markdown.plain(found.unit)}s."
        )
    return sure


def _notes(report: Report) -> str:
    means = report.summary
    notes = [markdown.plain(note) for note in report.notes]
    for key, metric in (("without_positives", "every mean"), ("without_negatives", "the mean of AUC")):
        if means[key]:
            names = ", ".join(markdown.plain(name) for name in means[key])
            noun = key.replace("_", " ")
            notes.append(f"{len(means[key])} of {means['classes']} classes {noun}, left out of {metric}: {names}")
    return "\n".join(f"* {note}" for note in notes)


def _facts(report: Report) -> str:
    subject = {"name": report.subject.name, "kind": report.subject.kind} | report.subject.about
    parts = {"model": subject, "data set": report.data_set | {"split": report.split}}
    sections = [markdown.facts(about, content) for about, content in parts.items()]
    again = "    " + report.command.replace("\n", "\n    ")
    return "\n\n".join([*sections, f"### This evaluation again\n\n{again}"])


def _parts(report: Report) -> str:
    sections = []
    if report.folds is not None:
        sections.append(f"### Folds\n\n{markdown.frame(report.folds)}")
    for column, part in report.slices.groupby("column", sort=False) if len(report.slices) else ():
        sections.append(f"### {markdown.plain(str(column))}\n\n{markdown.frame(part.drop(columns='column'))}")
    return "\n\n".join(sections)


def _noise(report: Report) -> str:
    noise = report.noise
    often = noise.per_hour
    worst = sorted(range(len(often)), key=lambda index: -often[index])[:_EXTREMES]
    names = report.predictions.labels.names
    kinds = markdown.rows(
        ["sound", "hours", "windows", "windows with a false alarm"],
        zip(noise.kinds, noise.hours.tolist(), noise.windows.tolist(), noise.alarmed.tolist(), strict=True),
    )
    heard = [(names[index], float(often[index])) for index in worst if often[index]]
    if not heard:
        return f"{kinds}\n\nNo class is heard in it."
    classes = markdown.rows(["class", "false alarms an hour"], heard)
    return f"{kinds}\n\n### Classes that are heard in it\n\n{classes}"


def _sound_events(report: Report) -> str:
    found = report.sound_events
    names = [name.replace("_", " ") for name in found.means]
    means = markdown.rows(["metric", "value"], zip(names, found.means.values(), strict=True))
    counted = markdown.facts("counted as found", found.parameters)
    return f"{means}\n\n{counted}\n\n### Every class\n\n{markdown.frame(found.classes)}"


def _classes(report: Report) -> dict[str, str]:
    """All classes in several orders; of more than 60 the 20 at the beginning of each, and all in alphabetical order."""
    table = report.table.assign(alarms=_false_alarms(report.table))
    judged = table[table["positives"] > 0]
    orders = {
        "1 worst first": judged.sort_values("AP", kind="stable"),
        "2 best first": judged.sort_values("AP", ascending=False, kind="stable"),
        "3 rarest first": judged.sort_values("positives", kind="stable"),
        "4 most false alarms first": table.sort_values("alarms", ascending=False, kind="stable"),
    }
    found = {}
    for order, rows in orders.items():
        shown = rows if len(rows) <= _ALL_SHOWN else rows.head(_EXTREMES)
        found[f"classes/{order}"] = _table(report, shown, len(rows))
    if len(table) > _ALL_SHOWN:
        everyone = table.sort_values("class", key=lambda names: names.str.casefold(), kind="stable")
        found["classes/5 every class by name"] = _table(report, everyone, len(table))
    return found


def _false_alarms(table: pandas.DataFrame) -> pandas.Series:
    """How many clips are wrongly said to have each class: findings that are not hits."""
    hits = (table["recall"] * table["positives"]).fillna(0).round()
    return (table["predicted"] - hits).astype(int)


def _table(report: Report, rows: pandas.DataFrame, of: int) -> str:
    intervals = report.intervals
    interval = () if intervals is None else (f"{intervals.level:.0%} interval",)
    header = ["class", "clips", "AP", *interval, *_COLUMNS, "false alarms"]
    lines: list[list[Any]] = []
    for index, row in rows.iterrows():
        line = [row["class"], int(row["positives"]), float(row["AP"])]
        if intervals is not None:
            low, high = intervals.classes.loc[index, ["AP_low", "AP_high"]]
            line.append(f"{low:.3f} to {high:.3f}" if low == low else "—")
        lines.append([*line, *(float(row[name]) for name in _COLUMNS), int(row["alarms"])])
    left_out = f"{len(rows)} of {of} classes. " if len(rows) < of else ""
    return f"{left_out}`report.html` sorts by any column with a click.\n\n{markdown.rows(header, lines)}"
