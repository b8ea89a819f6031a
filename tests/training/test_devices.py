"""Several devices and several hosts against one device, in processes of their own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.run_folder import DRAWS
from audiotag.training import Recipe, hosts, rendezvous
from audiotag.training.devices import Devices, choose

CHECK = Path(__file__).with_name("devices_check.py")
CHOICES: dict[str, Any] = {
    "model_options": {"normalized": False},
    "train": "fold1..2",
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.003,
    "clip": 0.05,
    "ema": 0.5,
    "mixup": 0.0,
    "seed": 7,
    "monitor": "val_loss",
}
NORMALIZED = CHOICES | {"model_options": {"normalized": True}}
DRAWN_APART = """
import tensorflow as tf

halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
import keras
from audiotag.training.devices import choose

devices = choose("all")
with devices.making():
    dropout = keras.layers.Dropout(0.5, seed=3)
state = dropout.variables[0]
outputs = []
for _ in range(2):
    state.assign([3, 0])
    devices.draw_apart(dropout.variables)
    drawn = devices.strategy.run(lambda: dropout(tf.ones((1, 64)), training=True))
    outputs.append([part.numpy().tolist() for part in devices.strategy.experimental_local_results(drawn)])
assert devices.count == 2 and outputs[0][0] != outputs[0][1] and outputs[0] == outputs[1]
"""


@pytest.fixture(scope="module")
def folds(build_tones: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    """Two folds to train on, each a shard: one for each of two hosts."""
    splits = (("fold1", 12), ("fold2", 12), ("validation", 7))
    data = records.open(build_tones(tmp_path_factory.mktemp("folds"), splits=splits))
    assert [shard.split for shard in data.selected_shards("fold1..2")] == ["fold1", "fold2"]
    return data


def start(backend: str, trainings: list[dict[str, Any]], **settings: Any) -> subprocess.Popen:
    asked = json.dumps({"backend": backend, "trainings": trainings, **settings})
    return subprocess.Popen([sys.executable, CHECK, asked], stderr=subprocess.PIPE, text=True)


def end(*processes: subprocess.Popen) -> list[tuple[int, str]]:
    """Exit code of each, and what it wrote."""
    texts = [process.communicate()[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, texts, strict=True)]


def training(data: records.Data, out: Path, choices: dict[str, Any] = CHOICES, **settings: Any) -> dict[str, Any]:
    named = {"data": str(data.path), "out": str(out), "result": str(out.with_suffix(".npz"))}
    return named | {"choices": choices, **settings}


def outcome(out: Path) -> tuple[list[dict[str, float]], list[np.ndarray]]:
    """History and weights of a training."""
    with np.load(out.with_suffix(".npz")) as archive:
        history = json.loads(str(archive["history"]))
        return history, [archive[str(number)] for number in range(len(archive.files) - 1)]


def check_close(one: Path, several: Path, tolerance: float = 2e-5) -> None:
    """The same but for the order of sums; ranks may change by it where scores are nearly equal."""
    (history, weights), (other_history, other_weights) = outcome(one), outcome(several)
    assert len(history) == len(other_history)
    for epoch, other in zip(history, other_history, strict=True):
        names = [name for name in epoch if "loss" in name or name in ("learning_rate", "gradient_norm")]
        assert {name: other[name] for name in names} == pytest.approx({name: epoch[name] for name in names}, rel=1e-4)
    assert weights
    for weight, other in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(other, weight, atol=tolerance)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.mark.slow
def test_two_devices_of_tensorflow_train_as_one_does(folds: records.Data, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    trainings = [training(folds, one), training(folds, two, devices=2)]
    ((code, text),) = end(start("tensorflow", trainings, cpus=2))
    assert code == 0, text
    check_close(one, two)
    assert (two / "recipe.toml").read_text() == (one / "recipe.toml").read_text()


@pytest.mark.slow
def test_what_each_device_of_tensorflow_has_of_its_own_is_put_together(folds: records.Data, tmp_path: Path) -> None:
    once = NORMALIZED | {"epochs": 1, "epoch_steps": 1, "ema": 0.0, "batch_size": 24}
    balanced = CHOICES | {"balance": True, "mixup": 0.3, "augment": {"roll": 2}}
    taught = CHOICES | {"live_teacher": str(tmp_path / "balanced1"), "epochs": 2}
    kinds = {"once": once, "balanced": balanced, "taught": taught}
    trainings = [
        training(folds, tmp_path / f"{kind}{devices}", choices, devices=devices)
        for kind, choices in kinds.items()
        for devices in (1, 2)
    ]
    ((code, text),) = end(start("tensorflow", trainings, cpus=2))
    assert code == 0, text
    check_close(tmp_path / "taught1", tmp_path / "taught2")
    assert (tmp_path / "balanced2" / DRAWS).read_text() == (tmp_path / "balanced1" / DRAWS).read_text()
    (_, weights), (_, others) = (outcome(tmp_path / f"once{devices}") for devices in (1, 2))
    np.testing.assert_allclose(others[3], weights[3], atol=1e-5)  # the running mean
    assert (others[4] <= weights[4] + 1e-6).all()  # the mean of the variances lacks that between the devices
    np.testing.assert_allclose(others[4], weights[4], rtol=0.1)


@pytest.mark.slow
def test_two_devices_of_tensorflow_draw_different_numbers_and_the_same_again() -> None:
    done = subprocess.run([sys.executable, "-c", DRAWN_APART], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_devices_of_jax_train_as_one_does_with_the_statistics_of_the_whole_batch(
    folds: records.Data, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    augmented = NORMALIZED | {"mixup": 0.3, "accumulate": 2}
    trainings = [training(folds, one, augmented), training(folds, two, augmented, devices="all")]
    ((code, text),) = end(start("jax", trainings, cpus=2))
    assert code == 0, text
    check_close(one, two)


def on_two_hosts(
    data: records.Data, out: Path, choices: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> list[tuple[int, str]]:
    """Train in two processes, whose second one has a run folder that it must not touch."""
    port, other = free_port(), out.with_name(f"{out.name}-second")
    folders = [(out, first), (other, second)]
    processes = [
        start("jax", [training(data, folder, choices, hosts=f"127.0.0.1:{port},{index}/2", **settings)])
        for index, (folder, settings) in enumerate(folders)
    ]
    results = end(*processes)
    assert not other.exists()
    return results


@pytest.mark.slow
def test_two_hosts_train_as_one_device_does(folds: records.Data, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    whole = NORMALIZED | {"batch_size": 24}  # so that both are given the same batches
    (code, text), *rest = end(start("jax", [training(folds, one, whole)])) + on_two_hosts(folds, two, whole, {}, {})
    assert [code, *(each for each, _ in rest)] == [0, 0, 0], (text, rest)
    check_close(one, two)
    assert "epoch 3/3" in rest[0][1] and "epoch" not in rest[1][1]
    assert outcome(tmp_path / "two-second")[0] == outcome(two)[0]


@pytest.mark.slow
def test_two_hosts_that_are_killed_or_interrupted_end_as_if_they_were_not(folds: records.Data, tmp_path: Path) -> None:
    choices = CHOICES | {"mixup": 0.3, "augment": {"roll": 2}, "balance": True}
    straight, killed, interrupted = (tmp_path / name for name in ("straight", "killed", "interrupted"))
    assert [code for code, _ in on_two_hosts(folds, straight, choices, {}, {})] == [0, 0]
    at = {"killed_at": 5}
    assert [code for code, _ in on_two_hosts(folds, killed, choices, at, at)] == [-9, -9]
    # The signal reaches one of them alone.
    codes = [code for code, _ in on_two_hosts(folds, interrupted, choices, {}, {"interrupted_at": 4})]
    assert codes == [128 + 15, 128 + 15]
    for out in (killed, interrupted):
        assert list((out / "checkpoints").glob("epoch-0001-step-*.npz"))
        assert [code for code, _ in on_two_hosts(folds, out, choices, {}, {})] == [0, 0]
        assert outcome(out)[0] == outcome(straight)[0]
        for weight, other in zip(outcome(straight)[1], outcome(out)[1], strict=True):
            np.testing.assert_array_equal(weight, other)


@pytest.mark.slow
def test_hosts_with_different_recipes_are_refused(folds: records.Data, tmp_path: Path) -> None:
    port = free_port()
    processes = [
        start("jax", [training(folds, tmp_path / "run", CHOICES | {"seed": seed}, hosts=f"127.0.0.1:{port},{seed}/2")])
        for seed in (0, 1)
    ]
    for code, text in end(*processes):
        assert code == 2 and "different recipes" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_slurm_says_which_hosts_there_are(folds: records.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}
    for name, value in (step | {"JAX_COORDINATOR_PORT": str(free_port())}).items():
        monkeypatch.setenv(name, value)
    processes = []
    for index in range(2):
        monkeypatch.setenv("SLURM_PROCID", str(index))
        processes.append(start("jax", [training(folds, tmp_path / f"run{index}", hosts="auto")]))
    assert [code for code, _ in end(*processes)] == [0, 0]
    assert (tmp_path / "run0" / "student.keras").exists() and not (tmp_path / "run1").exists()


@pytest.mark.parametrize("devices", [0, -1, "none", "1.5"])
def test_a_number_of_devices_is_positive_or_all(devices: int | str) -> None:
    with pytest.raises(AudiotagError, match=r"a number from 1, or 'all'"):
        choose(devices)


def test_more_devices_than_there_are_are_refused() -> None:
    with pytest.raises(AudiotagError, match=r"at most the \d+ that there are \(.PU:0.*\), received 1000"):
        choose(1000)
    assert choose(1) == choose(None) == Devices()


def test_what_several_devices_cannot_do_is_refused(tones: records.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"train": "train", "batch_size": 6}
    with pytest.raises(AudiotagError, match="divided by their number, received 6 for 4 devices"):
        Devices(4).check(Recipe(tones.path, **recipe), tones)
    for choice in ({"accumulate": 2}, {"precision": "float16"}):
        with pytest.raises(AudiotagError, match=f"neither accumulates .* received {next(iter(choice))}"):
            Devices(2, strategy=object()).check(Recipe(tones.path, **recipe, **choice), tones)
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(AudiotagError, match="several devices train on TensorFlow or JAX, the backend here is torch"):
        choose(2)
    with pytest.raises(AudiotagError, match="several hosts train on JAX, the backend here is torch"):
        hosts.join("127.0.0.1:8476,0/2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1,0/2", "hosts is ADDRESS:PORT,INDEX/COUNT"),
        ("127.0.0.1:8476,2/2", "numbered from 0 to COUNT - 1, received 2 of 2"),
        ("127.0.0.1:8476,0/0", "numbered from 0 to COUNT - 1, received 0 of 0"),
        ("127.0.0.1:99999,0/2", "a port lies in 1 to 65535"),
    ],
)
def test_hosts_are_an_address_and_a_number(monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(AudiotagError, match=message):
        hosts.join(text)


def test_a_host_that_does_not_come_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "WAITS", 0.3)
    port = free_port()
    with pytest.raises(AudiotagError, match=f"the first host does not answer at 127.0.0.1:{port}"):
        rendezvous.meet("127.0.0.1", port, 1, 3)
    with pytest.raises(AudiotagError, match=f"hosts 1/3, 2/3 did not come to port {port}"):
        rendezvous.meet("127.0.0.1", port, 0, 3)
    rendezvous.meet("127.0.0.1", port, 0, 1)


@pytest.mark.parametrize(("numbers", "refused"), [((1, 2), False), ((1, 1), True)])
def test_hosts_meet_once_each_has_come(numbers: tuple[int, int], refused: bool) -> None:
    port, errors = free_port(), []

    def come(index: int) -> None:
        try:
            rendezvous.meet("127.0.0.1", port, index, 3)
        except AudiotagError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=come, args=(index,)) for index in (*numbers, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == (3 if refused else 0)
    assert all(error == "host '1/3' came, 2/3 were waited for: number them 0 to COUNT-1" for error in errors)
    with socket.create_server(("127.0.0.1", port)):  # it is free again
        pass
