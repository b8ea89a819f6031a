"""Vocabularies and label cells survive any class name that a person can think of."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.labels import Labels, join_cell, split_cell

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)
ODD = ('Bark, "loud"', "in/out", "a;b", "🐶 dog", "it's", '"', "C:\\x", "=1+1")


@given(st.lists(NAMES, unique=True))
def test_a_cell_gives_back_the_names_that_were_joined(names):
    assert split_cell(join_cell(names)) == tuple(names)


def test_a_cell_may_be_typed_by_hand():
    assert split_cell(' dog; "rain; heavy";wind ') == ("dog", "rain; heavy", "wind")
    assert split_cell("  ") == ()


def test_a_cell_with_a_torn_quote_is_refused():
    with pytest.raises(AudiotagError, match="separated by ';'"):
        split_cell('"dog')


def test_labels_survive_the_file_and_a_plain_csv_reader_reads_them(tmp_path):
    labels = Labels(ODD, tuple(f"/m/{index}" for index in range(len(ODD))))
    labels.write(tmp_path / "labels.csv")
    assert Labels.read(tmp_path / "labels.csv") == labels
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        assert [row["name"] for row in csv.DictReader(file)] == list(ODD)


def test_multi_hot_marks_the_named_classes():
    labels = Labels(("dog", "rain", "wind"))
    np.testing.assert_array_equal(labels.multi_hot(["wind", "dog"]), [1, 0, 1])
    np.testing.assert_array_equal(labels.multi_hot([]), [0, 0, 0])


def test_an_unknown_class_suggests_the_nearest():
    with pytest.raises(AudiotagError, match="did you mean 'rain'"):
        Labels(("dog", "rain")).index("rian")


@pytest.mark.parametrize(
    ("names", "ids", "message"),
    [((), (), "at least one"), (("a", "a"), (), "unique"), (("a", " "), (), "blank"), (("a", "b"), ("x",), "one id")],
)
def test_vocabularies_that_make_no_sense_are_refused(names, ids, message):
    with pytest.raises(AudiotagError, match=message):
        Labels(names, ids)


@pytest.mark.parametrize("text", ["", "name\ndog\n", "index,id,name\n1,dog,dog\n", "index,id,name\nx,dog,dog\n"])
def test_a_broken_label_table_is_one_clear_error(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(AudiotagError):
        Labels.read(tmp_path / "labels.csv")
