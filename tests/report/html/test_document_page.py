"""The page of a document: its sections, findings, and names that do nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Error, sync_playwright

from audiotag.report.document import Document, Key
from audiotag.report.html import document_page
from audiotag.report.section import Exhibit, Section, Table

HOSTILE = "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"


def document(name: str = "noises") -> Document:
    random = np.random.default_rng(0)
    log_mel, waveform = random.normal(size=(60, 32)).astype(np.float32), random.normal(size=8000).astype(np.float32) / 9
    shown = Exhibit(f"{name} 1", "silent", name, name, waveform=waveform, sample_rate=8000, log_mel=log_mel)
    sections = {
        "levels": Section(
            "Levels",
            how="Of all clips.",
            conclusions=(f"silent clips: 1 ({name}): leave them out",),
            tables=(Table(["class", "clips"], [[name, 3], ["other", 12]]),),
            exhibits=(shown,),
        ),
        "leaks": Section("Leaks", how="None."),
        "durations": None,
    }
    return Document(
        name, "What is in it", "2 clips.", (Key("clips", "2", name),), sections, {"of": name}, "audiotag", ("a.csv",)
    )


def test_findings_sections_and_figures_are_in_the_page() -> None:
    page = document_page.render(document())
    assert "<li>Silent clips: 1 (noises): leave them out.</li>" in page
    assert re.findall(r"<h2>(.*)</h2>", page) == ["Findings", "Levels", "Leaks", "About"]
    assert page.count("<audio") == page.count("<svg") == 1
    assert 'aria-label="Highest scores"' not in page


def test_names_are_text() -> None:
    page = document_page.render(document(HOSTILE))
    assert HOSTILE not in page
    assert "<img" not in page
    assert page.count("<script") == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_asking_for_anything(tmp_path: Path, width: int) -> None:
    path = tmp_path / "page.html"
    path.write_text(document_page.render(document(HOSTILE)), encoding="utf-8")
    with sync_playwright() as started:
        try:
            program = shutil.which("chromium") or shutil.which("google-chrome")
            browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"no chromium starts ({str(error).splitlines()[0]}): apt-get install chromium")
        tab, errors, requests = browser.new_page(viewport={"width": width, "height": 800}), [], []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(path.as_uri())
        tab.locator("#levels-section thead button").nth(1).click()
        assert tab.locator("#levels-section tbody td").all_text_contents() == ["12", "3"]
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.evaluate("window.hurt") is None
        browser.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(("file://", "data:"))] == []
