"""A DyMN in plain PyTorch under its published names, for evaluation: the oracle of conversion tests and benchmarks.

It computes in the published way (arXiv 2310.15648), so that its time is that of the published implementation: every
example's kernel is mixed, then one grouped convolution serves the batch; the lines of the dynamic ReLU lie on an axis
of their own.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

_specification = importlib.util.spec_from_file_location("torch_reference_mn", Path(__file__).with_name("mn.py"))
mn = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(mn)


class DynamicConvolution(nn.Module):
    """Mixes four kernels for every example."""

    temperature = 1.0

    def __init__(
        self, entering: int, leaving: int, context: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.shape = (leaving, entering // groups, kernel, kernel)
        self.stride, self.groups = stride, groups
        self.residuals = nn.Sequential(nn.Linear(context, 4))
        spread = (2 / (leaving * kernel**2)) ** 0.5
        self.weight = nn.Parameter(spread * torch.randn(1, 1, 4, leaving * entering // groups * kernel**2))

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        batch, channels, mels, frames = x.shape
        attention = torch.softmax(self.residuals(context) / self.temperature, -1)
        kernels = (attention @ self.weight[0, 0]).reshape(batch * self.shape[0], *self.shape[1:])
        side_by_side = x.reshape(1, batch * channels, mels, frames)
        mixed = functional.conv2d(
            side_by_side, kernels, stride=self.stride, padding=self.shape[2] // 2, groups=self.groups * batch
        )
        return mixed.reshape(batch, self.shape[0], *mixed.shape[2:])


class DynamicReLU(nn.Module):
    """The greater of two lines, chosen by the example."""

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.coef_net = nn.Sequential(nn.Linear(context, 4 * channels))
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        theta = 2 * torch.sigmoid(self.coef_net(context)) - 1
        lines = theta.reshape(*x.shape[:2], 1, 1, 4) * self.lambdas + self.init_v
        both = x[..., None] * lines[..., :2] + lines[..., 2:]
        return torch.maximum(both[..., 0], both[..., 1])


class Context(nn.Module):
    """The context vector and the two gates, from the means over frames and over mels."""

    def __init__(self, entering: int, size: int, expanded: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.joint_conv = nn.Conv2d(entering, size, 1, bias=False)
        self.joint_norm = mn.normalization(size)
        self.conv_f = nn.Conv2d(size, expanded, 1)
        self.conv_t = nn.Conv2d(size, expanded, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        sequence = torch.cat([x.mean(3), x.mean(2)], 2)[..., None]
        sequence = functional.hardswish(self.joint_norm(self.joint_conv(sequence)))
        over_mels, over_frames = sequence.split([x.shape[2], x.shape[3]], 2)
        if self.stride > 1:
            over_mels, over_frames = (
                functional.avg_pool2d(part, (3, 1), (self.stride, 1), (1, 0)) for part in (over_mels, over_frames)
            )
        gates = torch.sigmoid(self.conv_f(over_mels)), torch.sigmoid(self.conv_t(over_frames.transpose(2, 3)))
        return sequence.mean((2, 3)), *gates


class DynamicBlock(nn.Module):
    """Inverted residual block of which everything depends on the example."""

    def __init__(
        self, entering: int, expanded: int, leaving: int, kernel: int, stride: int, hard_swish: bool, limits: list[int]
    ) -> None:
        super().__init__()
        self.adds = stride == 1 and entering == leaving
        self.activation = nn.Hardswish() if hard_swish else nn.ReLU()
        context = min(max(mn.of_eight(expanded // 4), limits[0]), limits[1])
        self.expands = expanded != entering
        if self.expands:
            self.exp_conv = DynamicConvolution(entering, expanded, context, 1)
            self.exp_norm = mn.normalization(expanded)
        self.depth_conv = DynamicConvolution(expanded, expanded, context, kernel, stride, expanded)
        self.depth_norm = mn.normalization(expanded)
        self.depth_act = DynamicReLU(expanded, context)
        self.proj_conv = DynamicConvolution(expanded, leaving, context, 1)
        self.proj_norm = mn.normalization(leaving)
        self.context_gen = Context(entering, context, expanded, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        context, over_mels, over_frames = self.context_gen(x)
        left = self.activation(self.exp_norm(self.exp_conv(x, context))) if self.expands else x
        left = self.depth_act(self.depth_norm(self.depth_conv(left, context)), context)
        left = self.proj_norm(self.proj_conv(left * over_mels * over_frames, context))
        return left + x if self.adds else left


class DyMN(nn.Module):
    """(batch, 1, mels, frames) -> logits, pooled features."""

    def __init__(
        self,
        width: float = 1.0,
        classes: int = 527,
        head_kind: str = "mlp",
        strides: tuple[int, ...] = (2, 2, 2, 2),
        replace_se: bool = False,
        temperature: float = 1.0,
        attention_heads: int = 4,
    ) -> None:
        super().__init__()
        channels = mn.of_eight(mn.STEM * width)
        self.in_c = mn.convolution(1, channels, 3, nn.Hardswish(), 2)
        self.layers = nn.ModuleList()
        limits = [mn.of_eight(limit * width) for limit in (32, 128)]
        for kernel, expanded, leaving, squeezes, hard_swish, which in mn.BLOCKS:
            stride = 1 if which is None else strides[which]
            expanded, leaving = mn.of_eight(expanded * width), mn.of_eight(leaving * width)
            shape = (channels, expanded, leaving, kernel, stride, hard_swish)
            self.layers.append(mn.Block(*shape) if replace_se and not squeezes else DynamicBlock(*shape, limits))
            channels = leaving
        self.out_c = mn.convolution(channels, 6 * channels, 1, nn.Hardswish())
        self.classifier = mn.head(head_kind, 6 * channels, mn.of_eight(1280 * width), classes, attention_heads)
        for module in self.modules():
            if isinstance(module, DynamicConvolution):
                module.temperature = temperature

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.in_c(x)
        for layer in self.layers:
            x = layer(x)
        x = self.out_c(x)
        return self.classifier(x), functional.adaptive_avg_pool2d(x, 1).flatten(1)
