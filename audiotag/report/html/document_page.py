"""The page of a document: one file that opens from disk, without a network, as `report.html` does."""

from __future__ import annotations

import datetime

from audiotag.report import templates
from audiotag.report.document import Document
from audiotag.report.html import embedded, svg
from audiotag.report.tables import versions


def render(document: Document) -> str:
    """HTML with its style, script, pictures and sounds inside."""
    template = templates.environment().get_template("html/document.html.j2")
    return template.render(
        document=document,
        date=datetime.date.today().isoformat(),
        versions=versions(),
        exhibits=embedded.illustrated(document.shown()),
        draw=svg.draw,
        **embedded.assets("tables.js"),
    )
