"""A start for PaSST: the tensors of an image transformer, DeiT (arXiv 2012.12877), made into those of a PaSST."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_CUBIC = -0.75  # coefficient of PyTorch's bicubic kernel


def is_deit(state_dict: Mapping[str, np.ndarray]) -> bool:
    """Whether a checkpoint has the one embedding of place that image transformers have."""
    return "pos_embed" in state_dict and "patch_embed.proj.weight" in state_dict


def as_passt(state_dict: Mapping[str, np.ndarray], rows: int, columns: int) -> dict[str, np.ndarray]:
    """The same tensors under PaSST's names, as PaSST's own training starts (arXiv 2110.05069).

    Colours are summed. The square grid of places is resized bicubically to that of the spectrogram; its mean over
    frequency is the embedding of time, its mean over time that of frequency.

    Args:
        state_dict: of a distilled DeiT with patches of 16 x 16.
        rows: rows of patches of the PaSST.
        columns: its columns of patches.
    """
    state = {name: np.asarray(value, np.float32) for name, value in state_dict.items()}
    places = state.pop("pos_embed")[0]
    tokens, grid = places[:2], places[2:]
    edge = round(len(grid) ** 0.5)
    grid = grid.reshape(edge, edge, -1)
    grid = np.einsum("ri,cj,ijw->rcw", _resizing(edge, rows), _resizing(edge, columns), grid)
    state["new_pos_embed"] = tokens[None]
    state["time_new_pos_embed"] = grid.mean(axis=0).T[None, :, None, :]
    state["freq_new_pos_embed"] = grid.mean(axis=1).T[None, :, :, None]
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].sum(axis=1, keepdims=True)
    state["head.1.weight"], state["head.1.bias"] = state.pop("head.weight"), state.pop("head.bias")
    width = tokens.shape[-1]
    state["head.0.weight"], state["head.0.bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)
    return state


def _resizing(length: int, wanted: int) -> np.ndarray:
    """Matrix (wanted, length) of a bicubic interpolation whose pixels are areas, edges repeated (PyTorch's default).

    Its weights are those of Keys' cubic convolution kernel (IEEE Trans. ASSP 29(6), 1981).
    """
    centres = (np.arange(wanted)[:, None] + 0.5) * length / wanted - 0.5
    pixels = np.floor(centres) + np.arange(-1, 3)
    distance = np.abs(centres - pixels)
    near = (_CUBIC + 2) * distance**3 - (_CUBIC + 3) * distance**2 + 1
    far = _CUBIC * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    matrix = np.zeros((wanted, length))
    places = np.arange(wanted)[:, None], np.clip(pixels, 0, length - 1).astype(int)
    np.add.at(matrix, places, np.where(distance <= 1, near, far))
    return matrix
