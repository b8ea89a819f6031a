"""A TensorBoard server to ask about what was written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tensorboard_server() -> Callable[..., Any]:
    return serving


@contextmanager
def serving(folder: Path) -> Iterator[Callable[..., Any]]:
    """Ask a TensorBoard that runs on a folder, in a process of its own, for JSON, or for bytes where it is none."""
    # Without TensorFlow, which these plugins do not need, TensorBoard is up in two seconds instead of nine.
    starter = "import sys; sys.modules['tensorflow'] = None; from tensorboard.main import run_main; run_main()"
    command = [sys.executable, "-c", starter, "--logdir", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if address := re.search(r"http://\S+:\d+/", line.partition("TensorBoard ")[2]):
                break
        else:
            pytest.fail(f"TensorBoard did not start: {lines}")

        def ask(path: str, body: dict[str, Any] | None = None, /, **query: str) -> Any:
            url = f"{address[0]}data/plugin/{path}?{urllib.parse.urlencode(query)}"
            request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
            request.add_header("Content-Type", "application/json")
            with urllib.request.urlopen(request, timeout=20) as answer:
                content = answer.read()
                return json.loads(content) if "json" in answer.headers["Content-Type"] else content

        ask.address = address[0]
        asked = range(20_000)
        assert any(ask("images/tags") for _ in asked), "TensorBoard found no data"
        yield ask
    finally:
        process.terminate()
        process.communicate(timeout=20)
