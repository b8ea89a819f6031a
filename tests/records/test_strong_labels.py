"""Strong labels read from records, against what was declared."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from audiotag import augment, records
from audiotag.clips.declaration import Clip, Event
from audiotag.frontend import LogMelConfig
from audiotag.records import Data, strong_labels
from tests.in_process import ThisProcess

FRONT_END = LogMelConfig(name="tiny", sample_rate=16_000, window=400, hop=400, fft=512, mels=16, fmax=7_900.0)


@pytest.fixture(scope="module")
def declared(dataset_file: Path) -> records.Declaration:
    """24 tones in three folds: two events a clip in fold1, half of the clips silent in fold2, no events in fold3."""
    declaration = dataclasses.replace(records.declare(dataset_file), task="multilabel")

    def changed(index: int, clip: Clip) -> Clip:
        if clip.split == "fold1":
            events = (Event(0.125, 0.3, "high/shrill"), Event(index / 1000, 0.2, "low, deep"))
            return dataclasses.replace(clip, events=events)
        silent = clip.split == "fold2" and index % 2
        return dataclasses.replace(clip, events=(), labels=()) if silent else clip

    clips = tuple(changed(index, clip) for index, clip in enumerate(declaration.clips))
    clips = tuple(dataclasses.replace(clip, events=()) if clip.split == "fold3" else clip for clip in clips)
    return dataclasses.replace(declaration, clips=clips)


@pytest.fixture(scope="module")
def data(declared: records.Declaration, tmp_path_factory: pytest.TempPathFactory) -> Data:
    policy = augment.policy("light")
    options = {"front_end": FRONT_END, "policy": policy, "variants": 1, "engine": ThisProcess()}
    return records.open(records.build(declared, tmp_path_factory.mktemp("strong") / "data", **options).path)


@pytest.mark.parametrize("split", ["fold1", "fold2", "fold3", "all"])
def test_the_events_of_every_clip_are_those_declared(data, declared, split) -> None:
    index = {name: position for position, name in enumerate(data.labels.names)}
    wanted = {
        clip.clip_id: tuple((event.onset, event.offset, index[event.label]) for event in clip.events)
        for clip in declared.clips
        if split in (clip.split, "all")
    }
    found = strong_labels.strong_labels(data, split)
    assert found == wanted
    read = [
        key.decode() for *_, keys, _ in data.read(split, variants=0, batch_size=5, keys=True) for key in keys.numpy()
    ]
    assert list(found) == read


@pytest.mark.parametrize(("split", "held"), [("fold1", True), ("fold2", True), ("fold3", False), ("all", True)])
def test_a_split_without_events_is_told_from_one_with_silent_clips(data, split, held) -> None:
    assert strong_labels.has_strong_labels(data, split) is held
    assert any(strong_labels.strong_labels(data, split).values()) is held


def test_only_the_first_labelled_clips_are_looked_at(data, monkeypatch) -> None:
    looked_at = []

    def endless(_: Data, split: str):
        while True:
            looked_at.append(split)
            yield "clip", len(looked_at) % 2 == 0, ()

    monkeypatch.setattr(strong_labels, "_untouched", endless)
    assert not strong_labels.has_strong_labels(data, "fold1+fold3")
    assert looked_at == 128 * ["fold1"] + 128 * ["fold3"]
