"""The parts of a network, told from the names of its layers: the same when it was just built and in any file of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import keras

HEAD = "head"
# The layer that only one family of networks, or one kind of head, has; tried in this order.
_FAMILIES = {
    "patches": "passt",
    "block5_context": "dymn",
    "block3_depthwise_stride": "fmn",
    "block4_depthwise_stride": "fmn",  # a dilated one
    "stem_convolution": "mn",
    "mel_normalization": "pann",
    "time_patches": "yamnet",
    "note_logits": "notes",
    "block2_convolution": "hybrid",
}
_HEADS = {
    "note_logits": "notes",
    "character_logits": "ctc",
    "frame_logits": "frames",
    "logits_convolution": "fully_convolutional",
    "attention_and_value": "multihead_attention_pooling",
    "hidden_activation": "mlp",
    "mel_normalization": "pann",
    "read_tokens": "tokens",
}
# Layers whose weights depend on the number of classes.
_BY_CLASS = (
    *("logits", "logits_convolution", "logits_normalization"),
    *("attention_projection", "frame_logits", "frame_attention"),
    *("onsets", "note_frames", "offsets", "velocities"),
    "characters",
)
_STAGE = re.compile(r"(stem|last|(?:block|encoder|gru|attention|tcn|hybrid|context)\d+)(?:_|$)")


@dataclass(frozen=True)
class Parts:
    """What a network consists of.

    Args:
        network: a functional model, of `build`, from a file, or anybody's.
    """

    network: keras.Model

    @cached_property
    def _layers(self) -> dict[str, keras.layers.Layer]:
        return {layer.name: layer for layer in self.network.layers}

    @cached_property
    def family(self) -> str:
        """Family: "mn", "dymn", "fmn", "passt", "pann", "yamnet", "notes" or "hybrid"; "" of any other network."""
        return next((family for mark, family in _FAMILIES.items() if mark in self._layers), "")

    @cached_property
    def head(self) -> str:
        """Kind of head: one of `heads.HEADS`, "notes", "ctc", "tokens" (PaSST) or "pann"; "" for any other."""
        return next((head for mark, head in _HEADS.items() if mark in self._layers), "")

    @cached_property
    def stages(self) -> dict[str, list[keras.layers.Layer]]:
        """Layers by stage, from the input to the output.

        A network of the families has "stem" (PaSST: "patches", the position embeddings and tokens included), "block1",
        "block2" …, "last" where there is a last convolution, "encoder1" …, "gru1" … and other layers of a sequence
        model where it has them, and "head"; of any other network each layer is a stage of its own.
        """
        if not self.family:
            return {name: [layer] for name, layer in self._layers.items()}
        stages: dict[str, list[keras.layers.Layer]] = {}
        between: list[keras.layers.Layer] = []  # of no stage by their name: they lead to the next one
        for layer in self.network.layers:
            match = _STAGE.match(layer.name)
            if match is None:
                between.append(layer)
                continue
            if match[1] == "block1" and not stages and any(below.weights for below in between):
                stages["patches" if self.family == "passt" else "stem"], between = between, []
            if match[1] not in stages:
                stages[match[1]], between = between, []
            stages[match[1]].append(layer)
        return stages | {HEAD: between}

    @cached_property
    def blocks(self) -> list[keras.KerasTensor]:
        """Outputs of the blocks, from the first to the last."""
        return [layers[-1].output for name, layers in self.stages.items() if name.startswith("block") and self.family]

    @cached_property
    def features(self) -> keras.KerasTensor | None:
        """What the head makes its logits of; a map or steps where they are averaged. None where nothing says it.

        Of an MN or a DyMN the last convolution, of a PaSST the mean of its class and distillation tokens, of what
        keeps time up to its logits (YAMNet, hybrids, any "frames", "notes" or "ctc" head) the steps, else the layer
        "features".
        """
        if self.family in ("mn", "dymn"):
            return self._layers["last_activation"].output
        if "features" in self._layers:
            layer = self._layers["features"]
            # What such a layer averages has the same mean.
            return layer.input if isinstance(layer, keras.layers.GlobalAveragePooling2D) else layer.output
        last = {"frames": "frame_logits", "notes": "onsets", "ctc": "characters"}.get(self.head)
        return None if last is None else self._layers[last].input

    @cached_property
    def class_weights(self) -> dict[str, keras.Variable]:
        """The weights that depend on the classes, by layer and name; their last axis counts classes."""
        return {
            path: weight
            for path, weight in self.weights.items()
            # PaSST normalises the features before its logits, a convolutional head the logits themselves.
            if path.split("/")[0] in _BY_CLASS and not (self.family == "passt" and "normalization" in path)
        }

    @cached_property
    def weights(self) -> dict[str, keras.Variable]:
        """Every weight by layer and name; the second "kernel" of a layer, as GRUs and attention have, is "kernel2"."""
        weights: dict[str, keras.Variable] = {}
        for name, layer in self._layers.items():
            counts: Counter[str] = Counter()
            for weight in layer.weights:
                counts[weight.name] += 1
                number = counts[weight.name]
                weights[f"{name}/{weight.name}{number if number > 1 else ''}"] = weight
        return weights
