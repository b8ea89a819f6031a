"""A PaSST in plain PyTorch under its published names, for evaluation: the oracle of conversion tests and benchmarks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    """Self-attention between the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        size = width // self.heads
        query, key, value = self.qkv(x).reshape(batch, tokens, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        attention = torch.softmax(query @ key.transpose(-2, -1) * size**-0.5, -1)
        return self.proj((attention @ value).transpose(1, 2).reshape(batch, tokens, width))


class Perceptron(nn.Module):
    """Two dense layers with an exact GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Transformer block, normalised before its parts."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Perceptron(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PaSST(nn.Module):
    """(batch, 1, mels, frames) -> logits, features; `stride` is (mels, frames), `columns` the length of the grid."""

    def __init__(
        self,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        classes: int = 527,
        patch: int = 16,
        stride: tuple[int, int] = (10, 10),
        columns: int = 99,
        mels: int = 128,
    ) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, patch, stride)})
        rows = (mels - patch) // stride[0] + 1
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.dist_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.new_pos_embed = nn.Parameter(0.02 * torch.randn(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(0.02 * torch.randn(1, width, rows, 1))
        self.time_new_pos_embed = nn.Parameter(0.02 * torch.randn(1, width, 1, columns))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        self.head_dist = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.patch_embed["proj"](x)
        x = x + self.time_new_pos_embed[..., : x.shape[-1]] + self.freq_new_pos_embed
        tokens = torch.cat([self.cls_token, self.dist_token], 1) + self.new_pos_embed
        x = torch.cat([tokens.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1)
        features = self.norm(self.blocks(x))[:, :2].mean(1)
        return self.head(features), features
