"""Frame-wise MobileNets: the published numbers on every backend, their checkpoints, steps, parts, files, and errors."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from kept_process import module_of

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.frames import frame_level
from audiotag.models.parts import Parts
from audiotag.training import features, freezing, layerwise

check = module_of(Path(__file__).with_name("backend_check.py"))
array = keras.ops.convert_to_numpy
TOLERANCE = 1e-4
# JAX compiles each for half a minute; PyTorch's are those of TensorFlow but for layers that others have as well.
SLOW = [("torch", name) for name in ("fmn04_tf128", "fmn04_attn128", "fmn04_tcn128")]
GOLDEN = [
    pytest.param(backend, name, marks=[pytest.mark.slow] * (backend == "jax" or (backend, name) in SLOW))
    for backend in ("tensorflow", "jax", "torch")
    for name in check.FMN
]


@pytest.mark.parametrize(("backend", "name"), GOLDEN)
def test_the_golden_vectors_hold(kept_process, shared, backend, name):
    differences = kept_process(backend).call(check.fmn_differences, shared("golden").parent, name)
    assert list(differences) == ["strong", "weak", "features"]
    assert {output: difference for output, difference in differences.items() if not difference < TOLERANCE} == {}


def network(name: str = "fmn01", **options) -> keras.Model:
    return models.build(name, classes=3, mels=32, **options)


def state(shared, name: str) -> dict[str, np.ndarray]:
    return models.load_state_dict(shared(f"golden/{name}.safetensors"))


@pytest.fixture(scope="module")
def gru() -> keras.Model:
    return models.build("fmn04+gru-128", classes=40)


@pytest.fixture(scope="module")
def tcn() -> keras.Model:
    return models.build("fmn04+tcn-128", classes=40)


def test_the_body_of_an_mn_is_a_start(shared, tmp_path, monkeypatch):
    """What comes before the first stride of time that is taken away gives the same; all convolutions are the MN's."""
    (tmp_path / "mn04_as_mAP_432.pt").symlink_to(shared("weights/mn04_as_mAP_432.pt"))
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    given = models.build("mn04", classes=527, weights="mn04_as")
    built = models.build("fmn04+gru-32", classes=5, weights="mn04_as")
    outputs = [keras.Model(each.input, Parts(each).blocks[1])(spectrogram()) for each in (given, built)]
    assert float(keras.ops.max(keras.ops.abs(outputs[0]))) > 0.1
    np.testing.assert_allclose(*map(array, outputs), atol=1e-6)
    theirs, ours = Parts(given).weights, Parts(built).weights
    other = {path for path in ours if path not in theirs or not np.array_equal(array(ours[path]), array(theirs[path]))}
    assert {path.split("/")[0] for path in other} == {"gru1", "gru2", "frame_logits"}
    for name, options, message in (
        ("fmn10", {}, "build 'mn04'"),
        ("fmn04", {"new_head": False}, "no head for fmn04"),
    ):
        with pytest.raises(AudiotagError, match=message):
            models.build(name, classes=5, weights="mn04_as", **options)


def test_every_eighth_step_of_a_dilated_one_is_a_step_of_the_mn(shared):
    weights = shared("weights/mn04_as_mAP_432.pt")
    mn = models.build("mn04", classes=527, weights=weights)
    dilated = models.build("fmn04", classes=5, dilated=True)
    theirs = Parts(mn).weights
    for path, weight in Parts(dilated).weights.items():
        if not path.startswith("frame_logits"):
            weight.assign(theirs[path])
    gates = [layer for network in (mn, dilated) for layer in network.layers if layer.name.endswith("squeeze_c_expand")]
    for gate in gates:  # which average over the steps that are there
        gate.kernel.assign(0 * gate.kernel)
    x = np.random.default_rng(0).normal(size=(1, 320, 128, 1)).astype(np.float32)
    steps = [array(keras.Model(each.input, each.get_layer("last_activation").output)(x)) for each in (mn, dilated)]
    assert [each.shape for each in steps] == [(1, 10, 4, 384), (1, 80, 4, 384)] and np.ptp(steps[0]) > 1
    np.testing.assert_allclose(steps[1][:, ::8], steps[0], atol=1e-4)


def spectrogram() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, 100, 128, 1)).astype(np.float32)


def test_a_step_is_four_frames_and_one_band_of_128_mels_is_left():
    built = models.build("fmn04", classes=40)
    assert built.get_layer("last_activation").output.shape == (None, None, 1, 384)
    shapes = keras.Model(built.input, frame_level(built).output).compute_output_spec(
        keras.KerasTensor((2, 1000, 128, 1))
    )
    assert shapes.shape == (2, 250, 40)


def test_names_in_files_and_of_the_network_alone_are_the_same(shared, gru):
    wrapped = state(shared, "fmn04_gru128")
    models.convert(wrapped, gru)
    expected = [array(weight) for weight in gru.weights]
    in_file = {
        f"net.{name.replace('model.fmn.', 'model.')}".replace(".gru.", ".rnn."): tensor
        for name, tensor in wrapped.items()
    }
    assert "net.model.features.0.0.weight" in in_file and "net.seq_model.0.rnn.bias_ih_l1_reverse" in in_file
    for weight in gru.weights:
        weight.assign(0 * weight)
    models.convert(in_file, gru)
    assert all(np.array_equal(array(weight), each) for weight, each in zip(gru.weights, expected, strict=True))


def test_of_two_heads_the_one_that_the_network_has_classes_for_is_taken(shared, gru):
    both = state(shared, "fmn04_gru128")
    head = gru.get_layer("frame_logits")
    for left_out, taken in (("strong", "weak"), ("weak", "strong")):
        kept = {name: tensor for name, tensor in both.items() if not name.startswith(left_out)}
        cut = {name: tensor[:7] if name.startswith(left_out) else tensor for name, tensor in both.items()}
        for given in (kept, cut):
            models.convert(given, gru)
            assert np.array_equal(array(head.kernel), both[f"{taken}_head.weight"].T)
    models.convert(both, gru)
    assert np.array_equal(array(head.kernel), both["strong_head.weight"].T)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("seq_model.0.gru.bias_hh_l1_reverse"), "extra seq_model.0.gru.bias_ih_l1_reverse"),
        (lambda s: s.pop("seq_model.0.gru.weight_ih_l0"), "missing seq_model.0.gru.weight_ih_l0"),
        (lambda s: s.update({"seq_model.0.gru.weight_ih_l2": np.ones(3)}), "extra seq_model.0.gru.weight_ih_l2"),
        (lambda s: s.update({"third_head.bias": np.ones(40)}), "extra third_head.bias"),
        (lambda s: s.update({"model.fmn.features.0.1.bias": np.ones(9)}), "features.0.1.bias (needs (8,), received"),
    ],
)
def test_every_tensor_is_used_or_named(shared, gru, change, told):
    changed = state(shared, "fmn04_gru128")
    change(changed)
    with pytest.raises(AudiotagError) as raised:
        models.convert(changed, gru)
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_second_names_of_convolutions_are_left_out_only_where_they_name_the_same(shared, tcn):
    whole = state(shared, "fmn04_tcn128")
    models.convert(whole, tcn)
    models.convert({name: tensor for name, tensor in whole.items() if ".net." not in name}, tcn)
    with pytest.raises(AudiotagError, match=r"extra seq_model\.1\.layers\.1\.network\.3\.net\.4\.bias"):
        models.convert({**whole, "seq_model.1.layers.1.network.3.net.4.bias": np.ones(128, np.float32)}, tcn)


def test_another_sequence_model_is_refused(shared, gru):
    with pytest.raises(AudiotagError, match=r"do not fit fmn04_gru-128: missing .*extra seq_model\.0\.bias"):
        models.convert(state(shared, "fmn04_tf128"), gru)
    with pytest.raises(AudiotagError, match="missing seq_model"):
        models.convert(state(shared, "fmn04"), gru)


def test_a_file_of_other_classes_gets_a_new_head_only_where_asked(shared):
    published = shared("golden/fmn04_gru128.safetensors")
    with pytest.raises(AudiotagError, match="has 40 classes, the network 7: put a new head on"):
        models.build("fmn04+gru-128", classes=7, weights=published)
    built = models.build("fmn04+gru-128", classes=7, weights=published, new_head=True)
    stem = state(shared, "fmn04_gru128")["model.fmn.features.0.0.weight"]
    assert np.array_equal(array(built.get_layer("stem_convolution").kernel), stem.transpose(3, 2, 1, 0))


def test_parts_are_named_so_that_they_can_be_frozen_decayed_and_taught():
    stages = {
        "fmn01": [],
        "fmn01+gru-8": ["gru1", "gru2"],
        "fmn01+tf-16": ["encoder1", "encoder2"],
        "fmn01+att-16": ["attention1", "attention2"],
        "fmn01+tcn-8": ["tcn1", "tcn2"],
        "fmn01+hybrid-8": ["hybrid1", "hybrid2"],
    }
    for name, own in stages.items():
        with keras.StatelessScope(initialize_variables=False):
            built = network(name)
        parts = Parts(built)
        blocks = [f"block{number}" for number in range(1, 16)]
        assert (parts.family, parts.head) == ("fmn", "frames")
        assert list(parts.stages) == ["stem", *blocks, "last", *own, "head"]
        assert parts.features is built.get_layer("frame_logits").input
        assert set(parts.class_weights) == {"frame_logits/kernel", "frame_logits/bias"}
        assert len(parts.blocks) == 15 and parts.blocks[14].shape[-1] == 16
        assert [features.part(built, stage).shape[-1] for stage in ("block15", "last")] == [16, 96]
        rates = layerwise.layer_rates(built, 0.5)
        assert rates[built.get_layer("frame_logits").kernel.path] == 1
        assert rates[built.get_layer("last_convolution").kernel.path] == 0.5 ** (1 + len(own))
        freezing.freeze(built, "last")
        trained = {weight.path.split("/")[0] for weight in built.trainable_weights}
        assert "frame_logits" in trained and not any(path.startswith(("stem", "block", "last")) for path in trained)
        assert any(path.startswith(tuple(own)) for path in trained) == bool(own)


def test_parameters_are_those_that_pytorch_counts(shared):
    # Of the published names, running statistics, counts, second names, rotary frequencies and the other head left out.
    for name, file in (("gru", "gru128"), ("tf", "tf128"), ("hybrid", "hybrid128")):
        left_out = ("running_mean", "running_var", "num_batches_tracked", "freqs")
        theirs = sum(
            tensor.size
            for key, tensor in state(shared, f"fmn04_{file}").items()
            if not key.endswith(left_out) and not key.startswith("weak_head")
        )
        with keras.StatelessScope(initialize_variables=False):
            assert models.parameters(models.build(f"fmn04+{name}-128", classes=40)) == theirs


@pytest.mark.slow
def test_a_saved_network_opens_with_the_same_outputs_and_gives_its_weights(tmp_path):
    keras.utils.set_random_seed(4)
    spectrograms = np.random.default_rng(0).normal(size=(2, 90, 32, 1)).astype(np.float32)
    built = network("fmn01+hybrid-8")
    models.save(built, tmp_path / "student.keras")
    expected = array(built(spectrograms))
    opened = keras.saving.load_model(tmp_path / "student.keras")
    again = network("fmn01+hybrid-8", weights=tmp_path / "student.keras")
    for each in (opened, again):
        np.testing.assert_allclose(array(each(spectrograms)), expected, atol=1e-6)
    with pytest.raises(AudiotagError, match="do not fit"):
        network("fmn01+tf-16", weights=tmp_path / "student.keras")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fmn01", "fmn01+tf-16", "fmn01+hybrid-16"])
def test_it_learns_when_a_sound_is_there_from_strong_targets(name):
    keras.utils.set_random_seed(0)
    built = models.build(name, classes=1, mels=32)
    frames = frame_level(built)
    rng = np.random.default_rng(0)
    spectrograms = rng.normal(size=(16, 80, 32, 1)).astype(np.float32)
    targets = np.zeros((16, 20, 1), np.float32)
    for clip, onset in enumerate(rng.integers(0, 14, size=16)):
        targets[clip, onset : onset + 6] = 1
        spectrograms[clip, 4 * onset : 4 * onset + 24, 8:16] += 3
    frames.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    losses = frames.fit(spectrograms, targets, batch_size=16, epochs=25, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        built = network("fmn01+tf-16")
        logits = built(np.zeros((2, 40, 32, 1), np.float32), training=True)
        assert logits.dtype.name == "float32" and np.isfinite(array(logits)).all()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("fmn10+lstm-256", {}, "no sequence model is named 'lstm'"),
        ("fmn10+attn-256", {}, "did you mean 'att'"),
        ("fmn10+gru", {}, "named with its units, as in fmn10+gru-256, received 'fmn10+gru'"),
        ("fmn10+tf-100", {}, "positive multiple of 8, received 100"),
        ("fmn00", {}, "positive multiplier, received 0.0"),
        ("fmn1", {}, "no model is named 'fmn1'"),
        ("fmn10+gru-", {}, "no model is named 'fmn10+gru-'"),
        ("fmn10", {"units": 64}, "received 64 without one"),
        ("fmn10", {"pooling": "mean_logits"}, "did you mean 'mean_logit'"),
        ("fmn10", {"head": "mlp"}, "fmn10 has no option 'head'"),
        ("fmn10", {"frames": 0}, "frames of a network must be at least 1, received 0"),
    ],
)
def test_a_network_that_cannot_be_is_one_line_of_error(name, options, told):
    with pytest.raises(AudiotagError) as raised:
        models.build(name, classes=3, **options)
    assert told in str(raised.value) and "\n" not in str(raised.value)
