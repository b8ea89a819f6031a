"""The page in a real browser: real clicks, nothing from elsewhere, no name that does anything, whole on a phone."""

from __future__ import annotations

import csv
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag import records
from tests.serving.conftest import HOSTILE, wav
from tests.small_data import RATE

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")

PICTURES = os.environ.get("AUDIOTAG_PICTURES")
"""A folder for the screenshots, for who wants to look at them."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        try:
            path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
            own = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
            browser = started.chromium.launch(executable_path=path, args=own)
        except playwright.Error as error:
            pytest.skip(f"no chromium starts ({str(error).splitlines()[0]}): apt-get install chromium")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(make_service, collection, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A server of this process, and the folder of its corrections."""
    import uvicorn

    from audiotag.serving.app import application
    from audiotag.serving.server import listening

    folder = tmp_path_factory.mktemp("page")
    service = make_service(folder, collection=collection, megabytes=1.0)
    with listening("127.0.0.1", 0) as opened:
        server = uvicorn.Server(uvicorn.Config(application(service), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        yield f"http://127.0.0.1:{opened.getsockname()[1]}", folder / "corrections"
        server.should_exit = True
        thread.join()


class Visit:
    """The page, open, with what went wrong and what was asked for elsewhere."""

    def __init__(self, chromium: Any, address: str, **options: Any) -> None:
        self.tab = chromium.new_page(**options)
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.tab.on("request", lambda request: self.note(request.url, address))
        self.tab.goto(address)
        self.tab.wait_for_selector("#bounds:not(:empty)")

    def note(self, url: str, address: str) -> None:
        if not url.startswith((address, f"blob:{address}", "data:")):
            self.elsewhere.append(url)

    def drop(self, content: bytes, name: str = "melody.wav") -> None:
        """Choose a file, and wait until it is shown."""
        self.tab.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})
        self.tab.wait_for_function("name => document.querySelector('#name').textContent === name", arg=name)
        self.tab.wait_for_selector("#ticks input")

    def lane(self, place: int) -> Any:
        return self.tab.locator("#tracks .lane").nth(place)

    def events(self) -> list[str]:
        return [" ".join(text.split()) for text in self.tab.locator("#events li").all_inner_texts()]

    def picture(self, name: str) -> None:
        if PICTURES:
            self.tab.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.fixture
def visit(chromium, address) -> Iterator[Visit]:
    made = Visit(chromium, address[0], viewport={"width": 1280, "height": 900})
    yield made
    made.tab.close()
    assert (made.errors, made.elsewhere) == ([], [])


def test_a_file_is_shown_heard_searched_for_and_corrected(visit, address, melody) -> None:
    tab, (_, corrections), content = visit.tab, address, wav(melody)
    visit.picture("desktop-before")
    visit.drop(content)
    names = tab.locator("#tracks .name span:first-child").all_inner_texts()
    assert set(names[:2]) == {"low", "high"} and HOSTILE in names
    assert tab.evaluate("window.hurt === undefined")
    events = visit.events()
    assert len(events) == 2 and "low" in events[0] and "high" in events[1]

    # A threshold moves the events of its own track at once, and nobody asks the server.
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    low = names.index("low")
    tab.get_by_label("Threshold of low").fill("1")
    assert [event.split()[-2] for event in visit.events()] == ["high"]
    assert visit.lane(low).get_attribute("data-events") == "0"
    tab.get_by_label("Threshold of low").fill("0")
    assert visit.lane(low).locator("canvas").get_attribute("aria-label") == "low: 0.0 to 3.0 s"
    tab.get_by_label("Threshold of low").fill("0.25")
    assert asked == []

    # A click plays from there, on any of the pictures; the cursor moves.
    for lane in (tab.locator("#log-mel"), visit.lane(0), tab.locator("#waveform")):
        box = lane.bounding_box()
        lane.click(position={"x": box["width"] / 2, "y": 10})
        tab.wait_for_function("() => document.querySelector('#audio').currentTime > 1.55")
        assert tab.evaluate("document.querySelector('#audio').currentTime") < 2.5
        tab.get_by_role("button", name="Pause").click()
    assert 0.5 < float(tab.evaluate("document.body.style.getPropertyValue('--at')")) < 0.9
    tab.locator("#waveform").press("Home")
    tab.locator("#waveform").press("ArrowRight")
    tab.wait_for_function("() => document.querySelector('#time').textContent === '1.0 s'")

    # A drag chooses a span: what is near to the last second are clips of "high".
    box = visit.lane(0).bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 10)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 12, steps=4)
    tab.mouse.up()
    assert tab.locator("#from").input_value() == "2.10" and tab.locator("#to").input_value() == "2.85"
    tab.get_by_role("button", name="Search").click()
    tab.wait_for_selector("#clips li")
    assert all("high" in text for text in tab.locator("#clips li").all_inner_texts()[:4])
    tab.locator("#clips button").first.click()
    tab.wait_for_function("() => document.querySelector('#clip').currentTime > 0")

    # The span and the whole are corrected; what is saved is a table that a data set is built of.
    ticks = {name: tab.locator("#ticks").get_by_label(name, exact=True) for name in names}
    assert [name for name in names if ticks[name].is_checked()] == ["high"]
    tab.get_by_role("button", name="Save").click()
    tab.wait_for_selector("#corrections li")
    tab.get_by_role("button", name="All of it").click()
    assert [name for name in names if ticks[name].is_checked()] == names[:2]
    ticks["high"].uncheck()
    ticks[HOSTILE].check()
    tab.get_by_role("button", name="Save").click()
    tab.wait_for_function("() => document.querySelectorAll('#corrections li').length === 3")
    visit.picture("desktop")
    with (corrections / "corrections.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["onset"], row["offset"]) for row in csv.DictReader(file)]
    assert len(rows) == 3 and rows[1:] == [("", "")] * 2 and abs(float(rows[0][0]) - 2.1) < 0.02
    (clip,) = records.declare("folder", source=corrections, table="corrections.csv", seconds=3.0).clips
    assert set(clip.labels) == {"low", "high", HOSTILE}
    assert [event.label for event in clip.events] == ["high"]

    # Sent again, it is known; and what was said of it can be taken back.
    visit.drop(content, "again.wav")
    tab.wait_for_function("() => document.querySelectorAll('#corrections li').length === 3")
    assert not tab.locator("#ticks").get_by_label("high", exact=True).is_checked()
    tab.get_by_role("button", name="Take back").click()
    tab.wait_for_function("() => document.querySelectorAll('#corrections li').length === 1")


def test_a_microphone_is_recorded_and_shown(visit) -> None:
    visit.tab.get_by_role("button", name="Record").click()
    visit.tab.get_by_role("button", name="Stop").wait_for()
    visit.tab.wait_for_timeout(700)
    visit.tab.get_by_role("button", name="Stop").click()
    visit.tab.wait_for_function("() => document.querySelector('#name').textContent.startsWith('Recording of')")
    seconds = float(visit.tab.locator("#facts").inner_text().split()[0])
    assert 0.3 < seconds < 10
    assert visit.tab.get_by_role("button", name="Record").is_visible()


def test_what_the_browser_does_not_play_is_played_and_what_is_no_sound_is_said(visit, melody) -> None:
    visit.drop(wav(melody, format="AIFF", subtype="PCM_16"), "melody.aiff")
    visit.tab.locator("#waveform").click(position={"x": 300, "y": 10})
    visit.tab.wait_for_function("() => document.querySelector('#audio').currentTime > 0.9")
    visit.tab.set_input_files("#file", {"name": "x.txt", "mimeType": "text/plain", "buffer": b"no sound"})
    visit.tab.wait_for_selector("#status.error")
    assert "is not audio that can be read" in visit.tab.inner_text("#status")
    assert visit.tab.inner_text("#name") == "melody.aiff"
    visit.tab.set_input_files("#file", {"name": "y", "mimeType": "audio/wav", "buffer": b"\0" * 1_000_001})
    visit.tab.wait_for_function("() => document.querySelector('#status').textContent.includes('at most 1 are taken')")
    visit.errors[:] = [error for error in visit.errors if "422" not in error]  # what the browser says of the answer


def test_a_phone_shows_it_whole_in_the_dark(chromium, address, melody) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True}
    visit = Visit(chromium, address[0], device_scale_factor=2, **phone)
    visit.picture("phone-before")
    visit.drop(wav(np.concatenate([melody] * 2), RATE))
    visit.lane(1).tap()
    visit.tab.get_by_role("button", name="Pause").wait_for()
    visit.picture("phone")
    assert visit.tab.evaluate("document.documentElement.scrollWidth") == 390
    assert visit.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 27)"
    narrow = [box["width"] for box in (visit.lane(place).bounding_box() for place in range(2))]
    assert min(narrow) > 340
    assert visit.errors == []
    visit.tab.close()


def test_everything_can_be_done_by_keys_and_has_a_name(visit, melody) -> None:
    visit.drop(wav(melody))
    nameless = """() => [...document.querySelectorAll('button, input, select, [role=slider]')].filter(
        (each) => each.offsetParent && !(each.labels?.length || each.ariaLabel || each.textContent.trim()))
        .map((each) => each.outerHTML)"""
    assert visit.tab.evaluate(nameless) == []
    reached = []
    visit.tab.locator("#play").focus()
    for _ in range(60):
        reached.append(visit.tab.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
        visit.tab.keyboard.press("Tab")
    assert {"play", "waveform", "Threshold of low", "class", "from", "to", "similar"} <= set(reached)
