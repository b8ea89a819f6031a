"""The parity table: every family on every backend, largest difference in logits.

    AUDIOTAG_TEST_DATA=…/shared python tests/benchmarks/parity.py

Three tables: against the published implementations (golden vectors), of the published mn04 on ten recordings of ESC-10
against the PyTorch reference with the same weights, and of every family's saved file against what TensorFlow gave, over
the largest logit.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BACKENDS = ("tensorflow", "jax", "torch")
MODELS = Path(__file__).parents[1] / "models"
GOLDEN = ("mn04_as_mAP_432", "mn04_as", "mn01_fc_s2211", "mn01_mhap", "dymn04_as", "passt_tiny")
RATE = 32_000


def child(backend: str, script: Path, *arguments: str) -> str:
    """Standard output of a script in a process that runs on a backend."""
    # Without optimisation XLA compiles in a third of the time; the numbers are those of the same operations.
    quick = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
    environment = {**os.environ, **quick, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(script), *arguments]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr)
    return process.stdout


def table(title: str, rows: dict[str, dict[str, float]]) -> None:
    """Print a Markdown table, a row a name and a column a backend."""
    print(f"\n| {title} | {' | '.join(BACKENDS)} |\n|-|{'-|' * len(BACKENDS)}")
    for name, found in rows.items():
        print(f"| {name} | {' | '.join(f'{found[backend]:.1e}' for backend in BACKENDS)} |")


def by_row(reports: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Reports of backends, turned: a row a name."""
    names = reports[BACKENDS[0]]
    return {name: {backend: reports[backend][name] for backend in BACKENDS} for name in names}


def ten_clips(shared: Path) -> np.ndarray:
    """Log-mel (10, frames, mels, 1) of the first clip of each class of ESC-10."""
    from audiotag import audio
    from audiotag.frontend import log_mel, preset

    first: dict[str, str] = {}
    for row in csv.DictReader((shared / "data/esc10/meta/esc50.csv").open(encoding="utf-8")):
        first.setdefault(row["category"], row["filename"])
    clips = [audio.read(shared / "data/esc10/audio" / file, RATE)[: 5 * RATE] for file in first.values()]
    return np.stack([log_mel(clip, preset("efficientat")) for clip in clips])[..., None].astype(np.float32)


def reference_logits(shared: Path, log_mel: np.ndarray) -> np.ndarray:
    """What the PyTorch reference gives with the published weights."""
    import torch

    specification = importlib.util.spec_from_file_location("reference_mn", MODELS / "torch_reference" / "mn.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    network = module.MN(0.4).eval()
    network.load_state_dict(torch.load(shared / "weights/mn04_as_mAP_432.pt", weights_only=True))
    with torch.inference_mode():
        outputs = network(torch.tensor(log_mel.transpose(0, 3, 2, 1)))
    return (outputs[0] if isinstance(outputs, tuple) else outputs).numpy()


def own_logits(shared: Path, folder: Path) -> None:
    """Run in a child: the same on its backend, written beside the log-mel."""
    import keras

    from audiotag import models

    network = models.build("mn04", classes=527, weights=shared / "weights/mn04_as_mAP_432.pt")
    logits = network.predict(np.load(folder / "log_mel.npy"), verbose=0)
    np.save(folder / f"{keras.backend.backend()}.npy", logits)


def main(shared: Path) -> None:
    """Print the three tables."""
    reports = {
        backend: json.loads(child(backend, MODELS / "backend_check.py", str(shared), *GOLDEN).splitlines()[-1])
        for backend in BACKENDS
    }
    table("golden vectors", by_row({backend: report["differences"] for backend, report in reports.items()}))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "log_mel.npy", ten_clips(shared))
        expected = reference_logits(shared, np.load(folder / "log_mel.npy"))
        found = {}
        for backend in BACKENDS:
            child(backend, Path(__file__), str(shared), str(folder))
            logits = np.load(folder / f"{backend}.npy")
            best = int((logits.argmax(1) == expected.argmax(1)).sum())
            found[backend] = {f"mn04_as, ten clips, top class equal {best}/10": float(np.abs(logits - expected).max())}
        table("published weights", by_row(found))
        child("tensorflow", MODELS / "family_check.py", "write", name)
        opened = {
            backend: json.loads(child(backend, MODELS / "family_check.py", "open", name).splitlines()[-1])
            for backend in BACKENDS
        }
        table("saved by TensorFlow, opened on", by_row(opened))
        alone = json.loads(child("tensorflow", MODELS / "family_check.py", "without", name).splitlines()[-1])
        print("\nopen without audiotag:", ", ".join(name for name, found in alone.items() if isinstance(found, float)))
        print("need `import audiotag`:", ", ".join(name for name, found in alone.items() if isinstance(found, str)))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        own_logits(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(Path(os.environ.get("AUDIOTAG_TEST_DATA", Path(__file__).parents[3] / "shared")))
