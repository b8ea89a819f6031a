"""Reading checkpoints without PyTorch: what PyTorch wrote is read alike, and nothing in a file is executed."""

from __future__ import annotations

import collections
import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.models import checkpoint, load_state_dict


class Payload:
    """Runs a command when it is unpickled freely."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def torch_file(path: Path, content: object) -> Path:
    """A checkpoint as PyTorch's zip format lays it out, around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("archive/version", "3\n")
    return path


def test_the_published_checkpoint_is_read_as_pytorch_reads_it(shared):
    import torch

    path = shared("weights/mn04_as_mAP_432.pt")
    expected = torch.load(path, weights_only=True)
    state = load_state_dict(path)
    assert list(state) == list(expected)
    assert all(np.array_equal(state[name], expected[name].numpy()) for name in expected)
    assert all(state[name].dtype == expected[name].numpy().dtype for name in expected)


@pytest.mark.parametrize("zipped", [True, False])
def test_views_halves_and_integers_are_read_from_both_formats(tmp_path, zipped):
    import torch

    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = collections.OrderedDict(
        transposed=whole.T,
        part=whole[1:3, ::2],
        half=whole.half(),
        brain=whole.bfloat16() / 3,
        double=whole.double(),
        counter=torch.tensor(7),
        flags=whole > 5,
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(whole + 1),
    )
    path = tmp_path / "state.pt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    read = load_state_dict(path)
    assert list(read) == list(state)
    for name, tensor in state.items():
        expected = (tensor.float() if name == "brain" else tensor).detach().numpy()
        np.testing.assert_array_equal(read[name], expected)
        assert read[name].shape == expected.shape


def test_reading_a_checkpoint_does_not_import_pytorch(shared):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from audiotag.models import load_state_dict\n"
        f"print(len(load_state_dict({str(shared('weights/mn04_as_mAP_432.pt'))!r})))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert process.stdout.strip() == "312", process.stderr[-2000:]


def test_a_malicious_pickle_is_refused_and_nothing_of_it_runs(tmp_path):
    witness = tmp_path / "witness"
    path = torch_file(tmp_path / "evil.pt", {"weight": Payload(f"touch {witness}")})
    with pytest.raises(AudiotagError, match="system, which is no tensor; nothing of it was run"):
        load_state_dict(path)
    legacy = tmp_path / "evil_legacy.pt"
    legacy.write_bytes(pickle.dumps(Payload(f"touch {witness}"), protocol=2))
    with pytest.raises(AudiotagError, match="nothing of it was run"):
        load_state_dict(legacy)
    assert not witness.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_the_table_of_tensors_is_taken_out_of_what_a_training_script_saved(tmp_path, zipped):
    import torch

    state = torch.nn.BatchNorm2d(3).state_dict()  # an OrderedDict with attributes, as every state_dict
    sampler = {"indexes": np.arange(5), "names": np.array(["a", "b"], object), "pointers": [np.int64(3)], "queue": []}
    whole = {"iteration": 600_000, "best": np.float64(0.431), "model": state, "sampler": sampler}
    torch.save(whole, tmp_path / "whole.pth", _use_new_zipfile_serialization=zipped)
    read = load_state_dict(tmp_path / "whole.pth")
    assert list(read) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert all(np.array_equal(read[name], state[name].numpy()) for name in state)
    torch.save({"epoch": 1, "state_dict": state}, tmp_path / "lightning.pt", _use_new_zipfile_serialization=zipped)
    assert list(load_state_dict(tmp_path / "lightning.pt")) == list(read)


def test_arrays_of_numpy_are_neither_built_nor_taken_for_tensors(tmp_path):
    path = torch_file(tmp_path / "arrays.pt", {"weight": np.arange(3.0)})
    with pytest.raises(AudiotagError, match="'weight' is NumPyObject, not a tensor"):
        load_state_dict(path)


def test_a_payload_hidden_in_an_array_of_objects_is_refused_and_not_run(tmp_path):
    import torch

    witness = tmp_path / "witness"
    hidden = np.array([Payload(f"touch {witness}")], object)
    for zipped in (True, False):
        whole = {"model": {"weight": torch.zeros(2)}, "sampler": {"indexes": hidden}}
        torch.save(whole, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(AudiotagError, match="system, which is no tensor; nothing of it was run"):
            load_state_dict(tmp_path / "evil.pth")
    assert not witness.exists()


@pytest.mark.parametrize("called", [b"cnumpy\nndarray\n", b"c_codecs\nencode\n", b"cnumpy._core.multiarray\nscalar\n"])
def test_what_stands_for_numpy_cannot_be_changed_by_a_pickle(tmp_path, called):
    # The global itself, then BUILD with a state: it would set attributes of an ordinary class for all who use it.
    pickled = b"\x80\x02}X\x01\x00\x00\x00a" + called + b"}X\x01\x00\x00\x00bK\x01sbs."
    with zipfile.ZipFile(tmp_path / "state.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
    with pytest.raises(AudiotagError) as raised:
        load_state_dict(tmp_path / "state.pt")
    assert "\n" not in str(raised.value)
    assert not hasattr(np.ndarray, "b") and not hasattr(checkpoint._NumPyObject, "b")


def keras_2_file(path: Path, layers: dict[str, dict[str, np.ndarray]]) -> Path:
    """A file as `save_weights` of Keras 2 lays it out."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array([name.encode() for name in weights])
            for name, weight in weights.items():
                group[name] = weight
    return path


def test_weights_of_keras_2_are_read_by_their_names(tmp_path):
    generator = np.random.default_rng(0)
    convolution = {"layer1/conv/kernel:0": generator.normal(size=(3, 3, 1, 8)).astype(np.float32)}
    shift = {f"layer1/conv/bn/{name}:0": generator.normal(size=8) for name in ("beta", "moving_mean")}
    layers = {"input_1": {}, "layer1/conv": convolution, "layer1/conv/bn": shift}
    read = load_state_dict(keras_2_file(tmp_path / "weights.h5", layers))
    assert list(read) == list(convolution | shift)
    assert all(np.array_equal(read[name], weight) for name, weight in (convolution | shift).items())


def test_h5_files_of_other_things_are_one_line_of_error(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["waveform"] = np.zeros(10)
    with h5py.File(keras_2_file(tmp_path / "huge.h5", {"a": {"a/kernel:0": np.zeros(3)}}), "a") as file:
        del file["a/a/kernel:0"]
        file["a"].create_dataset("a/kernel:0", (1 << 40,), "f4")
    whole = keras_2_file(tmp_path / "whole.h5", {"a": {"a/kernel:0": np.zeros(9999)}}).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[:5000])
    told = {"data": "no layer_names", "huge": "more than the file", "cut": "fetch the file again", "no": "no such file"}
    for name, expected in told.items():
        with pytest.raises(AudiotagError, match=expected) as raised:
            load_state_dict(tmp_path / f"{name}.h5")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("harmless_looking", [print, eval, getattr, np.frombuffer, bytearray, io.BytesIO])
def test_no_callable_but_tensors_and_ordered_dictionaries_is_admitted(tmp_path, harmless_looking):
    with pytest.raises(AudiotagError, match="which is no tensor"):
        load_state_dict(torch_file(tmp_path / "state.pt", {"weight": harmless_looking}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([1, 2, 3], "holds list, not a table of tensors"),
        ({}, "not a table of tensors"),
        ({"epoch": 3}, "'epoch' is int, not a tensor: save the state_dict alone"),
        ({"model": {"weight": 1}}, "'model' is dict"),
    ],
)
def test_a_file_of_other_things_is_refused_by_what_it_holds(tmp_path, content, told):
    with pytest.raises(AudiotagError) as raised:
        load_state_dict(torch_file(tmp_path / "state.pt", content))
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path):
    import torch

    torch.save({"weight": torch.zeros(4, 300)}, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data.replace(b"K\x04M,\x01", b"K\x05M,\x01") if name.endswith("data.pkl") else data)
    with pytest.raises(AudiotagError, match="reaches beyond its 1200 stored elements"):
        load_state_dict(tmp_path / "bad.pt")


@pytest.mark.parametrize("kept", [0, 10, 5000, 400_000])
def test_a_cut_or_foreign_file_is_one_line_of_error(tmp_path, shared, kept):
    path = tmp_path / "cut.pt"
    path.write_bytes(shared("weights/mn04_as_mAP_432.pt").read_bytes()[:kept])
    with pytest.raises(AudiotagError) as raised:
        load_state_dict(path)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


def test_a_cut_safetensors_file_and_a_missing_file_are_errors_too(tmp_path, shared):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(shared("golden/mn01_mhap.safetensors").read_bytes()[:1000])
    with pytest.raises(AudiotagError, match="cannot be read as a checkpoint"):
        load_state_dict(path)
    for name in ("none.pt", "none.safetensors"):
        with pytest.raises(AudiotagError, match="no such file"):
            load_state_dict(tmp_path / name)
