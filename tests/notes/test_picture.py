"""Piano rolls as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audiotag.errors import AudiotagError
from audiotag.notes import Note, picture


def test_a_note_is_a_bar_where_it_sounds(tmp_path: Path) -> None:
    picture.write(tmp_path / "empty.png", [], 10.0)
    picture.write(tmp_path / "high.png", [Note(1.0, 9.0, 48, 127), Note(1.0, 9.0, 84, 127)], 10.0, "a $ piece")
    pixels = np.asarray(Image.open(tmp_path / "high.png").convert("RGB")).astype(int)
    blue = (pixels[:, :, 2] - pixels[:, :, 0]) > 60
    rows = np.flatnonzero(blue.any(axis=1))
    height, width = blue.shape
    assert rows.min() < 0.3 * height and rows.max() > 0.7 * height
    assert 0.5 * width < blue[rows.min()].sum() < 0.9 * width
    assert (tmp_path / "empty.png").stat().st_size > 0


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"\.png, \.svg, \.pdf, received roll\.txt"):
        picture.write(tmp_path / "roll.txt", [], 1.0)
