"""What a page has inside it, so that it is one file: style, script, pictures and sounds."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from audiotag.report import templates
from audiotag.report.html import media, svg
from audiotag.report.section import Exhibit, Section

MOST_BYTES = 8_000_000  # of all pictures and sounds together, as they stand in the page


def assets(*scripts: str) -> dict[str, Any]:
    """Values of a page's template: `style`, `script` (the files one after the other) and `script_hash`."""
    environment = templates.environment()

    def content(file: str) -> str:
        return environment.loader.get_source(environment, f"html/{file}")[0].strip()

    script = "\n\n".join(map(content, scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": Markup(content("report.css")), "script": Markup(script), "script_hash": f"sha256-{digest}"}


def illustrated(sections: Iterable[tuple[str, Section]]) -> dict[str, list[dict[str, Any]]]:
    """By section, its exhibits with their picture and the address of their sound as long as there is room."""
    room, shown = MOST_BYTES, {}
    for name, section in sections:
        shown[name], room = _with_content(section.exhibits, room)
    return shown


def _with_content(exhibits: tuple[Exhibit, ...], room: int) -> tuple[list[dict[str, Any]], int]:
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
