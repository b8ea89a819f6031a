"""`report.html`: one file that opens from disk, without a network, on a phone and on paper."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from markupsafe import Markup

from audiotag.report import overview, templates
from audiotag.report.html import media, svg
from audiotag.report.html.details import details
from audiotag.report.report import Report
from audiotag.report.section import Exhibit

MOST_BYTES = 8_000_000  # of all pictures and sounds together, as they stand in the page


def render(report: Report) -> str:
    """The page of a report: HTML with its style, script, pictures and sounds inside."""
    environment, room, exhibits = templates.environment(), MOST_BYTES, {}
    script, style = (
        environment.loader.get_source(environment, f"html/report.{kind}")[0].strip() for kind in ("js", "css")
    )
    for name, section in report.shown():
        exhibits[name], room = _illustrated(section.exhibits, room)
    digest = hashlib.sha256(script.encode()).digest()
    return templates.render(
        "html/report.html.j2",
        report,
        class_metrics=overview.CLASS_METRICS,
        means=overview.means(report),
        further=overview.further_figures(report),
        exhibits=exhibits,
        draw=svg.draw,
        model_facts={"kind": report.subject.kind, "path": report.subject.path, **report.subject.about},
        details=details(report),
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(digest).decode()}",
        style=Markup(style),
    )


def _illustrated(exhibits: tuple[Exhibit, ...], room: int) -> tuple[list[dict[str, Any]], int]:
    """Exhibits with their picture and the address of their sound as long as there is room, and the room left."""
    shown = []
    for exhibit in exhibits:
        picture = Markup() if exhibit.picture is None else svg.draw(exhibit.picture)
        sound = ""
        if exhibit.waveform is not None:
            sound = media.address("audio/mpeg", media.mp3(exhibit.waveform, exhibit.sample_rate))
        fits = len(picture) + len(sound) <= room
        if fits:
            room -= len(picture) + len(sound)
        shown.append({"clip": exhibit, "fits": fits} | ({"picture": picture, "sound": sound} if fits else {}))
    return shown, room
