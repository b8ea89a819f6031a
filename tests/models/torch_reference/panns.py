"""Cnn6, Cnn10 and Cnn14 in plain PyTorch under their published names, for evaluation, from the waveform on.

The spectrogram is a convolution with the waves of a Fourier transform, as PANNs' checkpoints hold it.
"""

from __future__ import annotations

from itertools import pairwise

import librosa
import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Waves(nn.Module):
    """Power spectrum of centred, reflected frames: (batch, samples) -> (batch, frames, 513)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_real = nn.Conv1d(1, 513, 1024, 320, bias=False)
        self.conv_imag = nn.Conv1d(1, 513, 1024, 320, bias=False)
        wave = np.exp(-2j * np.pi * np.outer(np.arange(513), np.arange(1024)) / 1024)
        wave *= librosa.filters.get_window("hann", 1024, fftbins=True)
        self.conv_real.weight.data = torch.tensor(wave.real[:, None], dtype=torch.float32)
        self.conv_imag.weight.data = torch.tensor(wave.imag[:, None], dtype=torch.float32)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(waveform[:, None], (512, 512), "reflect")
        return (self.conv_real(padded) ** 2 + self.conv_imag(padded) ** 2).transpose(1, 2)


class Spectrogram(nn.Module):
    """Gives the waves their published name."""

    def __init__(self) -> None:
        super().__init__()
        self.stft = Waves()


class LogMel(nn.Module):
    """Decibels of 64 mel bands."""

    def __init__(self) -> None:
        super().__init__()
        bank = librosa.filters.mel(sr=32_000, n_fft=1024, n_mels=64, fmin=50, fmax=14_000).T
        self.melW = nn.Parameter(torch.tensor(np.ascontiguousarray(bank)), requires_grad=False)

    def forward(self, power: torch.Tensor) -> torch.Tensor:
        return 10 * torch.log10(torch.clamp(power @ self.melW, min=1e-10))


class Block(nn.Module):
    """One 5x5 convolution, or two 3x3 convolutions."""

    def __init__(self, before: int, after: int, kernels: tuple[int, ...]) -> None:
        super().__init__()
        self.count = len(kernels)
        for number, kernel in enumerate(kernels, 1):
            entering = before if number == 1 else after
            setattr(self, f"conv{number}", nn.Conv2d(entering, after, kernel, padding=kernel // 2, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for number in range(1, self.count + 1):
            x = torch.relu(getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x)))
        return x


class PANN(nn.Module):
    """(batch, samples) -> logits and embedding; `of_log_mel` begins at (batch, 1, frames, 64).

    Published ones begin with 64 channels.
    """

    def __init__(self, layers: int, classes: int, channels: int = 64) -> None:
        super().__init__()
        self.spectrogram_extractor, self.logmel_extractor = Spectrogram(), LogMel()
        self.bn0 = nn.BatchNorm2d(64)
        channels = [1, *(channels * 2**block for block in range(6 if layers == 14 else 4))]
        self.blocks = len(channels) - 1
        for block, (before, after) in enumerate(pairwise(channels), 1):
            setattr(self, f"conv_block{block}", Block(before, after, (5,) if layers == 6 else (3, 3)))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], classes)

    def forward(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.of_log_mel(self.logmel_extractor(self.spectrogram_extractor.stft(waveform))[:, None])

    def of_log_mel(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        for block in range(1, self.blocks + 1):
            x = getattr(self, f"conv_block{block}")(x)
            if block < 6:
                x = functional.avg_pool2d(x, 2)
        x = x.mean(dim=3)
        embedding = torch.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))
        return self.fc_audioset(embedding), embedding


def random(layers: int, classes: int, channels: int = 64, seed: int = 0) -> PANN:
    """A PANN for evaluation with weights and statistics that keep activations near 1."""
    torch.manual_seed(seed)
    network = PANN(layers, classes, channels)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    # Decibels of sound lie about -20 with a spread of 20.
    nn.init.constant_(network.bn0.running_mean, -20)
    nn.init.constant_(network.bn0.running_var, 400)
    return network.eval()
