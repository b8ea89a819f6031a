"""Augmentation of batches of log-mel on the accelerator, the same on TensorFlow, JAX and PyTorch: a layer a module."""

from __future__ import annotations

import lazy_loader

from audiotag.registration import CLASSES

_POLICIES = "policies"
_LAYERS = {
    module.removeprefix(f"{__name__}."): names for module, names in CLASSES.items() if module.startswith(f"{__name__}.")
}

AUGMENTATIONS = {module: name for module, (name,) in _LAYERS.items() if module != _POLICIES}
"""Settings of a `BatchPolicy` to the names of their layers, each in the module of the setting's name."""

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={module: list(names) for module, names in _LAYERS.items()}
)
