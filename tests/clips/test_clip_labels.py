"""Which clips an event counts in, against a count of milliseconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotag.clips.clip_labels import label
from audiotag.records import Clip, Event

LENGTH = 6000  # milliseconds of the recording


def clips_of(window: int, hop: int) -> list[Clip]:
    last = LENGTH - window
    starts = sorted({*range(0, last, hop), last})
    return [Clip(str(start), "a.wav", (), "train", start / 1000, (start + window) / 1000) for start in starts]


def sounding(event: Event) -> np.ndarray:
    """Whether it sounds in each millisecond of the recording."""
    times = np.arange(LENGTH)
    return (times >= round(1000 * event.onset)) & (times < round(1000 * event.offset))


def expected(clips: list[Clip], events: list[Event], least: int) -> tuple[dict[str, list[Event]], list[Event]]:
    counting: dict[str, list[Event]] = {clip.clip_id: [] for clip in clips}
    nowhere = []
    for event in events:
        frames = sounding(event)
        overlap = {clip.clip_id: int(frames[round(1000 * clip.start) : round(1000 * clip.end)].sum()) for clip in clips}
        length = round(1000 * (clips[0].end - clips[0].start))
        enough = [name for name, count in overlap.items() if count and count >= min(least, frames.sum(), length)]
        most = max(overlap, key=lambda name: (overlap[name], -int(name)))
        if not overlap[most]:
            nowhere.append(event)
        for name in enough or ([most] if overlap[most] else []):
            counting[name].append(event)
    return counting, nowhere


times = st.integers(0, LENGTH - 1)
spans = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map(sorted)
events_of = st.lists(st.tuples(spans, st.sampled_from("abc")), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    drawn=events_of,
    window=st.integers(300, 4000),
    hop=st.integers(200, 3000),
    least=st.integers(0, 1500),
)
def test_labels_and_events_are_those_of_a_count_of_milliseconds(drawn: list, window: int, hop: int, least: int) -> None:
    events = sorted(
        (Event(onset / 1000, offset / 1000, name) for (onset, offset), name in drawn),
        key=lambda event: (event.onset, event.offset, event.label),
    )
    clips = clips_of(window, hop)
    labelled, outside = label(clips, events, least / 1000)
    counting, nowhere = expected(clips, events, least)
    assert outside == nowhere
    for clip, bare in zip(labelled, clips, strict=True):
        own = counting[clip.clip_id]
        assert (clip.clip_id, clip.start, clip.end) == (bare.clip_id, bare.start, bare.end)
        assert set(clip.labels) == {event.label for event in own} and len(set(clip.labels)) == len(clip.labels)
        assert [event.label for event in clip.events] == [event.label for event in own]
        for cut, whole in zip(clip.events, own, strict=True):
            assert cut.onset == pytest.approx(max(whole.onset - clip.start, 0), abs=1e-6)
            assert cut.offset == pytest.approx(min(whole.offset, clip.end) - clip.start, abs=1e-6)


def test_a_point_counts_once_and_is_no_strong_label() -> None:
    clips = clips_of(2000, 2000)
    points = [Event(at, at, name) for at, name in ((0.0, "a"), (2.0, "b"), (3.9, "c"), (6.0, "d"), (6.1, "e"))]
    labelled, outside = label(clips, points)
    assert [clip.labels for clip in labelled] == [("a",), ("b", "c"), ("d",)]
    assert not any(clip.events for clip in labelled)
    assert outside == points[-1:]


def test_a_short_event_on_an_edge_is_not_lost() -> None:
    clips = clips_of(2000, 2000)
    equal, later = Event(1.9, 2.1, "equal"), Event(3.95, 4.1, "later")
    labelled, outside = label(clips, [equal, later])
    assert ([clip.labels for clip in labelled], outside) == ([("equal",), (), ("later",)], [])
    assert labelled[0].events == (Event(1.9, 2.0, "equal"),)
