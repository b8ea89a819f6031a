"""The clips as TensorBoard's projector shows them: a point each where the network places it, with its labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.metrics import per_class
from audiotag.report.report import Report

CONFIG, VECTORS, METADATA, BOOKMARKS = "projector_config.pbtxt", "vectors.tsv", "clips.tsv", "bookmarks.json"
FILES = (CONFIG, VECTORS, METADATA, BOOKMARKS)
_COLOURS = 48  # the projector colours a column of at most 50 different texts: these, (other) and (none)
_NAME = "clips"


def write(folder: Path, report: Report) -> None:
    """Write the embeddings and what is known of each clip.

    Args:
        folder: TensorBoard's run.
        report: with `embeddings`.
    """
    chosen, vectors = report.embeddings
    np.savetxt(folder / VECTORS, vectors, "%.5g", "\t")
    columns = describe(report, chosen)
    lines = zip(*columns.values(), strict=True)
    content = "".join("\t".join(map(_line, line)) + "\n" for line in (columns, *lines))
    (folder / METADATA).write_text(content, encoding="utf-8")
    views = {"coloured by class": "class", "right or wrong": "found"}
    states = [_bookmark(name, column, vectors.shape) for name, column in views.items()]
    (folder / BOOKMARKS).write_text(json.dumps(states), encoding="utf-8")
    config = (
        f'embeddings {{\n  tensor_name: "{_NAME}"\n  tensor_path: "{VECTORS}"\n'
        f'  metadata_path: "{METADATA}"\n  bookmarks_path: "{BOOKMARKS}"\n}}\n'
    )
    (folder / CONFIG).write_text(config, encoding="utf-8")


def describe(report: Report, chosen: np.ndarray) -> dict[str, list[str]]:
    """What the projector says of each chosen clip, by column.

    `class` is the one to colour by: of a clip's labels that are among the 48 most frequent the rarest, since a frequent
    one says least of it; `(other)` where it has only others, `(none)` where it has no label.
    """
    predictions, names = report.predictions, np.array(report.predictions.labels.names, dtype=object)
    truth = predictions.targets[chosen].astype(bool)
    decided = per_class.decide(predictions.take(chosen))
    frequency = truth.sum(axis=0)
    coloured = truth & np.isin(np.arange(len(names)), np.argsort(-frequency, kind="stable")[:_COLOURS])
    rarest = np.where(coloured, frequency, len(truth) + 1).argmin(axis=1)
    uncoloured = np.where(truth.any(axis=1), "(other)", "(none)")
    classes = np.where(coloured.any(axis=1), names[rarest], uncoloured)
    columns = {
        "class": classes.tolist(),
        "labels": [", ".join(names[row]) for row in truth],
        "predicted": [", ".join(names[row]) for row in decided],
        "found": _outcomes(truth, decided),
        "clip": predictions.clip_ids[chosen].tolist(),
    }
    for column in ("split", "recording"):
        if column in report.clips:
            columns[column] = report.clips[column].iloc[chosen].astype(str).tolist()
    return columns


def _outcomes(truth: np.ndarray, decided: np.ndarray) -> list[str]:
    missed, alarmed = (truth & ~decided).any(axis=1), (decided & ~truth).any(axis=1)
    names = {(False, False): "right", (True, False): "miss", (False, True): "false alarm"}
    pairs = zip(missed.tolist(), alarmed.tolist(), strict=True)
    return [names.get(pair, "miss and false alarm") for pair in pairs]


def _line(text: str) -> str:
    """A cell of a file of tabs and lines: neither is in it, and it is not empty, for which the projector has a hole."""
    return " ".join(str(text).split()) or "(none)"


def _bookmark(name: str, column: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """A view as the projector keeps it: the principal components, coloured by a column.

    It waits for a click: the projector opens without colours whatever a log folder holds, and clears `isSelected`. A
    sprite a point would colour it, but be multiplied with every colour that is chosen afterwards.
    """
    view = {
        "label": name,
        "isSelected": False,
        "selectedColorOptionName": column,
        "selectedLabelOption": "class",
        "selectedProjection": "pca",
        "pcaComponentDimensions": [0, 1, 2],
        "projections": [],
        "dataSetDimensions": list(shape),
        "selectedPoints": [],
    }
    # Settings of the other projections, as they stand when the projector opens: it reads them all.
    view |= {"tSNEIteration": 0, "tSNEPerplexity": 25, "tSNELearningRate": 10, "tSNEis3d": True}
    view |= {"umapIs3d": True, "umapNeighbors": 15, "umapMinDist": 0.1, "customSelectedSearchByMetadataOption": "class"}
    for side in ("XLeft", "XRight", "YUp", "YDown"):
        view |= {f"custom{side}Text": "", f"custom{side}Regex": False}
    return view
