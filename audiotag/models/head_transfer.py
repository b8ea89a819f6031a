"""A new head that begins with what an old one knew: the outputs of classes that both vocabularies hold."""

from __future__ import annotations

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models.parts import Parts


def matching_classes(theirs: Labels, ours: Labels) -> list[tuple[int, int]]:
    """Classes that two vocabularies share, as `Labels.matching` finds them.

    Args:
        theirs: the old vocabulary.
        ours: the new one.

    Returns:
        (their output, our output) for each shared class, in our order.
    """
    return [
        (their, output)
        for output, one in enumerate(zip(ours.ids, ours.names, strict=True))
        for their in theirs.matching(*one)[:1]
    ]


def carry_over(source: keras.Model, network: keras.Model, pairs: list[tuple[int, int]]) -> None:
    """Copy the weights of single outputs from a network of the same architecture with other classes.

    Args:
        source: the network with the old head.
        network: the one with the new head, changed in place.
        pairs: (output of `source`, output of `network`), as `matching_classes` gives them.

    Raises:
        AudiotagError: the heads are not of the same kind and width.
    """
    classes = source.output_shape[-1], network.output_shape[-1]
    old, new = Parts(source).class_weights, Parts(network).class_weights
    shapes = [
        {name: (*variable.shape[:-1], variable.shape[-1] / count) for name, variable in head.items()}
        for head, count in zip((old, new), classes, strict=True)
    ]
    if shapes[0] != shapes[1]:
        raise AudiotagError(
            f"outputs carry over between heads of the same architecture, received {source.name} and {network.name}"
        )
    from_, to = np.array(pairs, int).reshape(-1, 2).T
    for name, variable in new.items():
        ours = _by_class(variable, classes[1])
        ours[..., to] = _by_class(old[name], classes[0])[..., from_]
        variable.assign(ours.reshape(variable.shape))


def _by_class(variable: keras.Variable, classes: int) -> np.ndarray:
    # Where a class has several columns (attention pooling), the class is what varies fastest.
    return np.array(keras.ops.convert_to_numpy(variable)).reshape(*variable.shape[:-1], -1, classes)
