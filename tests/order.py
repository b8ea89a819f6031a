"""In which order files are tested, and by which of several workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

# What builds networks or starts processes comes first, so that no worker is left alone with it at the end.
FIRST = (
    *("models", "training", "scorers", "distill", "test_hear.py", "cli", "evaluation", "tensorboard"),
    *("tagging", "report", "records", "frontend"),
)
# Files that share a kept process: in several workers, each would start its own.
TOGETHER = {
    "on other backends": (
        *("models/test_backends.py", "models/test_fmn.py", "models/test_embedding.py", "training/test_layerwise.py"),
        *("test_hear.py",),
        *("tensorboard/test_callback.py", "tagging/test_tagger.py", "tagging/test_calibration.py"),
        *("frontend/test_layer.py", "augment/batches/test_backends.py"),
        *("training/test_fused.py", "training/test_trainee.py"),
    ),
    "where audiotag is not installed": ("models/test_mn.py", "models/test_panns.py", "training/test_fitting.py"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests).parts[0]
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is tested by one worker, and so are files that share a process."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return next((name for name, files in TOGETHER.items() if file.endswith(files)), file)

    return ByFile(config, log)
