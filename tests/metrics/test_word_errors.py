"""Rates of wrong words against an edit distance computed here, their intervals, speakers and silence."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.metrics.word_errors import Heard, compare


def edits(one: list[str], other: list[str]) -> int:
    """Fewest substitutions, insertions and deletions (Wagner and Fischer 1974)."""
    row = list(range(len(other) + 1))
    for place, item in enumerate(one, 1):
        former, row[0] = row[0], place
        for column, candidate in enumerate(other, 1):
            former, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, former + (item != candidate))
    return row[-1]


texts = st.lists(st.sampled_from(["one", "two", "on", "a"]), max_size=6).map(" ".join)


@settings(max_examples=40)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_rates_are_edits_over_what_is_said(pairs: list[tuple[str, str]]) -> None:
    result = compare({str(n): Heard(*pair, 2.0) for n, pair in enumerate(pairs)}, resamples=20)
    for name, split in (("WER", str.split), ("CER", list)):
        said = sum(len(split(one)) for one, _ in pairs)
        wrong = sum(edits(split(one), split(other)) for one, other in pairs)
        assert result.rates[name] == pytest.approx(wrong / said) if said else np.isnan(result.rates[name])
    silent = [len(other.split()) for one, other in pairs if not one]
    if silent:
        assert result.inserted_an_hour == pytest.approx(sum(silent) / (2.0 * len(silent) / 3600))
    else:
        assert np.isnan(result.inserted_an_hour)


def test_intervals_are_those_of_draws_of_clips() -> None:
    heard = {str(n): Heard("one two", "one two" if n % 3 else "one", 1.0, "ab"[n % 2]) for n in range(30)}
    result = compare(heard, seed=3)
    random = np.random.default_rng(3)
    wrong = np.array([not n % 3 for n in range(30)])
    rates = [wrong[random.integers(30, size=30)].sum() / 60 for _ in range(1000)]
    assert result.intervals["WER"] == pytest.approx(tuple(np.quantile(rates, [0.025, 0.975])))
    assert result.rates["WER"] == pytest.approx(10 / 60)
    assert result.speakers["words"].tolist() == [30, 30]
    assert result.mean_of_speakers == pytest.approx(10 / 60)
    assert result.clips.loc[0, ["clip_id", "substitutions", "insertions", "deletions"]].tolist() == ["0", 0, 0, 1]
    few = compare({"a": Heard("one", "one", 1.0)})
    assert "intervals need at least 5" in few.reason and np.isnan(few.intervals["WER"]).all()
    assert few.speakers.empty and np.isnan(few.mean_of_speakers)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AudiotagError, match="received none"):
        compare({})
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(AudiotagError, match=r"pip install 'audiotag\[speech\]'"):
        compare({"a": Heard("one", "one", 1.0)})
