"""The page in a real browser: real clicks, nothing from elsewhere, no name that does anything, whole on a phone."""

from __future__ import annotations

import csv
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag import records
from audiotag.tokens.surprise import surprise
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


@contextmanager
def listening(service: Any) -> Iterator[str]:
    """The address of a server of this process."""
    import uvicorn

    from audiotag.serving import server as serving
    from audiotag.serving.app import application

    with serving.listening("127.0.0.1", 0) as opened:
        server = uvicorn.Server(uvicorn.Config(application(service), log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{opened.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address(make_service, collection, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Of a server, and the folder of its corrections."""
    folder = tmp_path_factory.mktemp("page")
    with listening(make_service(folder, collection=collection, megabytes=1.0)) as found:
        yield found, folder / "corrections"


# How many points of each colour the columns of the picture of surprise have: (colours, columns).
COLOURS = """(wanted) => {
  const canvas = document.querySelector("#surprise canvas"), { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return wanted.map((colour) => {
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const counts = Array(width).fill(0);
    for (let at = 0; at < data.length; at += 4) {
      const isNear = parts.every((part, place) => Math.abs(data[at + place] - part) < 30);
      if (data[at + 3] > 100 && isNear) counts[(at / 4) % width] += 1;
    }
    return counts;
  });
}"""


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
    assert "urprising" not in tab.inner_text("body") and tab.get_by_role("slider", name="Surprise").count() == 0
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


def test_surprise_is_a_track_whose_peak_is_marked_and_moments_are_played(
    chromium, make_service, language_model, two_changes, tmp_path, monkeypatch
) -> None:
    begun, pause = threading.Event(), threading.Event()

    def endless(model: Any, source: Any, check: Callable[[], object]) -> None:
        begun.set()
        while True:
            check()
            pause.wait(0.01)

    with listening(make_service(tmp_path, language_model=language_model)) as address:
        visit = Visit(chromium, address, viewport={"width": 390, "height": 844})
        tab, lane = visit.tab, visit.tab.get_by_role("slider", name="Surprise, bits a token")
        visit.drop(wav(two_changes))
        tab.wait_for_selector("#moments li")
        found, seconds = surprise(language_model, two_changes), len(two_changes) / RATE
        assert lane.get_attribute("aria-label") == (
            f"Surprise, bits a token: each up to {found.bits.max():.1f}; a second's mean up to "
            f"{found.smoothed[found.peak]:.1f}, at {found.highest:.1f} s"
        )
        # The curve is there all along, and the mark where the peak is.
        columns = np.array(tab.evaluate(COLOURS, ["#0a6c8f", "#a5480a"])) > 0
        width = columns.shape[1]
        margin = round(0.5 * found.distance / seconds * width) + 2
        assert columns.any(axis=0)[margin:-margin].mean() > 0.98
        assert abs(np.flatnonzero(columns[1]).mean() / width - found.highest / seconds) < 0.01

        box = lane.bounding_box()
        assert box["width"] > 340 and tab.evaluate("document.documentElement.scrollWidth") == 390
        assert tab.locator("#tracks").bounding_box()["y"] < box["y"] < tab.locator("#axis").bounding_box()["y"]
        lane.click(position={"x": box["width"] / 2, "y": 10})
        tab.wait_for_function("() => document.querySelector('#audio').currentTime > 2.75")
        assert tab.evaluate("document.querySelector('#audio').currentTime") < 4
        tab.get_by_role("button", name="Pause").click()
        lane.press("Home")
        lane.press("ArrowRight")
        tab.wait_for_function("() => document.querySelector('#time').textContent === '1.0 s'")
        assert lane.get_attribute("aria-valuetext") == "1.0 of 5.4 seconds"

        moments = tab.locator("#moments").get_by_role("button")
        times = [(token + 0.5) * found.distance for token in found.moments]
        assert [text.split()[0] for text in moments.all_inner_texts()] == [f"{time:.1f}" for time in times]
        moments.nth(len(times) - 1).press("Enter")
        tab.wait_for_function("from => document.querySelector('#audio').currentTime > from", arg=times[-1] - 0.5)
        assert tab.evaluate("document.querySelector('#audio').currentTime") < times[-1] + 0.5
        visit.picture("surprise-phone")

        # What is not measured yet is left where another recording comes; one too short for a token is shown without.
        with monkeypatch.context() as patch:
            patch.setattr("audiotag.tokens.surprise.surprise", endless)
            visit.drop(wav(two_changes), "endless.wav")
            tab.wait_for_function("() => document.querySelector('#bits').textContent === 'measuring …'")
            assert tab.locator("#moments").is_hidden() and not np.any(tab.evaluate(COLOURS, ["#0a6c8f", "#a5480a"]))
            assert begun.wait(30)
        visit.drop(wav(two_changes[:300]), "short.wav")  # which is not shown before the one thread is free
        tab.wait_for_function("() => document.querySelector('#bits').textContent.startsWith('a token is 0.075 s')")
        assert tab.locator("#moments").is_hidden() and not np.any(tab.evaluate(COLOURS, ["#0a6c8f", "#a5480a"]))
        assert [error for error in visit.errors if "422" not in error] == visit.elsewhere == []
        tab.close()
