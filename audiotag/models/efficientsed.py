"""Checkpoints of EfficientSED (arXiv 2503.11373), made into tensors that go into a frame-wise MobileNet one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

HEADS = ("strong_head", "weak_head")
"""Of every step, and of the mean of the steps."""
# Beginnings of names in a file, those of the trained program around the network and those of the network.
_OUTSIDE = ("net.model.", "net.", "model.fmn.")
# Two versions of the published program call the GRU differently.
_GRU = ("seq_model.0.rnn.", "seq_model.0.gru.")
_ALIAS = re.compile(r"(.*\.)net\.([04])(\..*)")
_ALIASED = {"0": "conv1", "4": "conv2"}


def as_fmn(state_dict: Mapping[str, np.ndarray], classes: int, of_means: bool) -> dict[str, np.ndarray]:
    """The same tensors without what they say twice.

    - Names begin as inside the network: "features.0.0.weight", "seq_model.0.weight".
    - One of the two heads stays, as "head": the one with the network's number of classes; of two the one of the mean of
      the steps where the network has means, else that of every step.
    - The two biases of a GRU's layer become one tensor, "bias_l0" for one, (2, 3 units).
    - Weight-normalised kernels are multiplied out, weight = g v / |v| of every output channel (arXiv 1602.07868); the
      second name of each such convolution is left out where it names the same.

    Args:
        state_dict: the checkpoint.
        classes: number of classes of the network.
        of_means: whether the network's logits are the means of its steps' (pooling "mean_logit").
    """
    state = {_inside(name): tensor for name, tensor in state_dict.items()}
    state = _with_one_head(state, classes, of_means)
    return _without_aliases(_with_whole_kernels(_with_whole_biases(state)))


def _inside(name: str) -> str:
    outside = next((prefix for prefix in _OUTSIDE if name.startswith(prefix)), "")
    return name.removeprefix(outside).replace(*_GRU)


def _with_one_head(state: Mapping[str, np.ndarray], classes: int, of_means: bool) -> dict[str, np.ndarray]:
    order = HEADS[::-1] if of_means else HEADS
    sizes = {head: len(state[f"{head}.bias"]) for head in order if f"{head}.bias" in state}
    chosen = next((head for head, size in sizes.items() if size == classes), next(iter(sizes), ""))
    renamed = {f"{chosen}.{part}": f"head.{part}" for part in ("weight", "bias")}
    left_out = {f"{head}.{part}" for head in HEADS if head != chosen for part in ("weight", "bias")}
    return {renamed.get(name, name): tensor for name, tensor in state.items() if name not in left_out}


def _with_whole_biases(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    whole = dict(state)
    for name in state:
        other = name.replace(".bias_ih_l", ".bias_hh_l")
        if other != name and other in state and state[name].shape == state[other].shape:
            whole[name.replace(".bias_ih_l", ".bias_l")] = np.stack([whole.pop(name), whole.pop(other)])
    return whole


def _with_whole_kernels(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    whole = dict(state)
    for name in state:
        stem = name.removesuffix("_g")
        if stem != name and f"{stem}_v" in state:
            gain, direction = (np.asarray(whole.pop(f"{stem}_{part}"), np.float64) for part in "gv")
            norm = np.sqrt(np.square(direction).sum(axis=(1, 2), keepdims=True))
            whole[stem] = (gain * direction / norm).astype(np.float32)
    return whole


def _without_aliases(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    def repeats(name: str) -> bool:
        match = _ALIAS.fullmatch(name)
        first = f"{match[1]}{_ALIASED[match[2]]}{match[3]}" if match else name
        return first != name and first in state and np.array_equal(state[first], state[name])

    return {name: tensor for name, tensor in state.items() if not repeats(name)}
