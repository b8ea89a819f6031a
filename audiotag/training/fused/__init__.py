"""A network's twin: the same variables, trained by fewer passes over each map than Keras' own layers make."""

from __future__ import annotations

import importlib

import keras

BACKENDS = ("tensorflow", "jax", "torch")


def twin_of(network: keras.Model) -> keras.Model:
    """A model that gives and learns what a network does, in less time.

    Keras computes batch normalisation from single operations, each of which passes over the whole map, and on PyTorch
    copies every map twice on its way into a convolution. The twin replaces such layers, while they train, by what the
    backend does better: `tensorflow.py`, `jax.py` and `torch.py` here say what. Statistics are float32 under every
    policy, outputs are of the policy's compute dtype. What is trained are the network's own variables, so that its
    file stays one of Keras' own layers; in inference, and where a layer is frozen, the twin runs the layers
    themselves.

    Args:
        network: a functional model.

    Returns:
        The twin; the network itself where there is nothing to replace.
    """
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        return network
    twins = importlib.import_module(f"{__name__}.{backend}").twins(network)
    return keras.models.clone_model(network, clone_function=lambda layer: twins.get(layer, layer)) if twins else network
