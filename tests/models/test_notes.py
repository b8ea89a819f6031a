"""Networks of notes: what they say of a step, which gradients flow, how far they see, plain files, backends."""

from __future__ import annotations

import keras
import numpy as np
import plain_keras
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.frames import frame_level, frame_steps
from audiotag.models.notes import CONTEXTS, REACH, NoteNetwork, note_level
from audiotag.models.parts import Parts
from audiotag.notes.rolls import FRAME, ONSET

array = keras.ops.convert_to_numpy
SMALL = {"width": 0.5, "units": 8, "dropout": 0.0}


def small(context: str, mels: int = 16, classes: int = 3) -> keras.Model:
    keras.utils.set_random_seed(0)
    network = NoteNetwork(context, **SMALL).network(context, classes, mels, None)
    random = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name == "kernel":  # heads begin near zero
            weight.assign(random.normal(0, 0.3, weight.shape))
    return network


def spectrograms(frames: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, frames, 16, 1)).astype(np.float32)


@pytest.mark.parametrize(("context", "millions"), [("gru", 0.60), ("convolution", 0.88)])
def test_sizes_are_those_that_the_docstring_states(context: str, millions: float) -> None:
    with keras.StatelessScope(initialize_variables=False):
        network = models.build("notes", classes=88, mels=229, context=context)
    assert models.parameters(network) / 1e6 == pytest.approx(millions, abs=0.005)
    assert note_level(network).output_shape == (None, None, 88, 4)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_step_is_a_frame_and_a_clip_is_its_loudest_step(context: str) -> None:
    network = small(context)
    steps = note_level(network)
    assert (frame_steps(steps).length, frame_steps(steps).distance) == (1, 1)
    said = array(steps(spectrograms(20)))
    assert said.shape == (2, 20, 3, 4)
    np.testing.assert_allclose(array(frame_level(network)(spectrograms(20))), said[..., FRAME], atol=1e-6)
    np.testing.assert_allclose(array(network(spectrograms(20))), said[..., FRAME].max(axis=1), atol=1e-6)
    assert (Parts(network).family, Parts(network).head) == ("notes", "notes")
    assert Parts(network).features.shape == (None, None, 16)


def test_a_frame_is_told_of_the_onset_but_teaches_it_nothing() -> None:
    import tensorflow as tf

    network = small("gru")
    steps, onsets = note_level(network), network.get_layer("onsets")
    before = array(steps(spectrograms(10)))
    with tf.GradientTape(persistent=True) as tape:
        said = steps(spectrograms(10))
        frame, onset = tf.reduce_sum(said[..., FRAME]), tf.reduce_sum(said[..., ONSET])
    kernel = onsets.kernel.value
    assert tape.gradient(frame, kernel) is None or not np.any(array(tape.gradient(frame, kernel)))
    assert np.any(array(tape.gradient(onset, kernel)))
    onsets.bias.assign(onsets.bias + 3.0)
    after = array(steps(spectrograms(10)))
    assert np.abs(after - before)[..., FRAME].max() > 1e-3


def test_convolutions_see_as_far_as_is_stated_and_a_gru_farther() -> None:
    for context, near in (("convolution", True), ("gru", False)):
        steps, changed = note_level(small(context)), spectrograms(120)
        changed[:, 60] += 1
        difference = np.abs(array(steps(changed)) - array(steps(spectrograms(120)))).max(axis=(0, 2, 3))
        assert difference[60 - REACH] > 0 and difference[60 + REACH] > 0
        assert (difference[: 60 - REACH] == 0).all() == near
        assert (difference[60 + REACH + 1 :] == 0).all() == near


def test_files_open_without_audiotag_and_give_the_same_on_every_backend(kept_process, tmp_path) -> None:
    without = kept_process("tensorflow", audiotag=False)
    for context in CONTEXTS:
        steps = note_level(small(context))
        models.save(steps, path := tmp_path / f"{context}.keras")
        for process in (without, kept_process("jax"), kept_process("torch")):
            (opened,) = process.call(plain_keras.outputs, path, [spectrograms(12)])
            np.testing.assert_allclose(opened, array(steps(spectrograms(12))), rtol=1e-5, atol=1e-4)


def test_what_is_out_of_range_is_refused() -> None:
    for options, message in (
        ({"context": "lstm"}, "no context of notes is named 'lstm'"),
        ({"width": 0.0}, "positive multiplier, received 0.0"),
        ({"units": 0}, "units of a network of notes must be at least 1"),
        ({"dropout": 1.0}, "a rate in 0 to 1, received 1.0"),
    ):
        with pytest.raises(AudiotagError, match=message):
            NoteNetwork(**options)
    with pytest.raises(AudiotagError, match="a head of notes, received mn01: train model='notes'"):
        note_level(models.build("mn01", classes=3))
