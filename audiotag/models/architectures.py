"""Networks by name: `build("mn04", classes=10, weights="audioset")`, and their pooled features."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import keras

from audiotag.errors import AudiotagError, suggest
from audiotag.models import presets
from audiotag.models.checkpoint import load_state_dict
from audiotag.models.conversion import classes_of, convert, copy_weights
from audiotag.models.mn import MN
from audiotag.models.passt import PaSST

PASST = {
    "passt": PaSST(),
    "passt_s": PaSST(columns=99),
    "passt_s_s12": PaSST(stride=12, columns=83),
    "passt_s_s14": PaSST(stride=14, columns=71),
    "passt_s_s16": PaSST(stride=16, columns=62),
    "passt_s_20sec": PaSST(columns=200),
    "passt_s_30sec": PaSST(columns=300),
    "passt_l": PaSST(depth=7, columns=99),
}
"""PaSST by name; all but "passt" have the time grid of published weights."""

_MN_NAME = re.compile(r"mn(?P<width>\d\d)(?P<head>_fc)?(?:_s(?P<strides>[12]{4}))?")
_EXAMPLES = ("mn01", "mn02", "mn04", "mn05", "mn10", "mn20", "mn30", "mn40", "mn10_fc", "mn10_fc_s2221", *PASST)
_CHECKPOINTS = (".pt", ".pth", ".safetensors")


def architecture(name: str, **options: Any) -> MN | PaSST:
    """The architecture of a name, some of its settings changed.

    Args:
        name: "mn" and ten times the width in two digits, then "_fc" for the fully convolutional head and "_s2211" for
            strides; or a PaSST ("passt", "passt_s", "passt_s_s16" …).
        options: fields of `MN` or `PaSST` to change.

    Raises:
        AudiotagError: an unknown name or option; the nearest is suggested.
    """
    if match := _MN_NAME.fullmatch(name):
        strides = tuple(int(digit) for digit in match["strides"] or "2222")
        head = "fully_convolutional" if match["head"] else "mlp"
        known: MN | PaSST = MN(width=int(match["width"]) / 10, head=head, strides=strides)
    elif name in PASST:
        known = PASST[name]
    else:
        raise AudiotagError(f"no model is named {name!r}: {suggest(name, _EXAMPLES)}")
    fields = [field.name for field in dataclasses.fields(known)]
    for option in options:
        if option not in fields:
            raise AudiotagError(f"{name} has no option {option!r}: {suggest(option, fields)}")
    return dataclasses.replace(known, **options)


def build(
    name: str,
    *,
    classes: int,
    weights: str | Path | None = None,
    mels: int = 128,
    frames: int | None = None,
    **options: Any,
) -> keras.Model:
    """A network from log-mel to logits.

        network = audiotag.models.build("mn04", classes=10, weights="audioset")

    Args:
        name: architecture: "mn04" (two digits: ten times the width), "mn10_fc", "mn10_fc_s2221", "passt_s", or "passt"
            with a size of your own (`width`, `depth`, `heads`, `patch`, `stride`).
        classes: number of classes, at least 1.
        weights: None (random, as published), "audioset" (the published AudioSet weights of this architecture), the
            name of a preset ("mn04_as"), or a `.pt`, `.safetensors` or `.keras` file. Every tensor must fit. Where
            `classes` differs from the weights', the last layer is new and random and all the rest is loaded.
        mels: mel bands of the input. Default 128.
        frames: PaSST: longest input in frames, default 998; shorter input is welcome. MN takes any length and needs it
            only where `se_dims` has a "t".
        options: settings of the architecture: fields of `audiotag.models.mn.MN` or `audiotag.models.passt.PaSST`.

    Returns:
        A functional model (batch, frames, mels, 1) -> logits (batch, classes), float32 whatever the policy. An MN
        consists of Keras' own layers and operations, so that its saved file opens without audiotag.

    Raises:
        AudiotagError: an unknown name, option or preset, weights that do not fit, or no way to get them.
    """
    for value, what in ((classes, "classes"), (mels, "mels"), (1 if frames is None else frames, "frames")):
        if value < 1:
            raise AudiotagError(f"{what} of a network must be at least 1, received {value}")
    chosen = architecture(name, **options)
    path = None if weights is None else _weights_file(name, weights)
    network = chosen.network(name, classes, mels, frames)
    if path is not None:
        _load(network, path)
    return network


def _load(network: keras.Model, path: Path) -> None:
    if path.suffix == ".keras":
        from audiotag.models import files

        source = files.load_network(path)
        copy_weights(source, network, new_head=source.output_shape[-1] != network.output_shape[-1])
        return
    state = load_state_dict(path)
    convert(state, network, new_head=classes_of(state) not in (None, network.output_shape[-1]))


def _weights_file(name: str, weights: str | Path) -> Path:
    if Path(weights).is_dir():
        raise AudiotagError(f"weights are a file, received the folder {weights}: name the student.keras of a run")
    if Path(weights).suffix in (*_CHECKPOINTS, ".keras"):
        if not Path(weights).is_file():
            raise AudiotagError(f"no such file: {weights}: name a preset or a .pt, .safetensors or .keras file")
        return Path(weights)
    chosen = presets.for_architecture(name) if weights == "audioset" else presets.preset(str(weights))
    if name not in (chosen.architecture, "passt"):
        raise AudiotagError(
            f"weights {chosen.name!r} are those of {chosen.architecture}, received the model {name!r}: "
            f"build {chosen.architecture!r}, or take other weights"
        )
    return chosen.fetch()


def features(model: keras.Model) -> keras.Model:
    """The network up to its pooled features, sharing its weights.

    Args:
        model: a network that `build` made, or its file opened again.

    Returns:
        (batch, frames, mels, 1) -> (batch, channels): for an MN the mean over time and frequency of the last
        convolution, for a PaSST the mean of its class and distillation tokens.

    Raises:
        AudiotagError: another kind of model.
    """
    names = {layer.name for layer in model.layers}
    if "features" in names:
        pooled = model.get_layer("features").output
    elif "last_activation" in names:
        pooled = keras.layers.GlobalAveragePooling2D(name="features")(model.get_layer("last_activation").output)
    else:
        raise AudiotagError(f"pooled features are those of an MN or a PaSST, received the model {model.name!r}")
    return keras.Model(model.input, pooled, name=f"{model.name}_features")
