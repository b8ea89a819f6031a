"""An MN in plain PyTorch under its published names, for evaluation: the oracle of conversion tests and benchmarks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

STEM = 16
# kernel, expanded, channels, squeezes, hard-swish, index of the stride
BLOCKS = (
    (3, 16, 16, False, False, None),
    (3, 64, 24, False, False, 0),
    (3, 72, 24, False, False, None),
    (5, 72, 40, True, False, 1),
    (5, 120, 40, True, False, None),
    (5, 120, 40, True, False, None),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, None),
    (3, 184, 80, False, True, None),
    (3, 184, 80, False, True, None),
    (3, 480, 112, True, True, None),
    (3, 672, 112, True, True, None),
    (5, 672, 160, True, True, 3),
    (5, 960, 160, True, True, None),
    (5, 960, 160, True, True, None),
)


def of_eight(value: float) -> int:
    """The nearest multiple of eight, at least eight, never below nine tenths of `value`."""
    rounded = max(8, 8 * int((value + 4) / 8))
    return rounded if rounded >= 0.9 * value else rounded + 8


def normalization(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def convolution(
    entering: int,
    leaving: int,
    kernel: int,
    activation: nn.Module | None,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Convolution, normalisation and what follows, numbered 0, 1, 2."""
    padding = (kernel - 1) // 2 * dilation
    layers = [
        nn.Conv2d(entering, leaving, kernel, stride, padding, dilation, groups, bias=False),
        normalization(leaving),
    ]
    return nn.Sequential(*layers, *([activation] if activation else []))


class Squeeze(nn.Module):
    """Gate one axis of (batch, channels, mels, frames) by what the mean over the others says."""

    def __init__(self, size: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.fc1 = nn.Linear(size, of_eight(size // 4))
        self.fc2 = nn.Linear(of_eight(size // 4), size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        others = [axis for axis in (1, 2, 3) if axis != self.axis]
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean(others)))))
        return x * gate.reshape([len(x), *(-1 if axis == self.axis else 1 for axis in (1, 2, 3))])


class Squeezes(nn.Module):
    """Gates of several axes, fused."""

    def __init__(self, sizes: dict[str, int], dims: str, fusion: str) -> None:
        super().__init__()
        self.fusion = fusion
        self.conc_se_layers = nn.ModuleList(Squeeze(sizes[dim], "cft".index(dim) + 1) for dim in dims)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gated = torch.stack([layer(x) for layer in self.conc_se_layers])
        return {"max": torch.amax, "avg": torch.mean, "add": torch.sum, "min": torch.amin}[self.fusion](gated, 0)


class Block(nn.Module):
    """Inverted residual block."""

    def __init__(
        self,
        entering: int,
        expanded: int,
        leaving: int,
        kernel: int,
        stride: int,
        hard_swish: bool,
        squeeze: nn.Module | None = None,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.adds = stride == 1 and entering == leaving
        activation = nn.Hardswish if hard_swish else nn.ReLU
        moves = 1 if dilation > 1 else stride
        expand = [convolution(entering, expanded, 1, activation())] if expanded != entering else []
        depthwise = convolution(expanded, expanded, kernel, activation(), moves, expanded, dilation)
        project = convolution(expanded, leaving, 1, None)
        self.block = nn.Sequential(*expand, depthwise, *([squeeze] if squeeze else []), project)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(x) + x if self.adds else self.block(x)


class AttentionPooling(nn.Module):
    """Weighted means over time, one a head."""

    def __init__(self, channels: int, classes: int, heads: int) -> None:
        super().__init__()
        self.heads, self.classes = heads, classes
        self.subspace_proj = nn.Linear(channels, 2 * heads * classes)
        self.head_weight = nn.Parameter(torch.full((1, heads, 1), 1 / heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = self.subspace_proj(x.mean(2).transpose(1, 2))
        attention, value = steps.reshape(len(x), -1, 2, self.heads, self.classes).unbind(2)
        attention = torch.sigmoid(attention).clamp(1e-7, 1 - 1e-7)
        pooled = (attention / attention.sum(1, keepdim=True) * value).sum(1)
        return (pooled * self.head_weight).sum(1)


def head(kind: str, channels: int, hidden: int, classes: int, heads: int) -> nn.Module:
    """The classifier, under its published numbers."""
    if kind == "mlp":
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(1),
            nn.Linear(channels, hidden),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(hidden, classes),
        )
    if kind == "fully_convolutional":
        pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        return nn.Sequential(nn.Conv2d(channels, classes, 1, bias=False), nn.BatchNorm2d(classes), *pooled)
    return AttentionPooling(channels, classes, heads)


class MN(nn.Module):
    """(batch, 1, mels, frames) -> logits, pooled features. `mels` and `frames` matter to `se_dims` f and t alone."""

    def __init__(
        self,
        width: float = 1.0,
        classes: int = 527,
        head_kind: str = "mlp",
        strides: tuple[int, ...] = (2, 2, 2, 2),
        dilated: bool = False,
        se_dims: str = "c",
        se_fusion: str = "max",
        mels: int = 128,
        frames: int = 1000,
        attention_heads: int = 4,
    ) -> None:
        super().__init__()
        channels = of_eight(STEM * width)
        features: list[nn.Module] = [convolution(1, channels, 3, nn.Hardswish(), 2)]
        sides = [(side - 1) // 2 + 1 for side in (mels, frames)]
        for number, (kernel, expanded, leaving, squeezes, hard_swish, which) in enumerate(BLOCKS, 1):
            stride = 1 if which is None else strides[which]
            dilation = 2 if dilated and number >= 13 else 1
            expanded, leaving = of_eight(expanded * width), of_eight(leaving * width)
            if dilation == 1:
                sides = [(side - 1) // stride + 1 for side in sides]
            sizes = {"c": expanded, "f": sides[0], "t": sides[1]}
            squeeze = Squeezes(sizes, se_dims, se_fusion) if squeezes and se_dims != "none" else None
            features.append(Block(channels, expanded, leaving, kernel, stride, hard_swish, squeeze, dilation))
            channels = leaving
        features.append(convolution(channels, 6 * channels, 1, nn.Hardswish()))
        self.features = nn.Sequential(*features)
        self.classifier = head(head_kind, 6 * channels, of_eight(1280 * width), classes, attention_heads)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.features(x)
        return self.classifier(x), functional.adaptive_avg_pool2d(x, 1).flatten(1)
