"""Write `model_card.md`: what people need who get the model without its data, as Hugging Face and GitHub show it."""

from __future__ import annotations

import datetime
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from audiotag import run_folder, storage
from audiotag.report.html import content
from audiotag.report.tables import versions

if TYPE_CHECKING:
    import jinja2
    import pandas

    from audiotag.report.report import Report

_WEAK = 0.5
_SIGNS = re.compile(r"[\\`*_{}\[\]<>#!~&$]")
_LOADED = ("run", "Keras model")


def write(report: Report, path: Path) -> None:
    """Write the model card of a report.

    Args:
        report: what an evaluation found.
        path: the file, for example `report.out / "model_card.md"`.
    """
    with storage.write_atomically(path, "wb") as file:
        file.write(render(report).encode("utf-8", "replace"))


def render(report: Report) -> str:
    """The card as Markdown, YAML at its head. Names and texts of users mean nothing to Markdown, YAML or HTML."""
    table, summary = report.table, report.summary
    judged = table[table["positives"] > 0]
    return (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            report=report,
            date=datetime.date.today().isoformat(),
            versions=versions(),
            multilabel=report.predictions.task == "multilabel",
            loadable=report.subject.kind in _LOADED,
            file=run_folder.TAGGER if report.subject.kind == "run" else report.subject.path.name,
            facts=report.subject.about.items(),
            keys=content.key_figures(report),
            interval_text=content.interval_text(report.intervals),
            classes=content.class_rows(report),
            alarms=report.noise is not None,
            noise=content.noise_table(report),
            weak=_named(judged[judged["AP"] < _WEAK].sort_values("AP"), "AP"),
            weak_bar=_WEAK,
            rare=_named(judged[judged["positives"] < content.RARE].sort_values("positives"), "positives"),
            rare_bar=content.RARE,
            head={
                "name": report.subject.name,
                "data": report.data_set["name"],
                "split": report.split,
                "metrics": {
                    key["name"]: round(key["value"], 4) for key in content.key_figures(report) if _finite(key["value"])
                },
            },
            without_positives=summary["without_positives"],
        )
    )


def plain(value: Any) -> Any:
    """A text in which no sign has a meaning for Markdown or HTML, on one line; anything else as it is."""
    if isinstance(value, Markup) or not isinstance(value, str | Path):
        return value
    text = _SIGNS.sub(r"\\\g<0>", re.sub(r"\s+", " ", str(value)))
    # Readers of tables disagree about how many backslashes let a bar stand in a cell.
    return Markup(text.replace("|", "&#124;"))


def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("audiotag.report", "."),
        undefined=jinja2.StrictUndefined,
        finalize=plain,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "figure": lambda value: Markup(f"{value:.3f}" if _finite(value) else "—"),
        "count": lambda value: Markup(f"{value:,}"),
        "quoted": lambda value: Markup(json.dumps(str(value), ensure_ascii=False)),
        "code": _code,
    }
    return environment


def _code(text: str) -> Markup:
    """A line of a fenced block: nothing in it ends the block."""
    return Markup(" ".join(text.split()).replace("```", "` ` `"))


def _named(rows: pandas.DataFrame, column: str) -> list[tuple[str, str]]:
    """Classes with their figure as text."""
    return [
        (name, str(value) if isinstance(value, int) else f"{value:.2f}")
        for name, value in zip(rows["class"], rows[column].tolist(), strict=True)
    ]


def _finite(value: float) -> bool:
    return math.isfinite(value)
