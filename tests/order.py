"""In which order files are tested, and by which of several workers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

# What builds networks or starts processes comes first, so that no worker is left alone with it at the end.
FIRST = (
    *("models", "training", "scorers", "distill", "test_hear.py", "cli", "tokens", "evaluation", "tensorboard"),
    *("tagging", "report", "records", "frontend"),
)
# Folders whose fixtures train something, which each worker would train for itself.
TOGETHER = ("cli", "tokens")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests).parts[0]
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=place)


def scope(file: Path) -> str | None:
    """What a file of tests shares with others that one worker is to test; None for a file alone.

    In several workers each would start a process of its own: a kept one is started once for all that ask for it.
    """
    if re.search(r"\bkept_process\(", file.read_text(encoding="utf-8")):
        return "kept processes"
    folder = file.relative_to(Path(__file__).parent).parts[0]
    return folder if folder in TOGETHER else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is tested by one worker, and so are files that share what is dear to make."""
    from xdist.scheduler import LoadFileScheduling

    scope_of = cache(scope)

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return scope_of(config.rootpath / file) or file

    return ByFile(config, log)
