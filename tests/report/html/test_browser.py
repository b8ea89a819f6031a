"""The page in a real browser: what a click does, that no name does anything, and that a phone shows it whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Error, sync_playwright

from audiotag.report.html import page

pytestmark = pytest.mark.slow

HOSTILE = (
    "</script><script>window.hurt = 1</script>",
    '"><img src=x onerror="window.hurt = 1">',
    "' onmouseover='window.hurt = 1' '",
    "<svg onload=window.hurt=1>",
    "<details open ontoggle=window.hurt=1>",
    "x" * 200,
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_playwright() as started:
        try:
            path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
            browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"no chromium starts ({str(error).splitlines()[0]}): apt-get install chromium")
        yield browser
        browser.close()


class Visit:
    """A page opened from disk, with what went wrong and what it asked for."""

    def __init__(self, chromium: Any, report: Any, **options: Any) -> None:
        path = report.out / "report.html"
        path.write_text(page.render(report), encoding="utf-8")
        self.tab = chromium.new_page(**options)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.tab.on("dialog", lambda dialog: (self.errors.append("dialog"), dialog.dismiss()))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(path.as_uri())

    def column(self, place: int) -> list[str]:
        cells = self.tab.locator(f"#classes tbody tr:not(.detail):not([hidden]) > :nth-child({place})")
        return cells.evaluate_all("cells => cells.map(cell => cell.dataset.value ?? cell.textContent)")


def test_hostile_names_do_nothing_and_stay_readable(chromium, make_report) -> None:
    visit = Visit(chromium, make_report(HOSTILE, whole=True, mistakes=6))
    for place, name in enumerate(HOSTILE):
        visit.tab.locator("#classes tbody tr:not(.detail) th button").nth(place).click()
        assert visit.tab.locator(".panel h3").nth(place).text_content() == name
    visit.tab.locator("tbody th button").nth(2).hover()
    visit.tab.locator("#search").fill("<svg")
    assert visit.column(1) == [HOSTILE[3]]
    assert visit.tab.evaluate("window.hurt") is None
    assert visit.tab.locator("img").count() == 0
    assert visit.errors == []
    assert [url for url in visit.requests if not url.startswith(("file://", "data:"))] == []


def test_an_injected_script_would_not_run(chromium, make_report) -> None:
    """Were escaping to fail, the policy of the page still stands."""
    visit = Visit(chromium, make_report(resamples=0))
    visit.tab.evaluate(
        "() => { const made = document.createElement('script'); made.textContent = 'window.hurt = 1';"
        "document.body.append(made); const picture = document.createElement('img');"
        "picture.setAttribute('onerror', 'window.hurt = 1'); picture.src = 'data:,'; document.body.append(picture); }"
    )
    visit.tab.wait_for_function("document.querySelector('img').complete")
    assert visit.tab.evaluate("window.hurt") is None


def test_every_column_sorts_both_ways_with_gaps_last(chromium, make_report) -> None:
    report = make_report(whole=True)
    report.table.loc[4, "AP"] = float("nan")
    visit = Visit(chromium, report)
    heads = visit.tab.locator("#classes thead th")
    for place in range(heads.count()):
        button = heads.nth(place).locator("button")
        button.focus()
        visit.tab.keyboard.press("Enter")
        first, values = heads.nth(place).get_attribute("aria-sort"), visit.column(place + 1)
        assert first == ("ascending" if place == 0 else "descending")
        visit.tab.keyboard.press("Enter")
        second, reverse = heads.nth(place).get_attribute("aria-sort"), visit.column(place + 1)
        assert {first, second} == {"ascending", "descending"}
        assert visit.tab.locator("#classes th[aria-sort]").count() == 1
        if place == 0:
            assert values == sorted(values) and reverse == values[::-1]
            continue
        gaps = values.count("—")
        assert values[len(values) - gaps :] == reverse[len(values) - gaps :] == ["—"] * gaps
        numbers = [float(value.replace(",", "")) for value in values if value != "—"]
        assert numbers == sorted(numbers, reverse=True)
        assert [float(value.replace(",", "")) for value in reverse if value != "—"] == sorted(numbers)
    assert visit.errors == []


def test_an_open_class_stays_with_its_row(chromium, make_report) -> None:
    visit = Visit(chromium, make_report(whole=True))
    button = visit.tab.get_by_role("button", name="rooster", exact=True)
    button.click()
    visit.tab.locator("#classes thead th button").nth(1).click()
    row = visit.tab.locator("#classes tr:has(+ tr.detail)")
    assert row.locator("th").text_content() == visit.tab.locator(".panel h3").text_content() == "rooster"
    assert visit.tab.locator(".panel svg").count() == 3
    visit.tab.locator("#search").fill("rain")
    assert not visit.tab.locator("tr.detail").is_visible()
    assert visit.tab.locator("#shown").text_content() == "1 of 10 classes"
    visit.tab.locator("#search").fill("")
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert visit.tab.locator("tr.detail").count() == 0
    assert button.get_attribute("aria-expanded") == "false"


def test_sounds_play_and_pictures_show(chromium, make_report) -> None:
    visit = Visit(chromium, make_report(mistakes=2))
    length = visit.tab.locator("audio").first.evaluate(
        "sound => new Promise((done, fail) => { sound.onloadedmetadata = () => done(sound.duration);"
        "sound.onerror = () => fail(sound.error.message); sound.load(); sound.preload = 'auto'; })"
    )
    assert length == pytest.approx(1.0, abs=0.2)
    decoded = visit.tab.locator("svg image").evaluate_all(
        "images => Promise.all(images.map(async image => { const seen = new Image();"
        "seen.src = image.getAttribute('href'); await seen.decode(); return seen.width; }))"
    )
    assert decoded == [100, 100]


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_only_tables_scroll_sideways(chromium, make_report, width, task) -> None:
    names = (*HOSTILE, "dog", "a name of several words that is rather long")
    visit = Visit(chromium, make_report(names, task, whole=True, mistakes=3), viewport={"width": width, "height": 800})
    visit.tab.locator("#classes tbody tr:not(.detail) th button").nth(5).click()
    assert visit.tab.evaluate("document.documentElement.scrollWidth") == width
    wide = visit.tab.evaluate(
        "[...document.querySelectorAll('main *, header *')].filter(element => !element.closest('.scroll') && "
        "element.getBoundingClientRect().right > innerWidth + 1).map(element => element.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_tables_and_figures_are_there_without_scripts(chromium, make_report) -> None:
    context = chromium.new_context(java_script_enabled=False)
    visit = Visit(context, make_report(whole=True, mistakes=1))
    assert visit.tab.locator("#classes tbody tr").count() == 10
    assert visit.tab.locator("svg.plot:visible").count() == 4
    assert visit.tab.locator("svg.matrix:visible").count() == 1
    assert visit.tab.get_by_text("need JavaScript").is_visible()
    assert not visit.tab.locator("#search").is_visible()
    context.close()
