"""What `teach --top` saves and loses: the 527 outputs of mn04_as for the 400 clips of ESC-10.

    AUDIOTAG_CACHE=…/weights python tests/benchmarks/top_logits.py …/esc10

The clips are built without their labels, as those of a data set that has AudioSet's classes and a teacher alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import expit, log_expit

from audiotag import distill, models, records
from audiotag.records import Clip, Declaration

TOPS = (5, 20, 50, 100)


def build(source: Path, out: Path) -> records.Data:
    """ESC-10 as unlabelled clips."""
    esc10 = records.declare("esc50", source=source, subset="esc10")
    clips = tuple(Clip(clip.clip_id, clip.source, (), "train", columns={"unknown": "*"}) for clip in esc10.clips)
    about = {"licence": esc10.licence, "citation": esc10.citation, "seconds": esc10.seconds, "root": esc10.root}
    declared = Declaration("esc10", "1", "multilabel", labels=models.audioset_labels(), clips=clips, **about)
    records.build(declared, out)
    return records.open(out)


def probabilities(data: records.Data, teacher: str, temperature: float = 1.0) -> np.ndarray:
    """Targets of the clips: (clips, classes), float64."""
    batches = data.read("train", batch_size=100, teacher=teacher, temperature=temperature)
    return np.concatenate([target for _, target in batches.as_numpy_iterator()]).astype(np.float64)


def record_bytes(data: records.Data, folder: Path) -> float:
    """Bytes of a teacher's record in the file."""
    return sum(path.stat().st_size for path in folder.glob("*.tfrecord")) / data.count("train")


def divergence(true: np.ndarray, other: np.ndarray) -> float:
    """BCE of other probabilities above that of the true ones, against the true ones: mean over clips and classes."""
    logits, others = (np.log(np.clip(p, 1e-12, 1)) - np.log1p(-np.clip(p, 0, 1 - 1e-12)) for p in (true, other))
    terms = true * (log_expit(logits) - log_expit(others)) + (1 - true) * (log_expit(-logits) - log_expit(-others))
    return float(terms.mean())


def row(name: str, size: float, whole: float, true: np.ndarray, other: np.ndarray) -> None:
    """Print a line of the table."""
    apart, above = np.abs(true - other), divergence(true, other)
    print(f"{name:22} {size:8.0f} {size / whole:7.3f} {apart.mean():12.2e} {apart.max():10.3f} {above:12.2e}")


def main() -> None:
    """Print bytes a record and what the targets lose, a line for each way to store them."""
    with tempfile.TemporaryDirectory() as folder:
        data = build(Path(sys.argv[1]), Path(folder) / "data")
        whole = record_bytes(data, distill.teach(data, "mn04_as", name="all"))
        true, softer = probabilities(data, "all"), probabilities(data, "all", 2.0)
        entropy = -(true * np.log(true) + (1 - true) * np.log1p(-true)).mean()
        print(f"{len(true)} clips, {true.shape[1]} classes, mean probability {true.mean():.5f}, entropy {entropy:.5f}")
        print("stored                    bytes of all  mean |dp|   max |dp|   BCE above")
        row("all, float32", whole, whole, true, true)
        logits = np.log(true) - np.log1p(-true)
        halved = expit(logits.astype(np.float16).astype(np.float64))
        row("all, as float16", whole - 2 * true.shape[1], whole, true, halved)
        for top in TOPS:
            size = record_bytes(data, distill.teach(data, "mn04_as", name=f"top{top}", top=top))
            row(f"top {top}", size, whole, true, probabilities(data, f"top{top}"))
            row(f"top {top}, temperature 2", size, whole, softer, probabilities(data, f"top{top}", 2.0))
            largest = np.sort(true, axis=1)[:, -top:]
            fill = largest[:, :1] / (true.shape[1] - top)
            row(f"top {top}, CED's rest", size, whole, true, np.where(true < largest[:, :1], fill, true))


if __name__ == "__main__":
    main()
