"""Called by test_backends.py in a process of each backend: golden vectors, draws and training."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from audiotag import models
from audiotag.models.dynamic import DynamicDepthwise, DynamicPointwise, DynamicReLU
from audiotag.models.layers import Patchout, PositionEmbedding

HEAD = {"head": "multihead_attention_pooling"}
TINY = {"width": 96, "depth": 3, "heads": 3}
CASES = {
    "mn04_as_mAP_432": ("mn04", 527, "weights/mn04_as_mAP_432.pt", {}),
    "mn04_as": ("mn04", 527, "golden/mn04_as.safetensors", {}),
    "mn01_fc_s2211": ("mn01_fc_s2211", 50, "golden/mn01_fc_s2211.safetensors", {}),
    "mn01_mhap": ("mn01", 50, "golden/mn01_mhap.safetensors", HEAD),
    # Its outputs were computed at the start temperature, 30; at 1, as its README says, they differ by 0.02.
    "dymn04_as": ("dymn04", 527, "golden/dymn04_as.safetensors", {"temperature": 30.0}),
    "passt_tiny": ("passt", 527, "golden/passt_tiny.safetensors", TINY),
}

FMN = {
    "fmn04": "fmn04",
    "fmn04_gru128": "fmn04+gru-128",
    "fmn04_tf128": "fmn04+tf-128",
    "fmn04_attn128": "fmn04+att-128",
    "fmn04_tcn128": "fmn04+tcn-128",
    "fmn04_hybrid128": "fmn04+hybrid-128",
}


def fmn_differences(shared: Path, name: str) -> dict[str, float]:
    """Largest absolute differences of a frame-wise MobileNet from the published implementation."""
    state = models.load_state_dict(shared / f"golden/{name}.safetensors")
    golden = np.load(shared / f"golden/{name}_io.npz")
    network = models.build(FMN[name], classes=40, pooling="mean_logit")
    between = network.get_layer("frame_logits")
    body = keras.Model(network.input, [between.input, network.get_layer("steps").output])
    head = keras.Model(between.input, [between.output, network.output])
    for part in (body, head):
        # A GRU that is not compiled runs step by step in Python.
        part.compile(
            run_eagerly={"tensorflow": "gru" not in name, "jax": False, "torch": True}[keras.backend.backend()]
        )
    models.convert({key: tensor for key, tensor in state.items() if not key.startswith("weak_head")}, network)
    features, steps = body.predict(golden["log_mel"].transpose(0, 3, 2, 1), verbose=0)
    strong, _ = head.predict(features, verbose=0)
    models.convert({key: tensor for key, tensor in state.items() if not key.startswith("strong_head")}, network)
    _, weak = head.predict(features, verbose=0)
    found = {"strong": strong.transpose(0, 2, 1), "weak": weak, "features": steps[:, ::10]}
    return {output: float(np.abs(values - golden[output]).max()) for output, values in found.items()}


def golden_differences(shared: Path, name: str) -> dict[str, float]:
    """Largest absolute difference from the published implementation, for every output and input length."""
    architecture, classes, weights, options = CASES[name]
    network = models.build(architecture, classes=classes, weights=shared / weights, **options)
    both = keras.Model(network.input, [network.output, models.embedding_network(network, "features").output])
    # What JAX would compile operation by operation it compiles quicker as a whole; the others need not compile.
    both.compile(run_eagerly=keras.backend.backend() != "jax")
    golden = np.load(shared / f"golden/{name}_io.npz")
    differences = {}
    for key in golden.files:
        if key.startswith("log_mel"):
            length = key.removeprefix("log_mel")
            outputs = both.predict(golden[key].transpose(0, 3, 2, 1), verbose=0)
            for what, output in zip(("logits", "features"), outputs, strict=True):
                expected = golden[what + length]
                assert output.shape == expected.shape
                differences[f"{name} {what}{length}"] = float(np.abs(output - expected).max())
    return differences


def patchout_facts() -> dict[str, bool]:
    """What patchout leaves of a 6 x 4 grid of numbered patches, over several draws."""
    grid = np.arange(24, dtype=np.float32).reshape(1, 6, 4, 1)
    structured, unstructured = Patchout(time=2, frequency=1, seed=1), Patchout(unstructured=5, seed=1)
    left = [keras.ops.convert_to_numpy(structured(grid, training=True))[0, :, 0].astype(int) for _ in range(8)]
    anywhere = [keras.ops.convert_to_numpy(unstructured(grid, training=True))[0, :, 0].astype(int) for _ in range(8)]
    whole = keras.ops.convert_to_numpy(structured(grid, training=False))[0, :, 0]
    return {
        "structured patchout leaves whole columns and rows": all(
            len(draw) == 12
            and len(set(draw // 4)) == 4
            and len(set(draw % 4)) == 3
            and len(set(draw)) == 12
            and list(draw) == sorted(draw)
            for draw in left
        ),
        "unstructured patchout leaves distinct patches": all(len(set(draw)) == 19 for draw in anywhere),
        "every draw of patchout differs": len({tuple(draw) for draw in left}) > 3
        and len({tuple(draw) for draw in anywhere}) > 3,
        "nothing is left out outside training": whole.tolist() == list(range(24)),
    }


def position_facts() -> dict[str, bool]:
    """Which run of the time embedding a short input gets."""
    layer = PositionEmbedding(9, patch=16, stride=10, seed=1)
    short, full = np.zeros((1, 5, 2, 1), np.float32), np.zeros((1, 9, 2, 1), np.float32)
    layer.build(short.shape)
    layer.time.assign(np.arange(9, dtype=np.float32)[:, None])
    layer.frequency.assign(np.array([[0.0], [100.0]], np.float32))

    def of(patches: np.ndarray, training: bool) -> np.ndarray:
        return keras.ops.convert_to_numpy(layer(patches, training=training))[0, :, :, 0]

    drawn = [of(short, True) for _ in range(40)]
    starts = {int(draw[0, 0]) for draw in drawn}
    return {
        "frequency is added": all(np.array_equal(draw[:, 1], draw[:, 0] + 100) for draw in drawn),
        "a run of time is contiguous": all(set(np.diff(draw[:, 0])) == {1.0} for draw in drawn),
        "every start occurs in training": starts == {0, 1, 2, 3, 4},
        "full length has one run": all(np.array_equal(of(full, True)[:, 0], np.arange(9)) for _ in range(3)),
        "the first columns are taken outside training": np.array_equal(of(short, False)[:, 0], np.arange(5)),
    }


def training_facts() -> dict[str, bool]:
    """Whether a PaSST with patchout learns in a compiled step."""
    keras.utils.set_random_seed(0)
    options = {"width": 16, "depth": 1, "heads": 2, "mels": 48, "frames": 96}
    network = models.build("passt", classes=2, patchout_time=2, patchout_frequency=1, patchout=1, **options)
    spectrograms = np.random.default_rng(0).normal(size=(8, 86, 48, 1)).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[np.arange(8) % 2]
    spectrograms += targets[:, None, None, :1]
    network.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    losses = network.fit(spectrograms, targets, batch_size=8, epochs=12, verbose=0).history["loss"]
    return {"a PaSST with patchout learns": bool(losses[-1] < 0.7 * losses[0])}


def dynamic_outputs() -> list[np.ndarray]:
    """What the three dynamic layers give on this backend, of the same weights and inputs on each."""
    generator = np.random.default_rng(4)
    maps, context = (generator.normal(size=shape).astype(np.float32) for shape in ((2, 9, 8, 6), (2, 7)))
    outputs = []
    for layer in (DynamicDepthwise(5, 2, temperature=2.0), DynamicPointwise(4, temperature=2.0), DynamicReLU()):
        layer.build([maps.shape, context.shape])
        for weight in layer.trainable_weights:
            weight.assign(generator.normal(size=weight.shape))
        outputs.append(keras.ops.convert_to_numpy(layer([maps, context])))
    return outputs


def dynamic_facts() -> dict[str, bool]:
    """Whether dynamic layers learn in a compiled step, their attention too, and keep their temperature."""
    keras.utils.set_random_seed(0)
    spectrogram = keras.Input((None, 8, 3))
    context = keras.layers.GlobalAveragePooling2D()(spectrogram)
    hidden = DynamicDepthwise(3, 2, temperature=2.0, name="depthwise")([spectrogram, context])
    hidden = DynamicPointwise(6, temperature=2.0, name="pointwise")([hidden, context])
    hidden = DynamicReLU()([hidden, context])
    network = keras.Model(spectrogram, keras.layers.GlobalAveragePooling2D()(hidden))
    targets = np.random.default_rng(1).normal(size=(8, 6)).astype(np.float32)
    spectrograms = np.random.default_rng(0).normal(size=(8, 10, 8, 3)).astype(np.float32)
    dynamic = [network.get_layer(name) for name in ("depthwise", "pointwise")]
    before = [keras.ops.convert_to_numpy(layer.attention_kernel) for layer in dynamic]
    network.compile(keras.optimizers.Adam(0.03), "mse")
    losses = network.fit(spectrograms, targets, batch_size=8, epochs=40, verbose=0).history["loss"]
    after = [keras.ops.convert_to_numpy(layer.attention_kernel) for layer in dynamic]
    return {
        "dynamic layers learn": bool(losses[-1] < 0.7 * losses[0]),
        "their attention learns": all(np.abs(a - b).max() > 0.01 for a, b in zip(after, before, strict=True)),
        "their temperature stays": all(float(layer.temperature) == 2 for layer in dynamic),
    }


def facts() -> dict[str, bool]:
    """All that is asked besides the golden vectors, by what it says."""
    return patchout_facts() | position_facts() | training_facts() | dynamic_facts()
