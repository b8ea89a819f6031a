from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from audiotag import distill, records
from audiotag.errors import AudiotagError
from audiotag.training.losses import loss_for
from audiotag.training.trainee import Lesson, Trainee

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module", params=["multiclass", "multilabel"])
def taught(request: pytest.FixtureRequest, build_tones: Callable[..., Path], tmp_path_factory: Any) -> records.Data:
    """A data set of each task with random logits of a teacher, which some clips lack."""
    data = records.open(build_tones(tmp_path_factory.mktemp(request.param), request.param, (("train", 12),)))
    clip_ids = data.clips["clip_id"].tolist()[:-3]
    logits = np.random.default_rng(0).normal(scale=3, size=(len(clip_ids), 3)).astype(np.float32)
    np.savez(data.path / "logits.npz", logits=logits, clip_id=clip_ids)
    distill.import_logits(data, data.path / "logits.npz", name="random")
    return records.open(data.path)


def test_the_two_losses_of_a_teacher_equal_one_loss_against_the_blended_target(
    taught: records.Data, network: Callable[..., Any]
) -> None:
    net = network()
    model = Trainee(net, loss_for(taught), keras.optimizers.SGD(0.5), Lesson(stored=True, label_weight=0.3))
    reading = {"batch_size": 12, "teacher": "random", "temperature": 2.0}
    ((log_mel, blended),) = taught.read("train", label_weight=0.3, **reading).as_numpy_iterator()
    apart = taught.read("train", separate=True, **reading).map(as_batch)
    measured = model.evaluate(apart, verbose=0, return_dict=True)
    logits = net(log_mel)
    assert measured["loss"] == pytest.approx(float(loss_for(taught)(blended, logits)), rel=1e-5)
    assert measured["loss"] == pytest.approx(
        0.3 * measured["label_loss"] + 0.7 * measured["distillation_loss"], rel=1e-5
    )
    assert measured["label_loss"] == pytest.approx(label_loss(taught, net), rel=1e-5)


def as_batch(log_mel: Any, target: Any) -> tuple[dict[str, Any]]:
    """What `Trainee` takes, from what is read."""
    return ({"log_mel": log_mel, **(target if isinstance(target, dict) else {"label": target})},)


def label_loss(data: records.Data, net: Any) -> float:
    """The loss against the labels alone."""
    ((log_mel, target),) = data.read("train", batch_size=12).as_numpy_iterator()
    return float(loss_for(data)(target, net(log_mel)))


def test_a_step_on_the_two_losses_is_the_step_on_the_blended_target(
    taught: records.Data, network: Callable[..., Any]
) -> None:
    reading = {"batch_size": 12, "teacher": "random"}
    weights = []
    lessons = ((Lesson(stored=True, label_weight=0.3), {"separate": True}), (Lesson(), {"label_weight": 0.3}))
    for lesson, options in lessons:
        net = network()
        model = Trainee(net, loss_for(taught), keras.optimizers.SGD(0.5), lesson)
        model.fit(taught.read("train", **reading, **options).map(as_batch), verbose=0, shuffle=False)
        weights.append(net.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_loss_of_many_labels_is_the_mean_binary_cross_entropy() -> None:
    generator = np.random.default_rng(0)
    logits, target = generator.normal(size=(5, 4)), generator.random((5, 4))
    p = 1 / (1 + np.exp(-logits))
    expected = -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))
    assert float(loss_for("multilabel")(target, logits)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_one_label_is_the_cross_entropy_with_soft_targets() -> None:
    generator = np.random.default_rng(0)
    logits, target = generator.normal(size=(5, 4)), generator.dirichlet(np.ones(4), 5)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert float(loss_for("multiclass")(target, logits)) == pytest.approx(-np.mean((target * log_p).sum(1)), rel=1e-5)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(AudiotagError, match="received 'regression'"):
        loss_for("regression")
