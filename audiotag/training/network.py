"""The network that a run starts from: its weights, the classes that its new head knows already, what is frozen."""

from __future__ import annotations

import math
from pathlib import Path

import keras

from audiotag import models, records
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models.conversion import carry_over, matching_classes
from audiotag.models.parts import Parts
from audiotag.models.weights import Weights, resolve
from audiotag.training.freezing import freeze, freeze_normalization
from audiotag.training.recipe import Recipe


def starting_network(recipe: Recipe, data: records.Data) -> tuple[keras.Model, str]:
    """Build what a recipe trains.

    Where a new head is put on and the weights' vocabulary is known, the outputs of classes that it shares with the
    data set (same id, or same name in any case of letters) begin with the old head's weights, the others at random.
    The classes of a multiclass data set compete: trained outputs beside random ones learn more slowly than random
    ones alone, so there all classes are carried over or none.

    Args:
        recipe: resolved for the data set.
        data: the open data set.

    Returns:
        The network, parts that the recipe freezes marked as not trainable; and a line about the classes that were
        carried over, "" where there is nothing to tell.

    Raises:
        AudiotagError: weights that do not fit or were trained on other features, other classes and no leave for a new
            head, or no such part to freeze.
    """
    settings = {"mels": data.front_end.mels, "frames": data.frames, **recipe.model_options}
    known = None
    if recipe.weights is not None:
        weights = resolve(recipe.model, recipe.weights)
        _check_front_end(weights, recipe.weights, data)
        known = weights.labels
    new_head = recipe.new_head if known is None else _needs_head(recipe, weights, data)
    network = models.build(
        recipe.model, classes=len(data.labels), weights=recipe.weights, new_head=new_head, **settings
    )
    if (takes := network.inputs[0].name) != data.takes:
        raise AudiotagError(
            f"{data.name} holds {data.takes}, {recipe.model} takes {takes}: the model of tokens is decoder, of "
            "log-mel any other"
        )
    note = ""
    if recipe.weights is not None and weights.body_alone:
        note = f"Sequence model and head at random, what is below them from {recipe.weights}"
        if not recipe.model_options.get("dilated"):
            note += " (--option dilated=true would let it hear as it did there)"
    elif new_head:
        pairs, note = _carried(known, data, recipe)
        if pairs:
            # The network that the weights are those of, its head included.
            if weights.is_keras:
                source = models.load(weights.path)[0]
            else:
                body = {name: value for name, value in settings.items() if name not in ("head", "pooling")}
                body |= weights.preset.settings
                source = models.build(recipe.model, classes=len(known), weights=recipe.weights, **body)
            if Parts(source).class_weights.keys() == Parts(network).class_weights.keys():
                carry_over(source, network, pairs)
            else:
                note = f"New head, at random: that of {recipe.weights} is of another kind"
    if recipe.freeze is not None:
        freeze(network, recipe.freeze)
    if recipe.freeze_normalization:
        freeze_normalization(network)
    return network, note


def counts(network: keras.Model) -> str:
    """One line about how many of a network's parameters are trained, and how many frozen; "" where none is."""
    every = models.parameters(network)
    trained = sum(math.prod(variable.shape) for variable in network.trainable_variables)
    return f"Training {trained:,} of {every:,} parameters, {every - trained:,} frozen" if trained < every else ""


def not_yet_trained(recipe: Recipe) -> bool:
    """Whether a recipe starts from random weights, or from ones that were trained on no sound yet (ImageNet's)."""
    return recipe.weights is None or not resolve(recipe.model, recipe.weights).of_sounds


def _carried(known: Labels | None, data: records.Data, recipe: Recipe) -> tuple[list[tuple[int, int]], str]:
    """The outputs that the new head takes over from the old one, and a line about them."""
    if known is None:
        return [], f"New head, at random: {recipe.weights} does not say its classes"
    pairs = matching_classes(known, data.labels)
    count = f"{len(pairs)} of {len(data.labels)} classes"
    if data.task.exclusive and len(pairs) < len(data.labels):
        all_or_none = "and of a multiclass set all are carried over or none"
        return [], f"New head, at random: {recipe.weights} knows {count}, {all_or_none}"
    return pairs, f"New head: {count} carried over from {recipe.weights}"


def _needs_head(recipe: Recipe, weights: Weights, data: records.Data) -> bool | None:
    """What `models.build` is told about the head: it compares numbers of classes, this compares the classes."""
    known = weights.labels
    if recipe.new_head or known.ids == data.labels.ids or _folded(known) == _folded(data.labels):
        return recipe.new_head
    if recipe.new_head is None and not weights.is_keras:
        return True
    if len(known) == len(data.labels):
        both = zip(known.names, data.labels.names, strict=True)
        theirs, ours = next((old, new) for old, new in both if old.casefold() != new.casefold())
        raise AudiotagError(
            f"the weights {recipe.weights} name other classes than {data.name} ({theirs!r} where it has {ours!r}): "
            "say new_head=True (--new-head) to put a new head on"
        )
    return recipe.new_head


def _folded(labels: Labels) -> list[str]:
    return [name.casefold() for name in labels.names]


def _check_front_end(weights: Weights, name: str | Path, data: records.Data) -> None:
    """Refuse weights that say what features they were trained on, where the data's are others."""
    front_end = weights.front_end
    if front_end is not None and (difference := front_end.difference(data.front_end)):
        raise AudiotagError(
            f"weights {name!r} hear through the front end {front_end.name!r}, {data.name} was built with "
            f"{data.front_end.name!r} ({difference}): build it with front_end={front_end.name!r}"
        )
