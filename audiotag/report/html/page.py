"""Write `report.html`: one file that opens from disk, without a network, on a phone and on paper."""

from __future__ import annotations

import base64
import datetime
import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import storage
from audiotag.metrics.confusion import confusion
from audiotag.report.html import content, figures
from audiotag.report.html.details import details
from audiotag.report.html.sounds import exhibits
from audiotag.report.tables import versions

if TYPE_CHECKING:
    import jinja2

    from audiotag.report.report import Report

_MATRIX = 60
SECTIONS = {
    "know": "Read this first",
    "classes": "Every class",
    "means": "Means",
    "curves": "Curves",
    "confusions": "Confusions",
    "mistakes": "Worst mistakes",
    "noise": "Noise and silence",
    "slices": "Parts of the data",
    "events": "Beginnings and ends",
    "about": "About",
}


def write(report: Report, path: Path) -> None:
    """Write the page of a report.

    Args:
        report: what an evaluation found.
        path: the file, for example `report.out / "report.html"`.
    """
    with storage.write_atomically(path, "wb") as file:
        # A path may hold bytes that are no text; they become question marks.
        file.write(render(report).encode("utf-8", "replace"))


def render(report: Report) -> str:
    """The page of a report: HTML with its style, script, pictures and sounds inside."""
    from markupsafe import Markup

    environment = _environment()
    script, style = (_read(environment, name) for name in ("report.js", "report.css"))
    digest = hashlib.sha256(script.encode()).digest()
    parts = _parts(report)
    present = {"know", "classes", "means", "curves", "confusions", "about"}
    present |= {
        name for name, key in {"mistakes": "exhibits", "noise": "noise", "events": "events"}.items() if parts[key]
    }
    present |= {"slices"} if parts["slices"] or parts["folds"] else set()
    return environment.get_template("report.html.j2").render(
        report=report,
        sections=[(name, title) for name, title in SECTIONS.items() if name in present],
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(digest).decode()}",
        style=Markup(style),
        **parts,
    )


def _parts(report: Report) -> dict[str, Any]:
    """What the template shows."""
    found = report.predictions
    names = found.labels.names
    counts, clips = confusion(found)
    micro_pr, micro_roc = figures.micro_plots(found)
    shown, left_out = exhibits(report.mistakes)
    return {
        "date": datetime.date.today().isoformat(),
        "versions": versions(),
        "multilabel": found.task == "multilabel",
        "keys": content.key_figures(report),
        "interval_text": content.interval_text(report.intervals),
        "points": content.must_know(report),
        "classes": content.class_rows(report),
        "class_metrics": content.CLASS_METRICS,
        "alarms": report.noise is not None,
        "means": content.means(report),
        "further": content.further_figures(report),
        "reliability": figures.reliability_plot(report.reliability, report.uncalibrated, found.task),
        "micro_pr": micro_pr,
        "micro_roc": micro_roc,
        "confusions": content.confusions(counts, clips, names),
        "matrix": figures.matrix(counts, clips, names) if len(names) <= _MATRIX else None,
        "exhibits": shown,
        "left_out": left_out,
        "noise": content.noise_table(report),
        "slices": content.slice_tables(report.slices),
        "folds": None if report.folds is None else content.table_of(report.folds),
        "events": content.sound_events(report),
        "model_facts": {"kind": report.subject.kind, "path": report.subject.path, **report.subject.about}.items(),
        "details": details(report, counts),
    }


def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("audiotag.report.html", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {"figure": _figure, "count": _count, "percent": _percent, "rate": _rate}
    environment.filters |= {"cell": _cell, "heading": _heading}
    environment.tests["defined_number"] = lambda value: not math.isnan(value)
    return environment


def _read(environment: jinja2.Environment, name: str) -> str:
    return environment.loader.get_source(environment, name)[0]


def _figure(value: float | None) -> str:
    """Three decimals; a dash where nothing is defined."""
    return "—" if value is None or math.isnan(value) else "∞" if math.isinf(value) else f"{value:.3f}"


def _count(value: int) -> str:
    return f"{value:,}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _rate(value: float) -> str:
    return f"{value:.1f}" if value else "0"


def _cell(value: Any) -> str:
    import pandas

    if value is None or value is pandas.NA:
        return "—"
    if isinstance(value, float | np.floating):
        return _figure(float(value))
    return _count(int(value)) if isinstance(value, int | np.integer) else str(value)


def _heading(name: str) -> str:
    return name.replace("_", " ")
