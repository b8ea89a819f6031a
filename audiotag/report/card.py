"""`model_card.md`: what people need who get the model without its data, as Hugging Face and GitHub show it."""

from __future__ import annotations

import math

from audiotag import run_folder
from audiotag.report import overview, templates
from audiotag.report.report import Report

_LOADED = ("run", "Keras model")


def render(report: Report, whole: bool = True) -> str:
    """The card as Markdown. Names and texts of users mean nothing to Markdown, YAML or HTML.

    Args:
        report: what an evaluation found.
        whole: with the YAML at its head, every class and the settings of the training; else the text alone.
    """
    values = {key["name"]: key["value"] for key in overview.key_figures(report)}
    return templates.render(
        "model_card.md.j2",
        report,
        whole=whole,
        loadable=report.subject.kind in _LOADED,
        file=run_folder.TAGGER if report.subject.kind == "run" else report.subject.path.name,
        defined={name: round(value, 4) for name, value in values.items() if math.isfinite(value)},
    )
