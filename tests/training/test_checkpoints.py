from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.training.checkpoints import Checkpoints, Progress

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def trained(network: Callable[..., Any]) -> Callable[[int], tuple[Any, Any]]:
    """A network and its optimizer after some steps, or before the first."""

    def make(steps: int) -> tuple[Any, Any]:
        net = network(seed=1 + steps)
        model = keras.Model(net.input, net.output)
        model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        if steps:
            generator = np.random.default_rng(0)
            log_mel, target = (
                generator.normal(size=(4 * steps, 8, 16, 1)),
                np.eye(3)[generator.integers(3, size=4 * steps)],
            )
            model.fit(log_mel, target, batch_size=4, verbose=0)
        return net, model.optimizer

    return make


def kept(net: Any, optimizer: Any) -> dict[str, Any]:
    """What is kept of both, by name."""
    parts = {"network": net.variables, "optimizer": optimizer.variables}
    return {f"{part}/{i}": variable for part, variables in parts.items() for i, variable in enumerate(variables)}


def state_of(net: Any, optimizer: Any) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in (*net.variables, *optimizer.variables)]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_checkpoint_brings_back_weights_statistics_optimizer_seeds_and_progress(
    trained: Callable[[int], tuple[Any, Any]], tmp_path: Path
) -> None:
    net, optimizer = trained(3)
    progress = Progress(2, 0, 1, 0.5, 1, False, [{"loss": 1.0}, {"loss": float("nan")}])
    Checkpoints(tmp_path).save(kept(net, optimizer), progress)
    fresh, its_optimizer = trained(0)
    assert not same(state_of(net, optimizer), state_of(fresh, its_optimizer))
    restored = Checkpoints(tmp_path).restore(kept(fresh, its_optimizer))
    assert repr(restored) == repr(progress)
    assert same(state_of(net, optimizer), state_of(fresh, its_optimizer))
    assert any("seed" in variable.path for variable in fresh.variables), "the dropout's seed is part of the state"
    assert int(its_optimizer.iterations) == 3


def test_the_last_two_epochs_and_the_best_ones_they_know_are_kept(
    trained: Callable[[int], tuple[Any, Any]], tmp_path: Path
) -> None:
    net, optimizer = trained(0)
    files = []
    for epoch, best in enumerate([1, 2, 2, 2, 2, 6, 6], 1):
        Checkpoints(tmp_path).save(kept(net, optimizer), Progress(epoch, best_epoch=best))
        files.append([epoch for epoch, step in Checkpoints(tmp_path).states() if step == 0])
    assert files == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [2, 5, 6], [6, 7]]


def test_a_state_within_an_epoch_replaces_the_one_before_the_last(
    trained: Callable[[int], tuple[Any, Any]], tmp_path: Path
) -> None:
    net, optimizer = trained(0)
    for state in ((1, 0), (1, 20), (1, 40), (2, 0), (2, 5)):
        Checkpoints(tmp_path).save(kept(net, optimizer), Progress(*state, best_epoch=1))
    assert Checkpoints(tmp_path).states() == [(1, 0), (2, 0), (2, 5)]
    restored = Checkpoints(tmp_path).restore(kept(net, optimizer))
    assert (restored.epoch, restored.step) == (2, 5)


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "text"])
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    trained: Callable[[int], tuple[Any, Any]], tmp_path: Path, damage: str
) -> None:
    checkpoints = Checkpoints(tmp_path)
    net, optimizer = trained(1)
    checkpoints.save(kept(net, optimizer), Progress(1, best_epoch=1))
    expected = state_of(net, optimizer)
    net, optimizer = trained(2)
    checkpoints.save(kept(net, optimizer), Progress(2, best_epoch=2))
    newest = checkpoints.path(2)
    whole = newest.read_bytes()
    middle = whole.index(np.array(net.weights[0]).tobytes())  # not in what a zip file says twice
    newest.write_bytes(
        {
            "torn": whole[:middle],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "empty": b"",
            "text": b"not a checkpoint",
        }[damage]
    )
    fresh = trained(0)
    assert checkpoints.restore(kept(*fresh)).epoch == 1
    assert same(state_of(*fresh), expected)
    assert checkpoints.states() == [(1, 0)]


def test_every_flipped_byte_is_noticed_or_harmless(trained: Callable[[int], tuple[Any, Any]], tmp_path: Path) -> None:
    checkpoints, saved, fresh = Checkpoints(tmp_path), trained(1), trained(0)
    checkpoints.save(kept(*saved), Progress(1, best_epoch=1))
    whole, expected = checkpoints.path(1).read_bytes(), state_of(*saved)
    for position in np.random.default_rng(0).choice(len(whole), 60, replace=False):
        checkpoints.path(1).write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        restored = checkpoints.restore(kept(*fresh))
        assert restored is None or (restored == Progress(1, best_epoch=1) and same(state_of(*fresh), expected))


def test_without_a_checkpoint_there_is_nothing_to_restore(
    trained: Callable[[int], tuple[Any, Any]], tmp_path: Path
) -> None:
    assert Checkpoints(tmp_path / "none").restore(kept(*trained(0))) is None


def test_a_checkpoint_of_another_network_is_refused_and_kept(
    trained: Callable[[int], tuple[Any, Any]], network: Callable[..., Any], tmp_path: Path
) -> None:
    net, optimizer = trained(0)
    Checkpoints(tmp_path).save(kept(net, optimizer), Progress(1, best_epoch=1))
    with pytest.raises(AudiotagError, match="another network"):
        Checkpoints(tmp_path).restore(kept(network(classes=5), optimizer))
    assert Checkpoints(tmp_path).states() == [(1, 0)]


def test_a_missing_best_epoch_is_named(trained: Callable[[int], tuple[Any, Any]], tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"epoch-0003.npz \(the best epoch\) is missing"):
        Checkpoints(tmp_path).load_weights(3, trained(0)[0])
