"""`report.html`: one file that opens from disk, without a network, on a phone and on paper."""

from __future__ import annotations

from audiotag.report import overview, templates
from audiotag.report.html import embedded, svg
from audiotag.report.html.details import details
from audiotag.report.report import Report


def render(report: Report) -> str:
    """The page of a report: HTML with its style, script, pictures and sounds inside."""
    return templates.render(
        "html/report.html.j2",
        report,
        class_metrics=overview.CLASS_METRICS,
        means=overview.means(report),
        further=overview.further_figures(report),
        exhibits=embedded.illustrated(report.shown()),
        draw=svg.draw,
        model_facts={"kind": report.subject.kind, "path": report.subject.path, **report.subject.about},
        details=details(report),
        **embedded.assets("tables.js", "report.js"),
    )
