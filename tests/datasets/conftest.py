"""Short recordings that are no copies of one another."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio


@pytest.fixture(scope="session")
def noises() -> Callable[..., None]:
    """Write noise of a tenth of a second under each name in a folder."""

    def write(root: Path, *names: str, seconds: float = 0.1) -> None:
        for name in names:
            random = np.random.default_rng(zlib.crc32(name.encode()))
            audio.write(root / name, random.uniform(-0.1, 0.1, round(8000 * seconds)).astype(np.float32), 8000)

    return write
