"""Segments of videos: whatever an id looks like, its recording is found and no other's is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotag.clips.segments import Segments
from audiotag.errors import AudiotagError

ID = st.text("Y_-aZ09", min_size=11, max_size=11)
NAMES = (
    "{id}",
    "Y{id}",
    "{id}_{s:.0f}",
    "Y{id}_{ms:.0f}",
    "{id}_{s:.3f}",
    "Y{id}_{s:.3f}_{end:.3f}",
    "{id}-{ms:.0f}-{msend:.0f}",
)


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(ID, min_size=1, max_size=6, unique=True), data=st.data())
def test_every_name_is_found_by_id_and_start(tmp_path_factory: pytest.TempPathFactory, ids: list[str], data) -> None:
    root = tmp_path_factory.mktemp("segments")
    places = {}
    for video in ids:
        start = data.draw(st.integers(0, 600))
        times = {"s": start, "ms": 1000 * start, "end": start + 10, "msend": 1000 * (start + 10)}
        name = data.draw(st.sampled_from(NAMES)).format(id=video, **times)
        folder = data.draw(st.sampled_from(("", "a/", "a/b/")))
        places[video] = (start, f"{folder}{name}.{data.draw(st.sampled_from(('wav', 'FLAC', 'm4a')))}")
        (root / places[video][1]).parent.mkdir(parents=True, exist_ok=True)
        (root / places[video][1]).touch()
    segments = Segments(root)
    for video, (start, place) in places.items():
        assert segments.find(video, start) == place


def test_another_part_of_the_video_is_not_the_segment(tmp_path: Path) -> None:
    for name in ("aaaaaaaaaaa_30.wav", "aaaaaaaaaaa_45000.wav", "bbbbbbbbbbb_3.wav", "ccccccccccc.txt", "ccccccccccc"):
        (tmp_path / name).touch()
    segments = Segments(tmp_path)
    assert segments.find("aaaaaaaaaaa", 30.0) == "aaaaaaaaaaa_30.wav"
    assert segments.find("aaaaaaaaaaa", 45.0) == "aaaaaaaaaaa_45000.wav"
    assert segments.find("aaaaaaaaaaa", 300.0) is None
    assert segments.find("bbbbbbbbbbb", 30.0) is None
    assert segments.find("ccccccccccc", 0.0) is None


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "aaaaaaaaaaa.wav").touch()
    (tmp_path / "data" / "deep" / "back").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "link").symlink_to(tmp_path / "data", target_is_directory=True)
    assert Segments(tmp_path / "link").find("aaaaaaaaaaa", 0.0) == "deep/aaaaaaaaaaa.wav"
    with pytest.raises(AudiotagError, match="no such folder"):
        Segments(tmp_path / "none")
