"""Bits of baselines, against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.metrics.next_token import baseline, compare

TRAINING = np.array([[0, 0, 1, 2], [0, 1, 2, 2]])


def test_a_bigram_is_counted_and_smoothed_as_witten_and_bell_do():
    unigram = [(3 + 1) / 12, (2 + 1) / 12, (3 + 1) / 12, (0 + 1) / 12]
    bits = baseline("bigram", TRAINING, 4)(np.array([[0, 1, 3, 3]]))[0]
    # Clips begin with 0 twice, of one kind; 0 is followed by 0, 1, 1; 1 by 2, 2; 3 by nothing that was ever counted.
    wanted = [(2 + unigram[0]) / (2 + 1), (2 + 2 * unigram[1]) / (3 + 2), unigram[3] / (2 + 1), unigram[3] / 1]
    np.testing.assert_allclose(2.0**-bits, wanted)


@pytest.mark.parametrize("kind", ["uniform", "unigram", "copy last", "bigram"])
def test_what_may_come_next_has_a_probability_of_one_together(kind):
    bits = baseline(kind, TRAINING, 4)
    for before in ([], [0], [3], [1, 2]):
        row = [bits(np.array([[*before, token]]))[0, -1] for token in range(4)]
        assert math.isclose(sum(2.0**-each for each in row), 1)


def test_repeats_and_changes_are_told_apart_and_the_first_is_neither():
    tokens = np.array([[1, 1, 2], [0, 3, 3], [2, 2, 2]] * 5)
    bits = np.tile([[7.0, 1.0, 5.0], [7.0, 4.0, 3.0], [7.0, 2.0, 2.0]], (5, 1))
    found = compare("model", bits, tokens, TRAINING, 4, 10.0)
    row = found.table.iloc[0]
    assert (row.predictor, row.at_repeats, row.at_changes) == ("model", 2.0, 4.5)
    assert math.isclose(row.bits_per_token, 38 / 9) and math.isclose(row.bits_per_second, 380 / 9)
    assert row.low < row.bits_per_token < row.high
    assert found.repeats == 4 / 6 and (found.clips, found.tokens) == (15, 45)
    of_bigram = found.table.set_index("predictor").bits_per_token["bigram"]
    assert math.isclose(found.better[0], of_bigram - row.bits_per_token)


def test_a_single_clip_has_no_interval_and_other_shapes_are_refused():
    found = compare("model", np.ones((1, 4)), TRAINING[:1], TRAINING, 4, 10.0)
    assert math.isnan(found.table.low[0]) and math.isnan(found.better[1])
    with pytest.raises(AudiotagError, match="bits are those of tokens"):
        compare("model", np.ones((1, 3)), TRAINING[:1], TRAINING, 4, 10.0)
