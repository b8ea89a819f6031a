"""Event files: tags, what TensorBoard's own reader finds in them, and what it costs to write many points."""

from __future__ import annotations

import urllib.parse

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from audiotag.records import tfrecord
from audiotag.tensorboard.events import EventFile, class_tag
from audiotag.tensorboard.scalars import last_epoch


@given(st.text(), st.text())
def test_two_class_names_never_share_a_tag(one: str, other: str) -> None:
    assert (class_tag(one) == class_tag(other)) == (one == other)


@given(st.lists(st.sampled_from("/∕%25EF89 a\n\\"), max_size=8).map("".join))
def test_a_tag_can_be_turned_back_into_its_class_name(name: str) -> None:
    tag = class_tag(name)
    assert "/" not in tag and tag.isprintable()
    assert urllib.parse.unquote(tag.replace("∕", "/")) == name


def test_tags_stay_readable() -> None:
    assert class_tag("R&B / soul, 🐕 été") == "R&B ∕ soul, 🐕 été"


def test_tensorboards_reader_finds_every_point_with_the_first_description(tmp_path) -> None:
    with EventFile(tmp_path) as file:
        for step, value in ((0, 0.25), (3, 0.75)):
            file.scalar("group/a", value, step, name="group/A", description=f"at {step}")
    reader = EventAccumulator(str(tmp_path)).Reload()
    points = reader.Tensors("group/a")
    assert [(point.step, float(tensor_util.make_ndarray(point.tensor_proto))) for point in points] == [
        (0, 0.25),
        (3, 0.75),
    ]
    about = reader.SummaryMetadata("group/a")
    assert (about.display_name, about.summary_description) == ("group/A", "at 0")


def test_values_that_cannot_be_drawn_are_left_out(tmp_path) -> None:
    with EventFile(tmp_path) as file:
        for step, value in enumerate((float("nan"), float("inf"), -float("inf"), 1.0)):
            file.scalar("value", value, step)
    assert [point.step for point in EventAccumulator(str(tmp_path)).Reload().Tensors("value")] == [3]


def test_the_points_of_a_step_are_one_record_and_flushing_shows_them(tmp_path) -> None:
    with EventFile(tmp_path) as file:
        for number in range(500):
            file.scalar(f"many/{number}", number, 1)
        assert len(list(tfrecord.walk(file.path))) == 0
        file.flush()
        assert len(list(tfrecord.walk(file.path))) == 2  # the file's version, and the step
        assert len(EventAccumulator(str(tmp_path)).Reload().Tags()["tensors"]) == 500


def test_a_matrix_reads_back_as_it_was(tmp_path) -> None:
    values = np.random.default_rng(0).random((7, 3))
    with EventFile(tmp_path) as file:
        file.histogram("values", values, 2)
    (point,) = EventAccumulator(str(tmp_path)).Reload().Tensors("values")
    np.testing.assert_array_equal(tensor_util.make_ndarray(point.tensor_proto), values)


def test_a_run_knows_the_last_epoch_of_a_file_that_was_torn_off(tmp_path) -> None:
    with EventFile(tmp_path / "validation") as file:
        for epoch in (0, 4):
            file.scalar("summary/mAP", 0.5, epoch)
        file.scalar("loss_vs_iterations", 0.5, 900)
    with file.path.open("ab") as torn:
        torn.write(b"torn off in the middle")
    assert last_epoch(tmp_path / "validation") == 4
