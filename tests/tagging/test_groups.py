"""Groups of labels: the largest score of theirs, found as soon as one of them is, among windows and events."""

from __future__ import annotations

import numpy as np

from audiotag.tagging import AudioTagger
from audiotag.tagging.groups import NONE, Groups
from tests.tagging.conftest import LABELS, make_network

WET = {"wet": ["rain, heavy", 'a "quoted" 🐕'], "pets": ["Dog", 'a "quoted" 🐕']}


def test_a_group_takes_the_extreme_of_its_members():
    groups = Groups.of(WET, LABELS)
    scores = np.random.default_rng(0).random((5, 4, 3))
    joined = groups.joined(scores, np.max)
    np.testing.assert_array_equal(joined[..., :3], scores)
    np.testing.assert_array_equal(joined[..., 3], np.maximum(scores[..., 1], scores[..., 2]))
    np.testing.assert_array_equal(joined[..., 4], np.maximum(scores[..., 0], scores[..., 2]))
    assert groups.labels(LABELS).names == (*LABELS.names, "wet", "pets")
    assert NONE.labels(LABELS) is LABELS and NONE.joined(scores, np.max) is scores


def test_a_group_is_found_in_every_window_in_which_one_of_its_labels_is(front_end, noise):
    thresholds = [0.9, 0.2, 0.55]
    tagger = AudioTagger(make_network(), LABELS, front_end, seconds=0.2, thresholds=thresholds)
    groups = Groups.of(WET, LABELS)
    single, both = tagger.tag(noise, top=None), tagger.tag(noise, top=None, groups=groups)
    assert [tag for tag in both if tag.label in LABELS.names] == single
    for start in {tag.start for tag in single}:
        found = {tag.label: tag.score for tag in single if tag.start == start}
        group = {tag.label: tag.score for tag in both if tag.start == start}
        for name, members in WET.items():
            if any(member in found for member in members):
                assert group[name] >= max(found.get(member, 0.0) for member in members)
