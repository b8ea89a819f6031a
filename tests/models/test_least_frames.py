"""Too few frames: no network gives numbers for them, called directly, in `predict`, or in a graph of open length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.frames import frame_level

MELS = 32
HYBRID = {"width": 0.25, "units": 4, "depth": 1, "heads": 2}
PASST = {"width": 16, "depth": 1, "heads": 2, "frames": 96}
# Architecture, settings and fewest frames of networks whose length is open.
NETWORKS = {
    "crnn": ("crnn", HYBRID, 4),
    "cnn_transformer": ("cnn_transformer", HYBRID, 4),
    "transformer_gru": ("transformer_gru", HYBRID, 4),
    "cnn6": ("cnn6", {}, 16),
    "yamnet": ("yamnet", {}, 96),
    "passt": ("passt", PASST, 16),
    "passt frames": ("passt", PASST | {"head": "frames"}, 16),
}


def clips(frames: int) -> np.ndarray:
    return np.zeros((2, frames, MELS, 1), np.float32)


def outcome(run: Callable[..., Any], frames: int) -> Any:
    """Numbers, or the error of whoever noticed: which one, and in what words, is a matter of Keras and its backend."""
    try:
        return keras.ops.convert_to_numpy(run(clips(frames)))
    except Exception as error:
        return error


@pytest.mark.usefixtures("few_channels")
@pytest.mark.parametrize("name", NETWORKS)
def test_fewer_frames_than_it_needs_never_give_numbers(name):
    architecture, options, least = NETWORKS[name]
    network = models.build(architecture, classes=3, mels=MELS, **options)
    anything = [tensorflow.TensorSpec((None, None, MELS, 1))]
    graph = tensorflow.function(lambda x: network(x, training=False), input_signature=anything)
    assert models.shortest_frames(network) == least
    for run in (network, graph):
        np.testing.assert_allclose(outcome(run, least), np.asarray(network(clips(least))), atol=1e-6)
    for frames in {least - 1, least // 2, 1}:
        directly, in_graph = outcome(network, frames), outcome(graph, frames)
        assert isinstance(directly, Exception) and isinstance(in_graph, Exception)
        if architecture == "passt":  # the only one that has layers of audiotag's own
            assert isinstance(directly, AudiotagError)
    assert isinstance(outcome(lambda x: network.predict(x, verbose=0), least - 1), Exception)
    if architecture != "passt" or "head" in options:
        assert isinstance(outcome(frame_level(network), least - 1), Exception)


def test_a_passt_says_in_one_line_what_it_needs():
    network = models.build("passt", classes=3, mels=MELS, **PASST)
    for run in (network, lambda x: network.predict(x, verbose=0)):
        with pytest.raises(AudiotagError, match="at least 16 frames, one patch of time, received 15") as raised:
            run(clips(15))
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("frames", "patchout"), [(16, {"patchout_time": 1}), (26, {"patchout_time": 3})])
def test_patchout_that_would_leave_nothing_fails_in_a_graph_of_open_length_too(frames, patchout):
    network = models.build("passt", classes=3, mels=MELS, **PASST, **patchout)
    anything = [tensorflow.TensorSpec((None, None, MELS, 1))]
    train = tensorflow.function(lambda x: network(x, training=True), input_signature=anything)
    assert train(clips(66)).shape == (2, 3)
    assert isinstance(outcome(train, frames), Exception)


@pytest.mark.usefixtures("few_blocks")
def test_a_network_of_a_fixed_length_takes_no_other():
    network = models.build("mn01", classes=3, mels=MELS, frames=40, se_dims="t")
    for frames in (39, 41):
        assert isinstance(outcome(network, frames), Exception)
