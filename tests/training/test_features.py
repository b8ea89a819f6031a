"""Features blockwise: every part of a student is given what the teacher's part before it gives."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.mn import BLOCKS
from audiotag.models.parts import Parts
from audiotag.training import Recipe
from audiotag.training.features import FeatureLoss, parse, part

PARTS = "stem,block2,block5,features"


@pytest.fixture(scope="module")
def pair() -> tuple[keras.Model, keras.Model]:
    """A student and a teacher of seven blocks, both at random, and moved away from the zeros of their start."""
    made = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("audiotag.models.mn.BLOCKS", BLOCKS[:7])
            network = models.build("mn01", classes=5, frames=40)
        generator = np.random.default_rng(seed)
        network.set_weights([w + 0.1 * np.abs(generator.normal(size=w.shape)) for w in network.get_weights()])
        made.append(network)
    return made[0], made[1]


def test_each_part_is_the_student_s_own_after_the_teacher_s_parts_before_it(
    pair: tuple[keras.Model, keras.Model],
) -> None:
    student, teacher = pair
    loss = FeatureLoss(parse(PARTS, student, teacher), student, teacher, blockwise=True)
    log_mel = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 40, 128, 1)).astype(np.float32))
    theirs = keras.Model(teacher.input, loss.teachers(teacher))(log_mel)
    logits, *made = loss.student(student)([log_mel, *theirs], training=False)
    mixed, stages = keras.models.clone_model(teacher), Parts(student).stages
    stretches = {"stem": "stem", "block2": "block1", "block5": "block3", "features": "block6", "head": "head"}
    for number, (end, begin) in enumerate(stretches.items()):
        # The teacher with the student's weights in one stretch: what comes before it is the teacher's.
        mixed.set_weights(teacher.get_weights())
        names = list(stages)
        for name in names[names.index(begin) : names.index("last" if end == "features" else end) + 1]:
            for layer, own in zip(Parts(mixed).stages[name], stages[name], strict=True):
                layer.set_weights(own.get_weights())
        wanted = mixed.output if end == "head" else part(mixed, end)
        expected = keras.Model(mixed.input, wanted)(log_mel, training=False)
        np.testing.assert_allclose(logits if end == "head" else made[number], expected, rtol=1e-4, atol=1e-5)


def test_equal_networks_leave_nothing_unexplained(pair: tuple[keras.Model, keras.Model]) -> None:
    _, teacher = pair
    loss = FeatureLoss(parse("all", teacher, teacher), teacher, teacher, blockwise=True)
    assert list(loss.pairs)[:2] == ["stem", "block1"] and len(loss.pairs) == 9  # "last" is "features"
    log_mel = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 40, 128, 1)).astype(np.float32))
    theirs = keras.Model(teacher.input, loss.teachers(teacher))(log_mel)
    _, *made = loss.student(teacher)([log_mel, *theirs], training=False)
    assert float(loss(made, theirs)) < 1e-6
    assert float(loss([values + 1.0 for values in made], theirs)) > 0.01


@pytest.mark.parametrize(
    ("text", "wider", "reason"),
    [
        ("block1,features", True, "shapes must be equal"),
        ("block4,block2", False, "stand in the network's order"),
        ("last,features", False, "cannot be trained blockwise"),
        ("block4_depthwise", False, "features are of a part"),
    ],
)
def test_what_cannot_be_trained_blockwise_is_refused(
    pair: tuple[keras.Model, keras.Model], few_blocks: None, text: str, wider: bool, reason: str
) -> None:
    student, teacher = pair
    if wider:
        teacher = models.build("mn02", classes=5, frames=40)
    with pytest.raises(AudiotagError, match=reason):
        FeatureLoss(parse(text, student, teacher), student, teacher, blockwise=True).student(student)


def test_all_features_are_of_networks_with_the_same_parts(pair: tuple[keras.Model, keras.Model]) -> None:
    other = models.build("crnn", classes=5, frames=40)
    with pytest.raises(AudiotagError, match="same parts"):
        parse("all", pair[0], other)
    with pytest.raises(AudiotagError, match="needs features"):
        Recipe(data="data", live_teacher="mn04_as", blockwise=True)
