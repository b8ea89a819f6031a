"""The picture of the page in the documentation, docs/page.png: a real recording, shown by a real browser.

    python tests/benchmarks/page_picture.py SOUND [--data data/esc10] [--model mn04_as] [--surprise runs/esc10-tokens]
        [--out docs/page.png]

Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import io
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sound", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="mn04_as")
    parser.add_argument("--surprise", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/page.png"))
    options = parser.parse_args()
    data = [str(options.data.absolute())] if options.data else []
    surprise = ["--surprise", str(options.surprise.absolute())] if options.surprise else []
    command = [sys.executable, "-m", "audiotag", "serve", *data, "--model", options.model, *surprise, "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        try:
            address = next(line.split()[0] for line in server.stderr if line.startswith("http://"))
            options.out.write_bytes(picture(address, options.sound))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def picture(address: str, sound: Path) -> bytes:
    """The page with a recording and what is near to its end, as PNG of 256 colours."""
    with sync_playwright() as started:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1120, "height": 900})
        tab.goto(address)
        tab.wait_for_selector("#bounds:not(:empty)")
        tab.set_input_files("#file", sound)
        tab.wait_for_selector("#events li", timeout=60_000)
        tab.get_by_label("Place in the recording").press("PageUp")
        if tab.is_visible("#surprise"):
            tab.wait_for_selector("#moments li", timeout=60_000)
        if tab.is_visible("#similar"):
            seconds = float(tab.locator("#waveform").get_attribute("aria-valuemax"))
            tab.locator("#from").fill(f"{0.76 * seconds:.2f}")
            tab.locator("#to").fill(f"{seconds:.2f}")
            tab.locator("#to").press("Tab")
            tab.get_by_role("button", name="Search").click()
            tab.wait_for_selector("#clips li", timeout=60_000)
        shot = tab.screenshot(full_page=True)
        browser.close()
    file = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(256, kmeans=2).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
