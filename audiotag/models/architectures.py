"""Networks by name: `build("mn04", classes=10, weights="audioset")`."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import keras

from audiotag.errors import AudiotagError, suggest
from audiotag.models import presets
from audiotag.models.blocks import Architecture
from audiotag.models.conversion import copy_body
from audiotag.models.weights import Weights, resolve
from audiotag.startup import keras_defaults

_PASST_GRIDS = {
    "passt": {},
    "passt_s": {"columns": 99},
    "passt_s_s12": {"stride": 12, "columns": 83},
    "passt_s_s14": {"stride": 14, "columns": 71},
    "passt_s_s16": {"stride": 16, "columns": 62},
    "passt_s_20sec": {"columns": 200},
    "passt_s_30sec": {"columns": 300},
    "passt_l": {"depth": 7, "columns": 99},
}
"""PaSST by name; all but "passt" have the time grid of published weights."""

# Name, file and class of a network, and its settings.
_NAMED: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{name: ("passt", "PaSST", grid) for name, grid in _PASST_GRIDS.items()},
    "crnn": ("hybrid", "Hybrid", {"context": "gru"}),
    "cnn_transformer": ("hybrid", "Hybrid", {"context": "transformer"}),
    "transformer_gru": ("hybrid", "Hybrid", {"context": "transformer_gru"}),
    "notes": ("notes", "NoteNetwork", {}),
    "speech": ("hybrid", "Hybrid", {"context": "gru", "head": "ctc"}),
    "decoder": ("decoder", "Decoder", {}),
    "yamnet": ("yamnet", "YAMNet", {}),
    "cnn6": ("panns", "PANN", {"layers": 6}),
    "cnn10": ("panns", "PANN", {"layers": 10}),
    "cnn14": ("panns", "PANN", {"layers": 14}),
}
_MN_NAME = re.compile(r"mn(?P<width>\d\d)(?P<head>_fc)?(?:_s(?P<strides>[12]{4}))?")
_DYMN_NAME = re.compile(r"dymn(?P<width>\d\d)(?P<replace_se>_replace_se)?")
_FMN_NAME = re.compile(r"fmn(?P<width>\d\d)(?:\+(?P<sequence>[a-z_]+)(?:-(?P<units>\d+))?)?")
_EXAMPLES = sorted({preset.architecture for preset in presets.PRESETS.values()} - {presets.ENSEMBLE} | _NAMED.keys())


def architecture(name: str, **options: Any) -> Architecture:
    """The architecture of a name, some of its settings changed.

    Args:
        name: as of `build`.
        options: fields of the architecture's dataclass to change.

    Returns:
        A frozen dataclass of its settings.

    Raises:
        AudiotagError: an unknown name or option; the nearest is suggested.
    """
    file, kind, settings = _settings(name)
    known = getattr(importlib.import_module(f"audiotag.models.{file}"), kind)
    fields = [field.name for field in dataclasses.fields(known)]
    for option in options:
        if option not in fields:
            raise AudiotagError(f"{name} has no option {option!r}: {suggest(option, fields)}")
    try:
        return known(**settings | options)
    except TypeError as error:
        shown = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise AudiotagError(f"an option of {name} has a value of the wrong kind, received {shown} ({error})") from error


def _settings(name: str) -> tuple[str, str, dict[str, Any]]:
    """File, class and settings of a network's name."""
    if match := _MN_NAME.fullmatch(name):
        settings = {"width": int(match["width"]) / 10, "strides": tuple(map(int, match["strides"] or "2222"))}
        return "mn", "MN", settings | ({"head": "fully_convolutional"} if match["head"] else {})
    if match := _DYMN_NAME.fullmatch(name):
        return "dymn", "DyMN", {"width": int(match["width"]) / 10, "replace_se": bool(match["replace_se"])}
    if match := _FMN_NAME.fullmatch(name):
        return "fmn", "FMN", {"width": int(match["width"]) / 10} | _sequence_settings(name, match)
    if name in _NAMED:
        return _NAMED[name]
    if "/" in name or name.endswith(".keras"):
        raise AudiotagError(
            f"a model is named by its architecture (mn04, passt_s …), received {name!r}: name its architecture, and "
            "the run or file as weights"
        )
    raise AudiotagError(f"no model is named {name!r}: {suggest(name, _EXAMPLES)}")


def _sequence_settings(name: str, match: re.Match[str]) -> dict[str, Any]:
    if match["sequence"] and not match["units"]:
        raise AudiotagError(f"a sequence model is named with its units, as in fmn10+gru-256, received {name!r}")
    return {"sequence": match["sequence"], "units": int(match["units"])} if match["sequence"] else {}


@keras_defaults()
def build(
    name: str,
    *,
    classes: int,
    weights: str | Path | None = None,
    mels: int = 128,
    frames: int | None = None,
    new_head: bool | None = None,
    **options: Any,
) -> keras.Model:
    """A network from log-mel to logits.

        network = audiotag.models.build("mn04", classes=10, weights="audioset")

    Args:
        name: "mn" and ten times the width in two digits, then "_fc" for the fully convolutional head and "_s2211" for
            strides ("mn04", "mn10_fc_s2221"); "dymn" and ten times the width, then "_replace_se"; a PaSST ("passt_s",
            "passt_s_s16" …, or "passt" with a size of your own: `width`, `depth`, `heads`, `patch`, `stride`);
            "fmn" and ten times the width, then "+gru-256" for a sequence model and its units ("gru", "tf", "att",
            "tcn", "hybrid"); "crnn", "cnn_transformer", "transformer_gru"; "notes"; "speech"; "yamnet", "cnn6",
            "cnn10", "cnn14"; "decoder", which takes tokens (batch, steps) and gives logits (batch, steps, classes).
        classes: number of classes, at least 1.
        weights: None (random, as published), "audioset" (the published AudioSet weights of this architecture), the
            name of a preset ("mn04_as"), or a `.pt`, `.pth`, `.h5`, `.safetensors` or `.keras` file. Every tensor
            must fit; an FMN takes the body of the MN of its width (weights="mn04_as" of "fmn04+gru-128").
        mels: mel bands of the input. Default 128.
        frames: PaSST: longest input in frames, default 998; shorter input is welcome. MN takes any length and needs it
            only where `se_dims` has a "t".
        new_head: whether the last layer is new and random while all the rest is loaded. None: for published weights
            where `classes` differs from theirs, for a file never, as another number there is more often a mistake.
        options: settings of the architecture: fields of its dataclass, `audiotag.models.mn.MN` for one.

    Returns:
        A functional model (batch, frames, mels, 1) -> logits (batch, classes), float32 whatever the policy. Most
        consist of Keras' own layers and operations, so that their saved files open without audiotag.

    Raises:
        AudiotagError: an unknown name, option or preset, weights that do not fit, or no way to get them.
    """
    for value, what in ((classes, "classes"), (mels, "mels"), (1 if frames is None else frames, "frames")):
        if value < 1:
            raise AudiotagError(f"{what} of a network must be at least 1, received {value}")
    chosen = architecture(name, **options)
    loaded = None if weights is None else resolve(name, weights)
    # No scope of TensorFlow may have a + in its name.
    network = chosen.network(name.replace("+", "_"), classes, mels, frames)
    if loaded is not None and loaded.body_alone:
        _load_body(loaded, network, new_head)
    elif loaded is not None:
        loaded.load(network, new_head)
    return network


def _load_body(weights: Weights, network: keras.Model, new_head: bool | None) -> None:
    """Load published weights of another architecture, as far as both are the same."""
    preset = weights.preset
    if new_head is False:
        raise AudiotagError(f"{preset.name} has no head for {network.name}, received new_head=False: leave it out")
    source = build(preset.architecture, classes=1, weights=preset.name, new_head=True, **preset.settings)
    copy_body(source, network)


def load_published(name: str) -> keras.Model:
    """A published network with its weights and classes: log-mel to logits.

    Args:
        name: a preset; for an ensemble, the mean of its members' logits.

    Raises:
        AudiotagError: an unknown name, weights that name no sounds, or no way to get them.
    """
    chosen = presets.preset(name)
    classes, mels = len(chosen.vocabulary), chosen.front_end.mels
    members = [presets.PRESETS[member] for member in chosen.members]
    networks = [
        build(member.architecture, classes=classes, weights=member.name, mels=mels, **member.settings)
        for member in members
    ]
    return networks[0] if len(networks) == 1 else mean_of(networks, chosen.name)


def mean_of(networks: list[keras.Model], name: str) -> keras.Model:
    """One network whose logits are the mean of those of several.

    Args:
        networks: at least two, of the same input and classes.
        name: name of the model.
    """
    spectrogram = keras.Input(networks[0].input_shape[1:], name="log_mel")
    # Networks inside a network need names of their own.
    members = [keras.Model(member.input, member.output, name=f"member{i}") for i, member in enumerate(networks, 1)]
    logits = keras.layers.Average(name="logits", dtype="float32")([member(spectrogram) for member in members])
    return keras.Model(spectrogram, logits, name=name)
