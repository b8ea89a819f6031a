"""The environment of both templates, `report.html.j2` and `model_card.md.j2`: texts of users mean nothing in either."""

from __future__ import annotations

import datetime
import functools
import json
import math
import re
from pathlib import Path
from typing import Any

import jinja2
import jinja2.runtime
from markupsafe import Markup

from audiotag.report import formats, overview
from audiotag.report.report import Report
from audiotag.report.tables import versions

_BACKSLASHED, _OTHERS = re.compile(r"[\\`*_{}\[\]#!]"), re.compile(r"[<>~&$|]")


@functools.cache
def environment() -> jinja2.Environment:
    """The environment: HTML escapes itself, Markdown is escaped by `plain`."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("audiotag.report", "."),
        autoescape=_is_html,
        finalize=jinja2.pass_context(_finalize),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    for name in ("figure", "count", "percent", "cell", "heading"):
        made.filters[name] = getattr(formats, name)
    made.filters |= {"quoted": _quoted, "code": _code}
    made.tests["defined_number"] = lambda value: not math.isnan(value)
    return made


def render(name: str, report: Report, **values: Any) -> str:
    """A template filled with what both say of a report, and with further values."""
    template = environment().get_template(name)
    return template.render(
        report=report,
        date=datetime.date.today().isoformat(),
        versions=versions(),
        multilabel=not report.predictions.task.exclusive,
        keys=overview.key_figures(report),
        interval_text=overview.interval_text(report.intervals),
        limits=overview.limits(report),
        columns=overview.class_columns(report),
        classes=overview.class_rows(report),
        **values,
    )


def plain(text: str) -> Markup:
    """A text in which no sign has a meaning for Markdown or HTML, on one line, for every reader of Markdown."""
    text = _OTHERS.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))
    # What stands for a sign is itself written with & and #: both are put in place at once.
    return Markup(re.sub(r"&\\#(\d+);", r"&#\1;", _BACKSLASHED.sub(r"\\\g<0>", text)))


def _is_html(name: str | None) -> bool:
    return name is not None and name.endswith(".html.j2")


def _finalize(context: jinja2.runtime.Context, value: Any) -> Any:
    if _is_html(context.name) or isinstance(value, Markup) or not isinstance(value, str | Path):
        return value
    return plain(str(value))


def _quoted(value: Any) -> Markup:
    """A text as YAML and Python read it."""
    return Markup(json.dumps(str(value), ensure_ascii=False))


def _code(text: str) -> Markup:
    """A line of a fenced block: nothing in it ends the block."""
    return Markup(" ".join(text.split()).replace("```", "` ` `"))
