"""JAX: batch normalisation and the activation after it as one, and kernel gradients that XLA recognises."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras

from audiotag.training.fused.twin import MovingTwin, Twin, followers, normalizes_channels


def twins(network: keras.Model) -> dict[keras.layers.Layer, keras.layers.Layer]:
    """The twin of each layer that has one; an activation that is part of another layer's twin does nothing itself.

    Without a GPU there are none: on a CPU Keras' own layers are as fast.
    """
    if not _on_gpu():
        return {}
    follower = followers(network)
    result: dict[keras.layers.Layer, keras.layers.Layer] = {}
    for layer in network.layers:
        if normalizes_channels(layer):
            after = follower.get(layer)
            if type(after) is keras.layers.Activation and after.dtype_policy == layer.dtype_policy:
                result[after] = keras.layers.Identity(name=f"{after.name}_fused", dtype=after.dtype_policy)
                result[layer] = Normalization(layer, after.activation)
            else:
                result[layer] = Normalization(layer, keras.activations.linear)
        elif _is_plain_depthwise(layer):
            result[layer] = Depthwise(layer)
    return result


class Normalization(MovingTwin):
    """Batch normalisation of maps and an activation.

    Args:
        plain: the normalisation.
        activation: what follows, a function of one tensor.
    """

    def __init__(self, plain: keras.layers.BatchNormalization, activation: Callable[[Any], Any]) -> None:
        super().__init__(plain)
        self.activation = activation

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Normalise by the batch's statistics and move the running ones, or by the running ones in inference."""
        plain = self.plain
        if not (training and plain.trainable):
            return self.activation(plain(inputs, training=False))
        outputs, mean, variance = normalize(inputs, plain.gamma.value, plain.beta.value, plain.epsilon, self.activation)
        self.move(mean, variance)
        return outputs


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def normalize(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float, activation: Callable[[Any], Any]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Batch normalisation (arXiv 1502.03167) and an activation, of which only `x` is kept for the way back.

    Both statistics come from one pass, in float32 or wider.

    Args:
        x: (batch, …, channels), any float dtype.
        gamma: scale, (channels,).
        beta: shift, (channels,).
        epsilon: added to the variance, above 0.
        activation: of one tensor; it may be any function that JAX differentiates.

    Returns:
        The result, of the shape and dtype of `x`; mean and variance of the batch (divided by n), (channels,), which
        have no gradient.
    """
    return _normalize(x, gamma, beta, epsilon, activation)[0]


def _normalize(
    x: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float, activation: Callable[[Any], Any]
) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
    axes = tuple(range(x.ndim - 1))
    wide = _widened(x)
    # E[x^2] - E[x]^2 cancels where the mean is far from 0: a few values of x bring it near.
    shift = jnp.mean(wide[(slice(None), *(0,) * (x.ndim - 2))], axis=0)
    centred = wide - shift
    first, second = jnp.mean(centred, axes), jnp.mean(jnp.square(centred), axes)
    mean, variance = first + shift, jnp.maximum(second - jnp.square(first), 0)
    scale = jax.lax.rsqrt(variance + epsilon)
    outputs = activation((wide - mean) * (scale * gamma) + beta).astype(x.dtype)
    return (outputs, mean, variance), (x, mean, scale, gamma, beta)


def _normalize_backward(
    epsilon: float, activation: Callable[[Any], Any], kept: tuple[jax.Array, ...], gradients: tuple[jax.Array, ...]
) -> tuple[jax.Array, ...]:
    x, mean, scale, gamma, beta = kept
    axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    standard = (_widened(x) - mean) * scale
    _, pull = jax.vjp(activation, standard * gamma + beta)
    (slope,) = pull(_widened(gradients[0]))
    dbeta, dgamma = jnp.sum(slope, axes), jnp.sum(slope * standard, axes)
    dx = (gamma * scale) * (slope - dbeta / count - standard * (dgamma / count))
    return dx.astype(x.dtype), dgamma.astype(gamma.dtype), dbeta.astype(beta.dtype)


normalize.defvjp(_normalize, _normalize_backward)


def _widened(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


class Depthwise(Twin):
    """A depthwise convolution of stride 1 whose kernel gradient XLA recognises on every map."""

    def call(self, inputs: Any) -> Any:
        """(batch, frames, mels, channels) to the same shape."""
        return depthwise(inputs, self.plain.kernel.value[..., 0].astype(inputs.dtype))


@jax.custom_vjp
def depthwise(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Depthwise convolution of stride 1, zeros around the map; its kernel gradient is taken on a map that is padded.

    XLA's GPU compiler must guess which convolutions are kernel gradients. It takes one for a forward convolution
    where a side of the map, there the kernel, is not larger than that side of the kernel, there the output
    (`MatchBackwardFilter` in openxla/xla, xla/service/gpu/transforms/conv_rewriter.cc); cuDNN then needs 4.9 ms for
    5x5 kernels on 960 maps of 4 mels, an H100, batch 120. Zeros until each side is larger change no sum.

    Args:
        x: (batch, frames, mels, channels).
        kernel: (rows, columns, channels) of the same dtype, both sides odd.

    Returns:
        The shape and dtype of `x`.
    """
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None, :],
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


def _depthwise_backward(kept: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = kept
    missing = [max(size + 1 - side, 0) for size, side in zip(kernel.shape, x.shape[1:], strict=False)][:2]
    edges = ((0, 0), *((0, count) for count in missing), (0, 0))
    (dx,) = jax.vjp(lambda x: depthwise.fun(x, kernel), x)[1](gradient)
    padded = jnp.pad(x, edges)
    (dkernel,) = jax.vjp(lambda kernel: depthwise.fun(padded, kernel), kernel)[1](jnp.pad(gradient, edges))
    return dx, dkernel


depthwise.defvjp(lambda x, kernel: (depthwise.fun(x, kernel), (x, kernel)), _depthwise_backward)


def _on_gpu() -> bool:
    return any(device.platform == "gpu" for device in jax.devices())


def _is_plain_depthwise(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) is keras.layers.DepthwiseConv2D
        and (layer.strides, layer.dilation_rate, layer.padding) == ((1, 1), (1, 1), "same")
        and (layer.depth_multiplier, layer.data_format, layer.use_bias) == (1, "channels_last", False)
        and layer.activation is keras.activations.linear
        and all(size % 2 for size in layer.kernel_size)
    )
