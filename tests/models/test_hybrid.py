"""Hybrids: sizes, steps of 40 ms, context both ways, learning when from labels of clips, plain files, backends."""

from __future__ import annotations

import keras
import numpy as np
import plain_keras
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.frames import frame_level
from audiotag.models.hybrid import CONTEXTS, Hybrid

array = keras.ops.convert_to_numpy
SMALL = {"width": 0.25, "units": 8, "depth": 1, "heads": 2}


def small(context: str, mels: int = 16, **options) -> keras.Model:
    return Hybrid(context, **SMALL | options).network(context, 3, mels, None)


@pytest.mark.parametrize(("context", "millions"), [("gru", 0.99), ("transformer", 1.59), ("transformer_gru", 2.18)])
def test_sizes_are_those_that_the_docstring_states(context, millions):
    with keras.StatelessScope(initialize_variables=False):
        model = Hybrid(context).network(context, 10, 128, None)
    assert models.parameters(model) / 1e6 == pytest.approx(millions, abs=0.005)
    assert model.get_layer("steps").output.shape == (None, None, 2 * 128)


@pytest.mark.parametrize("mels", [1, 3, 16, 40, 64, 128])
def test_any_number_of_mels_is_brought_to_few_bands(mels):
    assert small("gru", mels).get_layer("steps").output.shape[-1] // 32 in (1, 2, 3)


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_step_hears_the_whole_clip(context):
    keras.utils.set_random_seed(0)
    network = small(context)
    frames = frame_level(network)
    spectrograms = np.random.default_rng(0).normal(size=(2, 80, 16, 1)).astype(np.float32)
    assert [frames(spectrograms[:, :length]).shape for length in (4, 7, 80)] == [(2, 1, 3), (2, 1, 3), (2, 20, 3)]
    changed = spectrograms.copy()
    changed[:, 40] += 5
    # The CNN alone reaches 19 frames, which is less than 5 steps.
    difference = np.abs(array(frames(changed)) - array(frames(spectrograms))).max(axis=(0, 2))
    assert (difference[[0, 1, 18, 19]] > 0).all()


def bursts(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise of 96 frames with bursts of 24 frames in two bands: spectrograms, labels of clips, onsets in frames."""
    rng = np.random.default_rng(seed)
    spectrograms = rng.normal(size=(count, 96, 8, 1)).astype(np.float32)
    labels, onsets = np.zeros((count, 2), np.float32), rng.integers(4, 68, size=(count, 2))
    for clip in range(count):
        for kind in range(2):
            if clip >> kind & 1:
                onset, band = onsets[clip, kind], 1 + 4 * kind
                spectrograms[clip, onset : onset + 24, band : band + 2] += 2
                labels[clip, kind] = 1
    return spectrograms, labels, onsets


def errors_in_frames(context: str) -> tuple[float, float]:
    """Trained on labels of clips: mean distance of onsets and offsets from the true ones, accuracy of the labels."""
    keras.utils.set_random_seed(0)
    network = Hybrid(context, width=0.25, units=8, depth=1, heads=2, dropout=0.1).network(context, 2, 8, None)
    network.compile(keras.optimizers.Adam(0.005), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    spectrograms, labels, _ = bursts(160, seed=0)
    network.fit(spectrograms, labels, batch_size=16, epochs=14, verbose=0)
    spectrograms, labels, onsets = bursts(64, seed=1)
    active = array(frame_level(network)(spectrograms)) >= 0
    errors = []
    for clip, kind in zip(*np.nonzero(labels), strict=True):
        steps = np.flatnonzero(active[clip, :, kind])
        if len(steps):
            begin, end = 4 * steps[0], 4 * (steps[-1] + 1)
            errors += [begin - onsets[clip, kind], end - onsets[clip, kind] - 24]
    return np.abs(errors).mean(), np.mean(active.any(axis=1) == labels)


@pytest.mark.slow
def test_labels_of_clips_teach_when_a_sound_begins_and_ends_attention_as_sharply_as_recurrence():
    found = {context: errors_in_frames(context) for context in CONTEXTS}
    assert min(right for _, right in found.values()) > 0.85
    # Nothing in a clip's label tells a burst from what the CNN's reach of 19 frames makes of it; chance is 36 frames.
    assert found["gru"][0] < 19
    for context in ("transformer", "transformer_gru"):
        assert found[context][0] <= found["gru"][0]


def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = [small(context)(np.zeros((2, 64, 16, 1), np.float32), training=True) for context in CONTEXTS]
        assert {output.dtype.name for output in outputs} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_files_open_without_audiotag_and_give_the_same_logits_on_other_backends(kept_process, tmp_path, backend):
    built = [small(context) for context in CONTEXTS]
    built += [models.build("mn01", classes=3, mels=16, head="frames", pooling=pooling) for pooling in heads.POOLINGS]
    # Only a PaSST has layers of audiotag's own.
    options = {"width": 16, "depth": 1, "heads": 2, "frames": 96, "head": "frames"}
    built.append(models.build("passt", classes=3, mels=16, **options))
    spectrograms = np.random.default_rng(0).normal(size=(2, 64, 16, 1)).astype(np.float32)
    inputs = [spectrograms[:, :frames] for frames in (64, 41)]
    for number, model in enumerate(built):
        path = tmp_path / f"{number}_{model.name}.keras"
        model.save(path)
        process = kept_process(backend, audiotag=model.name == "passt")
        for logits, batch in zip(process.call(plain_keras.outputs, path, inputs), inputs, strict=True):
            np.testing.assert_allclose(logits, array(model(batch)), atol=1e-4, err_msg=str(path))


def test_a_file_gives_every_weight_to_the_same_network_gates_and_attention_included(tmp_path):
    network = small("transformer_gru")
    network.save(tmp_path / "student.keras")
    for new_head in (None, True):
        options = {"weights": tmp_path / "student.keras", "new_head": new_head, **SMALL}
        again = models.build("transformer_gru", classes=3, mels=16, **options)
        pairs = zip(network.weights, again.weights, strict=True)
        different = {theirs.path for theirs, ours in pairs if not np.array_equal(array(theirs), array(ours))}
        assert different == ({"frame_logits/kernel"} if new_head else set())


def test_fewer_frames_than_a_step_are_refused():
    with pytest.raises(AudiotagError, match="at least 4 frames, one step of time, received 3") as raised:
        models.build("crnn", classes=3, frames=3)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"context": "lstm"}, "no context is named 'lstm'"),
        ({"context": "transformer_gro"}, "did you mean 'transformer_gru'"),
        ({"width": 0}, "positive multiplier, received 0"),
        ({"units": 0}, "units of a hybrid must be at least 1"),
        ({"units": 9, "heads": 4}, "multiple of heads"),
        ({"dropout": 1.0}, "received 1.0"),
        ({"pooling": "softmax"}, "no pooling over time"),
    ],
)
def test_a_hybrid_that_cannot_be_is_one_line_of_error(options, told):
    with pytest.raises(AudiotagError) as raised:
        Hybrid(**options)
    assert told in str(raised.value) and "\n" not in str(raised.value)
