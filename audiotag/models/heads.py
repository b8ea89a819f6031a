"""Heads: from the last feature map (batch, frames, mels, channels) to logits of the clip, and to those of its steps."""

from __future__ import annotations

import keras
from keras import layers, ops

from audiotag.models.blocks import convolution, dense

HEADS = ("mlp", "fully_convolutional", "multihead_attention_pooling", "frames")
TINY = 1e-7  # keeps the odds of what is certain finite
_RARE = -4.0  # the logit of one step in 55
POOLINGS = ("linear_softmax", "attention", "max", "mean", "mean_logit")


def mlp(x: keras.KerasTensor, classes: int, units: int, dropout: float) -> keras.KerasTensor:
    """Mean over time and frequency, a hidden layer, dropout, logits."""
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = dense(x, units, "hidden")
    x = layers.Activation("hard_silu", name="hidden_activation")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return dense(x, classes, "logits", dtype="float32")


def mlp_steps(network: keras.Model) -> keras.KerasTensor:
    """What every step adds to the logits of an mlp head, under the gate of the clip."""
    hidden = network.get_layer("hidden")
    gate = layers.Activation("hard_sigmoid", name="gate")(hidden.output)  # hard_silu(x) = x hard_sigmoid(x)
    gate = layers.Reshape((1, hidden.units), name="gate_of_steps")(gate)
    steps = hidden(frequency_mean(network.get_layer("last_activation").output))
    return bounded(network.get_layer("logits")(layers.Multiply(name="gated")([steps, gate])), network)


def fully_convolutional(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Logits at every place by a 1x1 convolution, then their mean."""
    x = convolution(x, classes, 1, 1, "logits")
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="logits_normalization")(x)
    return layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)


def fully_convolutional_steps(network: keras.Model) -> keras.KerasTensor:
    """The map of a fully convolutional head, averaged over frequency."""
    return frequency_mean(network.get_layer("logits_normalization").output)


def attention_pooling(x: keras.KerasTensor, classes: int, heads: int) -> keras.KerasTensor:
    """Several weighted means over time, the weights learned from the input (arXiv 2102.01243)."""
    x = frequency_mean(x)
    x = dense(x, 2 * heads * classes, "attention_projection")
    x = layers.Reshape((-1, 2, heads * classes), name="attention_and_value")(x)
    attention = ops.clip(ops.sigmoid(x[:, :, 0]), 1e-7, 1 - 1e-7)
    pooled = ops.sum(attention * x[:, :, 1], axis=1) / ops.sum(attention, axis=1)
    x = layers.Reshape((heads, classes), name="heads")(pooled)
    x = layers.Permute((2, 1), name="heads_last")(x)
    initializer = keras.initializers.Constant(1 / heads)
    x = layers.Dense(1, use_bias=False, kernel_initializer=initializer, name="head_weights")(x)
    return layers.Reshape((classes,), dtype="float32", name="logits")(x)


def attention_pooling_steps(network: keras.Model) -> keras.KerasTensor:
    """The values of an attention pooling at every step, averaged over its heads."""
    count, classes = network.get_layer("heads").target_shape
    values = network.get_layer("attention_and_value").output[:, :, 1]
    values = layers.Reshape((-1, count, classes), name="values")(values)
    values = layers.Permute((1, 3, 2), name="values_heads_last")(values)
    return layers.Reshape((-1, classes), name="values_mean")(network.get_layer("head_weights")(values))


def frequency_mean(x: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over frequency: (batch, steps, mels, channels) -> (batch, steps, channels), layer "steps"."""
    x = layers.AveragePooling2D((1, x.shape[2]), name="frequency_mean")(x)
    return layers.Reshape((-1, x.shape[-1]), name="steps")(x)


def bounded(logits: keras.KerasTensor, network: keras.Model) -> keras.KerasTensor:
    """Logits of steps, at most the clip's plus the logarithm of the number of steps."""
    logarithm = ops.logsumexp(ops.zeros_like(logits), axis=(1,), keepdims=True)
    return ops.minimum(logits, ops.expand_dims(network.output, 1) + logarithm)


def frames(x: keras.KerasTensor, classes: int, pooling: str) -> keras.KerasTensor:
    """Logits of every step of time, layer "frame_logits", then of the clip, layer "logits", both float32.

    Args:
        x: (batch, steps, mels, channels), whose mean over frequency is taken, or (batch, steps, channels).
        classes: number of classes.
        pooling: one of `POOLINGS`. With "attention" the weights come from a layer "frame_attention" beside it.
    """
    x = frequency_mean(x) if len(x.shape) == 4 else x
    logits = dense(x, classes, "frame_logits", dtype="float32")
    attention = dense(x, classes, "frame_attention", dtype="float32") if pooling == "attention" else None
    return pool(logits, pooling, attention)


def notes(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """What every step says of the notes of each class, layer "note_logits", and logits of the clip, both float32.

    Four layers say of each pitch whether a note begins in the step, sounds, ends, and how loud it begins. The second
    one is given what the first one says; no gradient goes that way back (arXiv 1710.11153). A clip's logit of a pitch
    is the largest of its steps' that it sounds, layer "frame_logits".

    Args:
        x: (batch, steps, channels).
        classes: number of pitches.
    """
    onset = _rare(x, classes, "onsets")
    begun = ops.stop_gradient(ops.sigmoid(onset))
    frame = _rare(layers.Concatenate(name="steps_and_onsets")([x, begun]), classes, "note_frames")
    offset, velocity = _rare(x, classes, "offsets"), dense(x, classes, "velocities", dtype="float32")
    # All of them lie on the way to the clip's logits, so that a file of these holds them.
    stacked = ops.stack([onset, frame, offset, velocity], axis=-1)
    stacked = layers.Activation("linear", dtype="float32", name="note_logits")(stacked)
    return pool(layers.Activation("linear", dtype="float32", name="frame_logits")(stacked[..., 1]), "max")


def ctc(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Which character a step tells, or none, layer "character_logits", and logits of the clip, both float32.

    The blank comes first (Graves et al., ICML 2006), then the classes. A step's logit of a class, layer "frame_logits",
    is the logarithm of its odds against everything else, a clip's the largest of its steps'.

    Args:
        x: (batch, steps, channels).
        classes: number of characters.
    """
    # Keras' own start: from the small weights of other heads every step tells a blank for long, and nothing is learnt.
    parts = [layers.Dense(n, dtype="float32", name=name)(x) for name, n in (("blank", 1), ("characters", classes))]
    logits = layers.Concatenate(axis=-1, dtype="float32", name="character_logits")(parts)
    shares = ops.softmax(logits, axis=-1)[..., 1:]
    odds = ops.log(shares + TINY) - ops.log(1.0 - shares + TINY)
    return pool(layers.Activation("linear", dtype="float32", name="frame_logits")(odds), "max")


def _rare(x: keras.KerasTensor, classes: int, name: str) -> keras.KerasTensor:
    """Logits of what most steps lack: the first guess is no, which it would take the bias long to learn."""
    initializers = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.01)}
    initializers["bias_initializer"] = keras.initializers.Constant(_RARE)
    return layers.Dense(classes, dtype="float32", name=name, **initializers)(x)


def pool(logits: keras.KerasTensor, pooling: str, attention: keras.KerasTensor | None = None) -> keras.KerasTensor:
    """Logits of steps into logits of the clip, layer "logits", float32.

    With y the sigmoid of a step's logit, a clip's probability of a class is, as arXiv 1810.09050 compares them,

    - "linear_softmax": sum of y^2 over sum of y, so that a step counts by what it says itself;
    - "attention": sum of w y over sum of w, with w the exponential of a learned logit of that class and step;
    - "max": the largest y;
    - "mean": the mean of y;

    and its logit log p - log(1 - p); with

    - "mean_logit": the mean of the logits, as a head over the mean of the steps has it.

    The first, the second and "mean" are one weighted mean with weights y, w and 1, whose logit is the difference of two
    sums: log sum w y - log sum w (1 - y). Computed from logarithms it is exact however far the logits lie from 0. Over
    a single step each pooling gives that step's logit back, so that the softmax over classes, which multiclass tasks
    take of clip logits, is sensible with each of them.

    Args:
        logits: (batch, steps, classes).
        pooling: one of `POOLINGS`.
        attention: logarithm of w, (batch, steps, classes); for "attention" only.
    """
    plain = {"max": layers.GlobalMaxPooling1D, "mean_logit": layers.GlobalAveragePooling1D}
    if pooling in plain:
        return plain[pooling](dtype="float32", name="logits")(logits)
    present, absent = -ops.softplus(-logits), -ops.softplus(logits)
    weight = {"linear_softmax": present, "attention": attention, "mean": 0.0}[pooling]
    # The axis is a tuple: Keras 3.6, which opens these files too, takes no number.
    sums = [ops.logsumexp(weight + of_step, axis=(1,)) for of_step in (present, absent)]
    return layers.Subtract(dtype="float32", name="logits")(sums)
