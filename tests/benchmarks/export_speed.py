"""Time from a 10 s waveform at 32 kHz to scores: exported files beside the same network in eager PyTorch, in one run.

    python tests/benchmarks/export_speed.py [mn04 mn10 …]

One thread, batch 1, random weights, ranges of 8 bits from noise. The processor's time of the process, ms: least and
median of interleaved rounds, which other work on the machine disturbs least; then PyTorch's least time over it. PyTorch
computes the log-mel as EfficientAT does (pre-emphasis, `torch.stft`, a product with the bank), then the network of
tests/models/torch_reference. "front end" is the log-mel alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "export"))

import keras
import numpy as np
import runtimes
import torch
from model_time import reference

from audiotag import audio, models
from audiotag.export import Form, export, front_end, parity
from audiotag.frontend import mel_filterbank, preset
from audiotag.frontend.filterbank import hann
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger

ROUNDS = 50
SAMPLES = 320_000
CLASSES = 527
CONFIG = preset("efficientat")
WIDTHS = {"mn01": 0.1, "mn02": 0.2, "mn04": 0.4, "mn05": 0.5, "mn10": 1.0, "mn20": 2.0}


class LogMel(torch.nn.Module):
    """EfficientAT's log-mel in evaluation: (batch, samples) -> (batch, 1, mels, frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("emphasis", torch.tensor([[[-CONFIG.preemphasis, 1.0]]]))
        self.register_buffer("window", torch.tensor(hann(CONFIG), dtype=torch.float32))
        self.register_buffer("bank", torch.tensor(mel_filterbank(CONFIG).T.copy(), dtype=torch.float32))

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        signal = torch.nn.functional.conv1d(waveforms[:, None], self.emphasis)[:, 0]
        spectrum = torch.stft(signal, CONFIG.fft, CONFIG.hop, CONFIG.window, self.window, return_complex=True)
        mel = torch.matmul(self.bank, torch.view_as_real(spectrum).square().sum(-1))
        return (((mel + CONFIG.log_floor).log() - CONFIG.mean) / CONFIG.scale)[:, None]


def contenders(name: str, clips: np.ndarray) -> dict[str, Callable[[np.ndarray], Any]]:
    """Every way from waveform to scores, ready to be called; PyTorch first."""
    log_mel = front_end.log_mel(CONFIG, SAMPLES)
    network = models.build(name, classes=CLASSES)
    log_mel_of_torch, network_of_torch = LogMel().eval(), reference("mn").MN(WIDTHS[name]).eval()

    def eager(waveforms: np.ndarray) -> Any:
        with torch.inference_mode():
            return torch.sigmoid(network_of_torch(log_mel_of_torch(torch.from_numpy(waveforms)))[0])

    def eager_log_mel(waveforms: np.ndarray) -> Any:
        with torch.inference_mode():
            return log_mel_of_torch(torch.from_numpy(waveforms))

    tagger = AudioTagger(network, Labels(tuple(map(str, range(CLASSES)))), CONFIG)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    # As in a trained network: where ranges of 8 bits differ too much, XNNPACK leaves operations to slower code.
    network(tagger.log_mel(clips[:8]), training=True)
    with TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        for number, clip in enumerate(clips):
            audio.write(folder / "sounds" / f"{number}.wav", clip, CONFIG.sample_rate)
        source = models.save(tagger, folder / "tagger.keras")

        def exported(to: str, precision: str) -> Callable[[np.ndarray], Any]:
            out = folder / f"{precision}{'.tflite' if to == 'litert' else '.onnx'}"
            content = export(source, Form(to, precision), out, clips=folder / "sounds").path.read_bytes()
            return runtimes.run_litert(content) if to == "litert" else runtimes.run_onnx(content)

        return {
            "PyTorch eager": eager,
            "LiteRT float32": exported("litert", "float32"),
            "LiteRT int8": exported("litert", "int8"),
            "ONNX float32": exported("onnx", "float32"),
            "ONNX int8": exported("onnx", "int8"),
            "PyTorch front end": eager_log_mel,
            "LiteRT front end": runtimes.litert(log_mel, 1, SAMPLES),
            "ONNX front end": runtimes.onnx(log_mel, 1, SAMPLES),
        }


def main(names: list[str]) -> None:
    """Measure the networks named."""
    torch.set_num_threads(1)
    parity.TOLERANCES["int8"] = parity.Tolerance(1.0, 1.0)  # of random weights nothing is asked but their speed
    clips = np.random.default_rng(0).normal(scale=0.1, size=(40, SAMPLES)).astype(np.float32)
    print(f"10 s, one thread, batch 1: least and median ms of {ROUNDS} rounds, PyTorch's least time over it")
    for name in names:
        runs = contenders(name, clips)
        taken: dict[str, list[float]] = {label: [] for label in runs}
        for _ in range(3 + ROUNDS):
            for label, run in runs.items():
                started = time.process_time()
                run(clips[:1])
                taken[label].append(1000 * (time.process_time() - started))
        least = {label: min(times[3:]) for label, times in taken.items()}
        for label, times in taken.items():
            theirs = least["PyTorch front end" if label.endswith("front end") else "PyTorch eager"]
            line = f"{name} {label:18s} {least[label]:6.2f} {np.median(times[3:]):6.2f}   {theirs / least[label]:5.2f}"
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["mn04", "mn10"])
