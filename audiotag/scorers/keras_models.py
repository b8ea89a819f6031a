"""Keras models: runs, taggers, students, published weights, and any other `.keras` file."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers.foreign import Foreign, file_size
from audiotag.scorers.scorer import LogMelInput, Scorer

if TYPE_CHECKING:
    import keras

    from audiotag.tagging import AudioTagger

STUDENT, TAGGER = "student.keras", "tagger.keras"


def from_run(run: Path) -> Scorer:
    """The tagger of a run, with its calibration and thresholds; else its student.

    Raises:
        AudiotagError: the folder holds neither, or the file cannot be used.
    """
    from audiotag.models import files
    from audiotag.tagging import loading

    held = [run / name for name in (TAGGER, STUDENT) if (run / name).is_file()]
    if not held:
        raise AudiotagError(
            f"a run folder holds {TAGGER} or {STUDENT}, {run} does not: give the --out folder of `audiotag train`"
        )
    found = from_tagger(loading.load(held[0]), run.resolve().name, "run", run)
    about = found.about | {"file": file_size(held[0])}
    if (run / STUDENT).is_file():
        about |= {"trained on": files.card(run / STUDENT).data_set}
    return replace(found, about={name: said for name, said in about.items() if said})


def from_published(name: str) -> Scorer:
    """Published weights by name; an unknown name is an error that suggests the nearest."""
    from audiotag import models
    from audiotag.tagging import loading

    preset = models.preset(name)
    found = from_tagger(loading.load(preset.name), preset.name, "Keras model", Path(preset.name))
    return replace(found, about=found.about | {"published": preset.source, "licence": preset.licence})


def from_tagger(tagger: AudioTagger, name: str, kind: str, path: Path) -> Scorer:
    """The network of a tagger, with all that the tagger says about it."""
    from audiotag import models

    network, thresholds = tagger.network, getattr(tagger, "thresholds", None)
    about = {
        "architecture": network.name,
        "parameters": f"{models.parameters(network):,}",
        "front end": tagger.front_end.describe(),
        "window": f"{tagger.seconds:g} s",
    }
    return Scorer(
        name=name,
        kind=kind,
        path=path,
        takes=LogMelInput(tagger.front_end, network.input_shape[1]),
        run=network.predict_on_batch,
        labels=tagger.labels,
        task=tagger.task,
        outputs="logits",
        about=about,
        network=network,
        calibration=getattr(tagger, "calibration", None),
        thresholds=None if thresholds is None else np.asarray(thresholds, np.float64),
        thresholds_from=getattr(tagger, "thresholds_from", "") or "",
    )


def from_file(path: Path) -> Scorer | Foreign:
    """A `.keras` file: a tagger, a student with its card, or a model of anybody's.

    Opened in Keras' safe mode: no code in the file is run.

    Raises:
        AudiotagError: no such file, or one that Keras cannot open; a model that is not functional.
    """
    from audiotag.models import files
    from audiotag.tagging import loading

    if _is_own(path):
        found = from_tagger(loading.load(path), path.stem, "Keras model", path)
        return replace(found, about=found.about | {"file": file_size(path)})
    model = files.load_network(path)
    return Foreign(
        name=path.stem,
        kind="Keras model",
        path=path,
        shape=_shape(model, "input_shape", path),
        outputs=_shape(model, "output_shape", path)[-1],
        run=model.predict_on_batch,
        about={"architecture": model.name, "parameters": f"{model.count_params():,}", "file": file_size(path)},
        network=model,
    )


def _is_own(path: Path) -> bool:
    """Whether a file is a tagger's, or has a card of audiotag's; what is no archive is left to Keras' reader."""
    from audiotag.models import files
    from audiotag.tagging import loading

    try:
        with zipfile.ZipFile(path) as archive:
            registered = json.loads(archive.read("config.json")).get("registered_name")
            return files.CARD in archive.namelist() or registered == loading.REGISTERED_NAME
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return False


def _shape(model: keras.Model, which: str, path: Path) -> tuple[int | None, ...]:
    """Shape of a model's one input or output."""
    try:
        shape = getattr(model, which)
    except (AttributeError, ValueError):  # a model of its own class, or one not built yet
        shape = None
    if not isinstance(shape, tuple) or any(isinstance(size, tuple | list) for size in shape):
        raise AudiotagError(
            f"an evaluated Keras model is functional or sequential, with one input and one output, {path} has the "
            f"{which.replace('_', ' ')} {shape}: save such a model"
        )
    return shape
