"""Keras files: from waveform the whole tagger; from log-mel the network, which plain Keras opens and trains further."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.export.function import WAVEFORM, Function
from audiotag.scorers.exported import SCORES, Card

PRECISIONS = ("float32",)
SUFFIX = ".keras"
BATCH = 8
ANY_LENGTH = True


def write(function: Function, precision: str, card: Card, path: Path, fitting: np.ndarray | None) -> None:
    """Write a Keras file.

    Args:
        function: what is exported. From waveform its file is the tagger, which needs audiotag to be opened; from
            log-mel the network, whose outputs are logits, before any calibration.
        precision: "float32".
        card: what is said of it beside labels and front end is of the tagger itself.
        path: the file.
        fitting: not used.

    Raises:
        AudiotagError: outputs beside the scores, or a calibration or thresholds that the network alone would lose.
    """
    if function.outputs != (SCORES,):
        raise AudiotagError(
            f"a Keras file has the one output of its model, received {', '.join(function.outputs)}: call embed or "
            "events of the opened tagger"
        )
    if function.takes == WAVEFORM:
        models.save(function.tagger, path)
        return
    if function.tagger.calibration is not None or function.tagger.thresholds is not None:
        raise AudiotagError(
            "a network alone has neither calibration nor thresholds, those of the tagger would be lost: export the "
            "tagger to keras from waveform, or remove them with `audiotag calibrate --method none`"
        )
    models.save(function.tagger.network, path, models.ModelCard(card.name, card.clip_format))
