"""Generated PyTorch weights, of every head, gate and stride, give the same outputs in Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.models import mn

TOLERANCE = 1e-4  # float32, as the golden vectors promise
EXACT = 1e-5  # double precision; logits are float32
HEADS = ("mlp", "fully_convolutional", "multihead_attention_pooling")
MELS, FRAMES, CLASSES = 32, 70, 5
TINY_PASST = {"width": 24, "depth": 2, "heads": 3}
GOLDEN = {
    "mn04_as": ("mn", "MN", {"width": 0.4}),
    "mn01_fc_s2211": (
        "mn",
        "MN",
        {"width": 0.1, "classes": 50, "head_kind": "fully_convolutional", "strides": (2, 2, 1, 1)},
    ),
    "mn01_mhap": ("mn", "MN", {"width": 0.1, "classes": 50, "head_kind": "multihead_attention_pooling"}),
    "dymn04_as": ("dymn", "DyMN", {"width": 0.4, "temperature": 30.0}),
    "passt_tiny": ("passt", "PaSST", {"width": 96, "depth": 3, "heads": 3}),
}


@pytest.fixture
def double_precision():
    """Dynamic blocks of random weights amplify rounding without bound: compare what is meant, not rounding."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def six_blocks(torch_reference, monkeypatch):
    """A block of every kind in both implementations: each stride, kernel and activation, with and without gates.

    For a DyMN: the names of an MN's checkpoint count on fifteen.
    """
    for module in (mn, torch_reference("dymn").mn):
        monkeypatch.setattr(module, "BLOCKS", [module.BLOCKS[number] for number in (0, 1, 3, 6, 10, 12)])


def clips(frames: int) -> np.ndarray:
    """Three clips of noise, unlike in level and spread: (3, 1, mels, frames)."""
    noise = np.random.default_rng(frames).normal(size=(3, 1, MELS, frames))
    return (noise * np.array([0.5, 1, 2]).reshape(3, 1, 1, 1) + np.arange(3).reshape(3, 1, 1, 1)).astype(np.float32)


def unsettled(module):
    """The module for evaluation, its weights away from their start, its running statistics those of noise."""
    import torch

    torch.manual_seed(len(module.state_dict()))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = None
        module.train()(torch.tensor(clips(FRAMES)))
    return module.eval()


def difference(module, network: keras.Model, frames: int = FRAMES) -> float:
    """Largest difference of logits and of features after conversion, over the largest of them."""
    import torch

    models.convert({name: tensor.numpy() for name, tensor in module.state_dict().items()}, network)
    log_mel = clips(frames)
    with torch.no_grad():
        expected = [output.numpy() for output in module.double()(torch.tensor(log_mel.astype(np.float64)))]
    both = keras.Model(network.input, [network.output, models.embedding_network(network, "features").output])
    found = [keras.ops.convert_to_numpy(output) for output in both(log_mel.transpose(0, 3, 2, 1).astype(np.float64))]
    assert np.ptp(expected[0], axis=0).max() > 0.05  # or the input would not matter
    return max(
        float(np.abs(ours - theirs).max() / np.abs(theirs).max()) for ours, theirs in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_the_reference_modules_reproduce_the_golden_vectors(shared, torch_reference, name):
    import torch

    file, kind, settings = GOLDEN[name]
    module = getattr(torch_reference(file), kind)(**settings).eval()
    state = models.load_state_dict(shared(f"golden/{name}.safetensors"))
    module.load_state_dict({name: torch.tensor(tensor) for name, tensor in state.items()})
    golden = np.load(shared(f"golden/{name}_io.npz"))
    for key in (key for key in golden.files if key.startswith("log_mel")):
        with torch.no_grad():
            logits, features = module(torch.tensor(golden[key]))
        length = key.removeprefix("log_mel")
        np.testing.assert_allclose(logits, golden[f"logits{length}"], atol=TOLERANCE)
        np.testing.assert_allclose(features, golden[f"features{length}"], atol=TOLERANCE)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(
    "options",
    [
        {"head": HEADS[0]},
        {"head": HEADS[1], "strides": (2, 1, 2, 1), "se_dims": "f"},
        {"head": HEADS[2], "width": 0.3, "attention_heads": 2, "se_dims": "ct", "se_fusion": "max"},
        {"se_dims": "cft", "se_fusion": "avg"},
        {"se_dims": "ft", "se_fusion": "add"},
        {"se_dims": "cf", "se_fusion": "min", "dilated": True},
        {"head": HEADS[1], "se_dims": "none"},
    ],
    ids=str,
)
def test_an_mn_of_generated_weights_computes_what_pytorch_does(torch_reference, options):
    settings = {"width": 0.1, **options}
    size = {"mels": MELS, "frames": FRAMES}
    network = models.build("mn01", classes=CLASSES, **size, **settings)
    theirs = {"head_kind" if name == "head" else name: value for name, value in settings.items()}
    module = torch_reference("mn").MN(classes=CLASSES, **size, **theirs)
    assert difference(unsettled(module), network) < EXACT


@pytest.mark.usefixtures("double_precision", "six_blocks")
@pytest.mark.parametrize(
    "options",
    [
        {"head": HEADS[0], "temperature": 4.5},
        {"head": HEADS[1], "replace_se": True, "strides": (1, 2, 2, 1)},
        {"head": HEADS[2], "strides": (2, 1, 1, 2), "width": 0.2},
    ],
    ids=str,
)
def test_a_dymn_of_generated_weights_computes_what_pytorch_does(torch_reference, options):
    network = models.build("dymn01", classes=CLASSES, mels=MELS, **options)
    theirs = {"head_kind" if name == "head" else name: value for name, value in options.items()}
    module = torch_reference("dymn").DyMN(**{"width": 0.1, "classes": CLASSES, **theirs})
    assert difference(unsettled(module), network) < EXACT


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(("stride", "frames"), [((10, 10), 70), ((12, 12), 64), ((16, 16), 64), ((8, 12), 70)])
def test_a_passt_of_generated_weights_computes_what_pytorch_does(torch_reference, stride, frames):
    network = models.build("passt", classes=CLASSES, mels=MELS, frames=70, stride=stride, **TINY_PASST)
    columns = (70 - 16) // stride[0] + 1
    module = torch_reference("passt").PaSST(
        classes=CLASSES, stride=stride[::-1], columns=columns, mels=MELS, **TINY_PASST
    )
    assert difference(unsettled(module), network, frames) < EXACT
