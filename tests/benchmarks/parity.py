"""The parity table: every family on every backend, largest difference in logits.

    AUDIOTAG_TEST_DATA=…/shared python tests/benchmarks/parity.py

Three tables: against the published implementations (golden vectors), of the published mn04 on ten recordings of ESC-10
against the PyTorch reference with the same weights, and of every family's saved file against what TensorFlow gave, over
the largest logit.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
from kept_process import KeptProcess, module_of

BACKENDS = ("tensorflow", "jax", "torch")
MODELS = Path(__file__).parents[1] / "models"
GOLDEN = ("mn04_as_mAP_432", "mn04_as", "mn01_fc_s2211", "mn01_mhap", "dymn04_as", "passt_tiny")
RATE = 32_000


def table(title: str, rows: dict[str, dict[str, float]]) -> None:
    """Print a Markdown table, a row a name and a column a backend."""
    print(f"\n| {title} | {' | '.join(BACKENDS)} |\n|-|{'-|' * len(BACKENDS)}")
    for name, differences in rows.items():
        print(f"| {name} | {' | '.join(f'{differences[backend]:.1e}' for backend in BACKENDS)} |")


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

    network = module_of(MODELS / "torch_reference" / "mn.py").MN(0.4).eval()
    network.load_state_dict(torch.load(shared / "weights/mn04_as_mAP_432.pt", weights_only=True))
    with torch.inference_mode():
        outputs = network(torch.tensor(log_mel.transpose(0, 3, 2, 1)))
    return (outputs[0] if isinstance(outputs, tuple) else outputs).numpy()


def own_logits(shared: Path, log_mel: np.ndarray) -> np.ndarray:
    """The same on the backend of the process."""
    from audiotag import models

    network = models.build("mn04", classes=527, weights=shared / "weights/mn04_as_mAP_432.pt")
    return network.predict(log_mel, verbose=0)


def main(shared: Path) -> None:
    """Print the three tables."""
    golden, families = (module_of(MODELS / f"{subject}_check.py") for subject in ("backend", "family"))
    processes = {backend: KeptProcess(backend) for backend in BACKENDS}
    differences: dict[str, dict[str, float]] = {backend: {} for backend in BACKENDS}
    for backend, process in processes.items():
        for name in GOLDEN:
            differences[backend] |= process.call(golden.golden_differences, shared, name)
        for name in golden.FMN:
            of_outputs = process.call(golden.fmn_differences, shared, name)
            differences[backend] |= {f"{name} {output}": value for output, value in of_outputs.items()}
    table("golden vectors", by_row(differences))
    log_mel = ten_clips(shared)
    expected = reference_logits(shared, log_mel)
    published = {}
    for backend, process in processes.items():
        logits = process.call(own_logits, shared, log_mel)
        best = int((logits.argmax(1) == expected.argmax(1)).sum())
        published[backend] = {f"mn04_as, ten clips, top class equal {best}/10": float(np.abs(logits - expected).max())}
    table("published weights", by_row(published))
    with tempfile.TemporaryDirectory() as name:
        folder, all_of_them = Path(name), list(families.FAMILIES)
        processes["tensorflow"].call(families.write, folder)
        opened = {b: process.call(families.opened, folder, all_of_them) for b, process in processes.items()}
        table("saved by TensorFlow, opened on", by_row(opened))
        processes["plain"] = KeptProcess("tensorflow", audiotag=False)
        alone = processes["plain"].call(families.opened, folder, all_of_them)
    print("\nopen without audiotag:", ", ".join(name for name, outcome in alone.items() if isinstance(outcome, float)))
    print("need `import audiotag`:", ", ".join(name for name, outcome in alone.items() if isinstance(outcome, str)))
    for process in processes.values():
        process.close()


if __name__ == "__main__":
    main(Path(os.environ.get("AUDIOTAG_TEST_DATA", Path(__file__).parents[3] / "shared")))
