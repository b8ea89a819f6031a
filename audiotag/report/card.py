"""`model_card.md`: what people need who get the model without its data, as Hugging Face and GitHub show it."""

from __future__ import annotations

import datetime
import math

from audiotag import run_folder
from audiotag.report import overview, templates
from audiotag.report.report import Report
from audiotag.report.tables import versions

_LOADED = ("run", "Keras model")


def render(report: Report, whole: bool = True) -> str:
    """The card as Markdown. Names and texts of users mean nothing to Markdown, YAML or HTML.

    Args:
        report: what an evaluation found.
        whole: with the YAML at its head, every class and the settings of the training; else the text alone.
    """
    keys = overview.key_figures(report)
    defined = {key["name"]: round(key["value"], 4) for key in keys if math.isfinite(key["value"])}
    return (
        templates.environment()
        .get_template("model_card.md.j2")
        .render(
            report=report,
            whole=whole,
            date=datetime.date.today().isoformat(),
            versions=versions(),
            multilabel=report.predictions.task == "multilabel",
            loadable=report.subject.kind in _LOADED,
            file=run_folder.TAGGER if report.subject.kind == "run" else report.subject.path.name,
            keys=keys,
            defined=defined,
            interval_text=overview.interval_text(report.intervals),
            columns=overview.class_columns(report),
            classes=overview.class_rows(report),
            limits=overview.limits(report),
        )
    )
