"""YAMNet in NumPy, float64, written from its table of layers: what test_yamnet.py holds the network to."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

# Stride and channels of layers 1 … 14; the first is a convolution, the others are separable.
LAYERS = [(2, 32), (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512)]
LAYERS += [(1, 512), (1, 512), (1, 512), (1, 512), (1, 512), (2, 1024), (1, 1024)]
EPSILON = 1e-4


def random_weights(classes: int, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Weights by layer and name as the published file has them, of a size that keeps activations near 1."""
    generator = np.random.default_rng(seed)
    layers: dict[str, dict[str, np.ndarray]] = {"input_1": {}}

    def add(layer: str, kind: str, shape: tuple[int, ...], channels: int, fan_in: int) -> None:
        kernel = generator.normal(scale=np.sqrt(2 / fan_in), size=shape)
        layers[layer] = {f"{layer}/{kind}:0": kernel.astype(np.float32)}
        statistics = {
            "beta": generator.normal(scale=0.3, size=channels),
            "moving_mean": generator.normal(scale=0.3, size=channels),
            "moving_variance": generator.uniform(0.5, 1.5, channels),
        }
        layers[f"{layer}/bn"] = {f"{layer}/bn/{name}:0": array.astype(np.float32) for name, array in statistics.items()}
        layers[f"{layer.replace('layer1/conv', 'layer1')}/relu"] = {}

    add("layer1/conv", "kernel", (3, 3, 1, 32), 32, 9)
    for number, ((_, before), (_, after)) in enumerate(pairwise(LAYERS), 2):
        add(f"layer{number}/depthwise_conv", "depthwise_kernel", (3, 3, before, 1), before, 9)
        add(f"layer{number}/pointwise_conv", "kernel", (1, 1, before, after), after, before)
    kernel = generator.normal(scale=0.1, size=(1024, classes)).astype(np.float32)
    bias = generator.normal(size=classes).astype(np.float32)
    layers["logits"] = {"logits/kernel:0": kernel, "logits/bias:0": bias}
    return layers


def write(path: Path, layers: dict[str, dict[str, np.ndarray]]) -> Path:
    """The weights in a file as `save_weights` of Keras 2 lays it out."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.encode() for layer in layers])
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array([name.encode() for name in weights])
            for name, weight in weights.items():
                group[name] = weight
    return path


def windows(x: np.ndarray, stride: int) -> np.ndarray:
    """3 x 3 neighbourhoods under TensorFlow's "same": (batch, rows, columns, channels) -> (…, channels, 3, 3)."""
    pads = [(0, 0)]
    for size in x.shape[1:3]:
        total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)])
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]


def patch_logits(patches: np.ndarray, layers: dict[str, dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Logits and embeddings of patches: (patches, 96, 64) -> (patches, classes), (patches, 1024)."""
    weight = {name: array.astype(np.float64) for weights in layers.values() for name, array in weights.items()}

    def normalized(x: np.ndarray, layer: str) -> np.ndarray:
        beta, mean, variance = (weight[f"{layer}/bn/{name}:0"] for name in ("beta", "moving_mean", "moving_variance"))
        return np.maximum((x - mean) / np.sqrt(variance + EPSILON) + beta, 0)

    x = np.einsum(
        "brcixy,xyio->brco", windows(patches[..., None].astype(np.float64), 2), weight["layer1/conv/kernel:0"]
    )
    x = normalized(x, "layer1/conv")
    for number, (stride, _) in enumerate(LAYERS[1:], 2):
        layer = f"layer{number}/depthwise_conv"
        x = np.einsum("brcixy,xyi->brci", windows(x, stride), weight[f"{layer}/depthwise_kernel:0"][..., 0])
        x = normalized(x, layer)
        layer = f"layer{number}/pointwise_conv"
        x = normalized(x @ weight[f"{layer}/kernel:0"][0, 0], layer)
    embeddings = x.mean(axis=(1, 2))
    return embeddings @ weight["logits/kernel:0"] + weight["logits/bias:0"], embeddings


def clip(log_mel: np.ndarray, layers: dict[str, dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of every patch, their embeddings, and the mean score of a clip (frames, 64)."""
    starts = range(0, len(log_mel) - 95, 48)
    logits, embeddings = patch_logits(np.stack([log_mel[start : start + 96] for start in starts]), layers)
    return logits, embeddings, (1 / (1 + np.exp(-logits))).mean(axis=0)
