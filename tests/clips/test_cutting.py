"""Long recordings in clips of one length: nothing is lost, nothing is before or after the recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiotag import audio
from audiotag.clips import checks
from audiotag.clips.cutting import cut
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration


@pytest.mark.parametrize(
    ("length", "spans"),
    [
        (0.3, []),
        (2.0, []),
        (2.039, []),  # a rest below 2 % of a clip
        (2.5, [(0.0, 2.0), (0.5, 2.5)]),
        (6.0, [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]),
        (6.001, [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]),
        (7.1234, [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (5.123, 7.123)]),
    ],
)
def test_parts_cover_the_recording(tmp_path: Path, length: float, spans: list[tuple[float, float]]) -> None:
    audio.write(tmp_path / "a.wav", np.zeros(round(10_000 * length), np.float32), 10_000)
    whole = Clip("a", "a.wav", ("dog", "rain"), "train", columns={"recording": "a"})
    parts = list(cut(tmp_path, whole, 2.0))
    if not spans:
        assert parts == [whole]
        return
    assert [(part.start, part.end) for part in parts] == spans
    assert [part.clip_id for part in parts] == [f"a#{start:.3f}" for start, _ in spans]
    assert {(part.source, part.labels, part.split, part.columns["recording"]) for part in parts} == {
        ("a.wav", ("dog", "rain"), "train", "a")
    }


def test_what_cannot_be_opened_stays_one_clip(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound", encoding="utf-8")
    (tmp_path / "inside").mkdir()
    audio.write(tmp_path / "outside.wav", np.zeros(50_000, np.float32), 10_000)
    for name in ("../outside.wav", str(tmp_path / "outside.wav")):
        clip = Clip(name, name, ("dog",), "train")
        assert list(cut(tmp_path / "inside", clip, 2.0)) == [clip]
    for name in ("text.wav", "missing.wav"):
        assert [clip.clip_id for clip in cut(tmp_path, Clip(name, name, ("dog",), "train"), 2.0)] == [name]


def test_a_recording_is_opened_once_to_be_cut_and_checked_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("sound.wav", "text.wav")
    audio.write(tmp_path / "sound.wav", np.zeros(3000, np.float32), 1000)
    (tmp_path / "text.wav").write_text("no sound", encoding="utf-8")
    opened, info = [], audio.info
    monkeypatch.setattr(audio, "info", lambda path: opened.append(Path(path).name) or info(path))
    clips = [part for name in names for part in cut(tmp_path, Clip(name, name, ("dog",), "train"), 1.0)]
    about = {"name": "dogs", "version": "1", "licence": "CC0", "citation": "none", "task": "multiclass"}
    declared = Declaration(**about, labels=Labels(("dog",)), clips=tuple(clips), seconds=1.0, root=tmp_path)
    assert any("cannot be used: 1, text.wav (text.wav is not audio" in line for line in checks.describe(declared))
    assert opened == [*names]
    audio.write(tmp_path / "text.wav", np.zeros(4000, np.float32), 1000)
    assert not any("cannot be used" in line for line in checks.describe(declared))
    assert opened == [*names, "text.wav"]
