"""Keras models: runs, taggers, students, published weights, and any other `.keras` file or model."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from audiotag import models, run_folder
from audiotag.clip_format import PADDING, PUBLISHED_PAD, describe_speed
from audiotag.errors import AudiotagError
from audiotag.metrics.predictions import Predictions
from audiotag.models import files
from audiotag.records import Data
from audiotag.records.clips import check_complete
from audiotag.scorers.foreign import Foreign, file_size
from audiotag.scorers.inputs import LogMelInput
from audiotag.scorers.reading import Reading
from audiotag.scorers.scorer import Outputs, Scorer
from audiotag.tagging import AudioTagger
from audiotag.task import Task

if TYPE_CHECKING:
    from audiotag.models import Preset

_TASKS = {"sigmoid": Task.MULTILABEL, "softmax": Task.MULTICLASS}


def from_run(run: Path) -> Scorer:
    """The tagger of a run, with its calibration and thresholds; else its student.

    Raises:
        AudiotagError: the folder holds neither, or the file cannot be used.
    """
    file = run_folder.model_file(run)
    model = files.load_model(file)
    tagger = model if isinstance(model, AudioTagger) else _with_card(model, file)
    scorer = from_tagger(tagger, run.resolve().name, "run", run)
    about = scorer.about | {"file": file_size(file)}
    if (run / run_folder.STUDENT).is_file() and (data_set := files.card(run / run_folder.STUDENT).data_set):
        about |= {"trained on": data_set}
    return replace(scorer, about=about, calibration_file=run / run_folder.TAGGER)


def from_published(preset: Preset) -> Scorer:
    """Published weights, which are downloaded once."""
    parts = (preset.vocabulary, preset.front_end, Task.MULTILABEL, preset.seconds)  # weights without sounds are refused
    network = models.load_published(preset.name)
    scorer = from_tagger(AudioTagger(network, *parts, pad=PUBLISHED_PAD), preset.name, "Keras model", Path(preset.name))
    return replace(scorer, about=scorer.about | {"published": preset.source, "licence": preset.licence})


def unfetched(preset: Preset) -> Scorer:
    """Published weights without the weights: enough to see whether they suit a data set."""

    def run(_: np.ndarray) -> np.ndarray:
        raise AudiotagError(f"the weights of {preset.name} have not been fetched: open it first")

    takes = LogMelInput(preset.front_end)
    return Scorer(preset.name, "Keras model", Path(preset.name), takes, run, preset.vocabulary, Task.MULTILABEL)


def from_tagger(tagger: AudioTagger, name: str, kind: str, path: Path) -> Scorer:
    """The network of a tagger, with all that the tagger says about it."""
    network = tagger.network
    return Scorer(
        name=name,
        kind=kind,
        path=path,
        input=LogMelInput(tagger.front_end, network.input_shape[1]),
        run=network.predict_on_batch,
        labels=tagger.labels,
        task=tagger.task,
        seconds=tagger.seconds,
        pad=tagger.pad,
        speed=tagger.speed,
        checksum=lambda: _checksum(network),
        about={
            "architecture": network.name,
            "parameters": f"{models.parameters(network):,}",
            "front end": tagger.front_end.describe(),
            "window": f"{tagger.seconds:g} s",
            "shorter recordings": PADDING[tagger.pad],
            **({} if tagger.speed == 1 else {"recordings are played at": describe_speed(tagger.speed)}),
        },
        network=network,
        tagger=tagger,
        calibration=tagger.calibration,
        thresholds=None if tagger.thresholds is None else np.array(tagger.thresholds),
        thresholds_from=tagger.thresholds_from,
    )


def predict(model: keras.Model, data: Data, split: str, batch_size: int = 32) -> Predictions:
    """Scores of every clip of a split, untouched (variant 0).

    Args:
        model: (batch, frames, mels, 1) -> logits (batch, classes).
        data: an open data set.
        split: expression of splits: "test", "fold5", "fold1..4".
        batch_size: clips at a time.

    Returns:
        Predictions in the order of the records.

    Raises:
        AudiotagError: a score is not finite, or the records and `clips.csv` disagree about the clips of the split.
    """
    path, takes = Path(model.name), LogMelInput(data.front_end)
    parts = (takes, model.predict_on_batch, data.labels, Task(data.task))
    scorer = Scorer(model.name, "Keras model", path, *parts)
    clip_ids, targets, outputs = [], [], []
    for batch, raw in Reading(scorer, data).outputs(batch_size, split):
        clip_ids += batch["clip_id"]
        targets.append(batch["target"])
        outputs.append(raw)
    check_complete(clip_ids, data, split)
    truth, scores = np.concatenate(targets), scorer.uncalibrated(np.concatenate(outputs))
    judged = ~np.isnan(truth)
    truth, known = np.where(judged, truth, 0).astype(np.uint8), None if judged.all() else judged
    return Predictions(np.array(clip_ids), truth, scores, data.labels, data.task, known)


def from_file(path: Path, outputs: Outputs | None) -> Scorer | Foreign:
    """A `.keras` file: a tagger, a student with its card, or a model of anybody's.

    Opened in Keras' safe mode: no code in the file is run.

    Args:
        path: the file.
        outputs: see `from_model`.

    Raises:
        AudiotagError: no such file, or one that Keras cannot open; a model that is not functional.
    """
    model, about = files.load_model(path), {"file": file_size(path)}
    if isinstance(model, AudioTagger):
        opened = replace(from_tagger(model, path.stem, "Keras model", path), calibration_file=path)
    else:
        with zipfile.ZipFile(path) as archive:
            has_card = files.CARD in archive.namelist()
        model = _with_card(model, path) if has_card else model
        opened = from_model(model, path.stem, path, outputs)
    return replace(opened, about=opened.about | about)


def from_model(model: keras.Model, name: str, path: Path, outputs: Outputs | None) -> Scorer | Foreign:
    """A Keras model: an AudioTagger states everything itself, any other functional model only shapes.

    A sigmoid or softmax at its very end is left out, and says what is asked of a clip: its logits are worth more.

    Args:
        model: the model.
        name: what it is called.
        path: where it lies; its name where it is no file.
        outputs: what the user says that its outputs are; where they are said to be logits, nothing is left out.

    Raises:
        AudiotagError: several inputs or outputs, or a model of its own class.
    """
    if isinstance(model, AudioTagger):
        return from_tagger(model, name, "Keras model", path)
    takes, gives = (_shape(model, which, path) for which in ("input_shape", "output_shape"))
    if len(gives) != 2 or gives[-1] is None:
        raise AudiotagError(f"a scorer gives (batch, classes), {name} gives {gives}: save a model that does")
    network, activation = (model, "") if outputs == "logits" else _without_activation(model)
    notes = (f"the {activation} at the end of {name} is left out and applied to its logits",) if activation else ()
    return Foreign(
        name=name,
        kind="Keras model",
        path=path,
        shape=takes,
        classes=gives[-1],
        run=network.predict_on_batch,
        about={"architecture": model.name, "parameters": f"{model.count_params():,}"},
        network=network,
        task=_TASKS.get(activation),
        outputs="logits" if activation else None,
        notes=notes,
        checksum=lambda: _checksum(network),
    )


def _with_card(network: keras.Model, path: Path) -> AudioTagger:
    """The tagger of a student, by the card in its file."""
    card = files.card(path)
    return AudioTagger(network, card.labels, card.front_end, card.task, card.seconds, card.pad, speed=card.speed)


def _checksum(network: keras.Model) -> str:
    """Checksum of its weights: the same for every copy of the model, however and whenever it was saved."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(f"{weight.dtype} {weight.shape} ".encode())
        digest.update(np.ascontiguousarray(weight))
    return digest.hexdigest()


def _shape(model: keras.Model, which: str, path: Path) -> tuple[int | None, ...]:
    try:
        shape = getattr(model, which)
    except (AttributeError, ValueError):  # a model of its own class, or one not built yet
        shape = None
    if not isinstance(shape, tuple) or any(isinstance(size, tuple | list) for size in shape):
        raise AudiotagError(
            f"a Keras model that scores sound is functional or sequential, with one input and one output, {path} has "
            f"the {which.replace('_', ' ')} {shape}: save such a model, or wrap it in a function (module:function)"
        )
    return shape


def _without_activation(model: keras.Model) -> tuple[keras.Model, str]:
    """The model without a sigmoid or softmax as its last step, sharing all other layers; and what was left out."""
    last = model.layers[-1] if model.layers else None
    if isinstance(last, keras.layers.Softmax):
        return keras.Model(model.inputs, last.input), "softmax"
    name = getattr(getattr(last, "activation", None), "__name__", "")
    if name not in _TASKS:
        return model, ""
    if isinstance(last, keras.layers.Activation):
        return keras.Model(model.inputs, last.input), name
    linear = type(last).from_config({**last.get_config(), "activation": "linear"})
    network = keras.Model(model.inputs, linear(last.input))
    linear.set_weights(last.get_weights())
    return network, name
