"""Keras networks as teachers: run folders, `.keras` files, published models, and models that are already open."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from audiotag import models
from audiotag.distill import hearing, mapping
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models import files

if TYPE_CHECKING:
    from audiotag.records import Data

_RANKS = {2: "waveforms", 4: "log-mel"}


@dataclass(frozen=True)
class Teacher:
    """A network with what is needed to trust it.

    Args:
        name: run folder's name, file's stem, published name or the model's own.
        network: log-mel (batch, frames, mels, 1) or waveforms (batch, samples) to logits (batch, classes).
        labels: classes in the order of the logits.
        hears: the front end that it was trained on, or the sample rate of the waveforms that it takes.
        notes: what was assumed about it.
    """

    name: str
    network: keras.Model
    labels: Labels
    hears: hearing.Hears
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the outputs come from, for people."""
        return f"model {self.name}"

    @property
    def length(self) -> int | None:
        """Frames or samples that it takes; None: any."""
        return self.network.input_shape[1]

    @property
    def sha256(self) -> str:
        """Checksum of its weights: the same for every copy of the model, however and whenever it was saved."""
        digest = hashlib.sha256()
        for weight in self.network.get_weights():
            digest.update(f"{weight.dtype} {weight.shape} ".encode())
            digest.update(np.ascontiguousarray(weight))
        return digest.hexdigest()

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Logits (batch, classes), float32, of log-mel (batch, frames, mels, 1) or waveforms (batch, samples)."""
        return np.asarray(self.network.predict_on_batch(inputs), np.float32)


def from_run(folder: Path, labels: Labels | None, data: Data) -> Teacher:
    """The student of a run."""
    if not (folder / "student.keras").exists():
        raise AudiotagError(f"{folder} holds no student.keras: finish its training, or name another teacher")
    return from_file(folder / "student.keras", folder.resolve().name, labels, data)


def from_file(path: Path, name: str, labels: Labels | None, data: Data) -> Teacher:
    """A `.keras` file: with a card, a whole tagger, or any other Keras model."""
    if _has_card(path):
        network, card = models.load(path)
        stated, _ = mapping.settle(name, card.labels, labels, None, data)
        return Teacher(name, network, stated, card.front_end)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises errors of many kinds for an archive that it cannot use
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise AudiotagError(f"{path} cannot be opened as a Keras model ({reason}): name another file") from error
    return from_model(model, name, labels, data)


def _has_card(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return files.CARD in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return True  # and the file's own reader says what is wrong with it


def from_model(model: keras.Model, name: str, labels: Labels | None, data: Data) -> Teacher:
    """A Keras model: a whole tagger states its labels and front end, any other is taken to fit the data set.

    Its input says what it takes: (batch, frames, mels, 1) is log-mel of the data set's front end, (batch, samples)
    are waveforms at its sample rate. An activation at its very end is left out: a teacher gives logits.

    Raises:
        AudiotagError: another input or output, or another number of labels than outputs.
    """
    if all(hasattr(model, part) for part in ("network", "labels", "front_end")):
        stated, _ = mapping.settle(name, model.labels, labels, None, data)
        return Teacher(name, model.network, stated, model.front_end)
    takes, gives = _shape(model, "input_shape"), _shape(model, "output_shape")
    kind = _RANKS.get(len(takes))
    if kind is None or len(gives) != 2 or gives[-1] is None:
        raise AudiotagError(
            "a teacher is a functional Keras model from log-mel (batch, frames, mels, 1) or waveforms "
            f"(batch, samples) to logits (batch, classes), {name} goes from {takes or 'nothing known'} to "
            f"{gives or 'nothing known'}: wrap it in a function (module:function)"
        )
    front_end = data.front_end
    if kind == "log-mel" and (takes[2] not in (None, front_end.mels) or takes[3] not in (None, 1)):
        raise AudiotagError(
            f"log-mel has the shape (batch, frames, mels, 1), {name} takes {takes} and {data.name} has "
            f"{front_end.mels} mels: save it with models.save and a card that names its front end"
        )
    settled, notes = mapping.settle(name, None, labels, gives[-1], data)
    assumed = f"log-mel of front end {front_end.name!r}" if kind == "log-mel" else f"{front_end.sample_rate} Hz"
    notes += (f"{name} does not state what its {kind} must be: taken for {assumed}, the data set's",)
    network, dropped = _without_activation(model)
    notes += (f"the {dropped} at the end of {name} is left out: a teacher gives logits",) if dropped else ()
    return Teacher(name, network, settled, front_end if kind == "log-mel" else front_end.sample_rate, notes)


def _shape(model: keras.Model, which: str) -> tuple[int | None, ...]:
    """A shape without surprises; () where there is none, or several."""
    try:
        shape = getattr(model, which)
    except (AttributeError, ValueError):  # a model of its own class, or one not built yet
        return ()
    return shape if isinstance(shape, tuple) and not any(isinstance(size, tuple | list) for size in shape) else ()


def _without_activation(model: keras.Model) -> tuple[keras.Model, str]:
    """The model without a sigmoid or softmax as its last step, sharing all other layers; and what was left out."""
    last = model.layers[-1] if model.layers else None
    if isinstance(last, keras.layers.Softmax):
        return keras.Model(model.inputs, last.input), "softmax"
    name = getattr(getattr(last, "activation", None), "__name__", "")
    if name not in ("sigmoid", "softmax"):
        return model, ""
    if isinstance(last, keras.layers.Activation):
        return keras.Model(model.inputs, last.input), name
    linear = type(last).from_config({**last.get_config(), "activation": "linear"})
    network = keras.Model(model.inputs, linear(last.input))
    linear.set_weights(last.get_weights())
    return network, name


def published(name: str, labels: Labels | None, data: Data, table: str | Path | None) -> Teacher:
    """A published model by name; one that does not suit the data set is refused before its weights are fetched."""
    preset = models.preset(name)
    stated, _ = mapping.settle(preset.name, preset.vocabulary, labels, None, data)
    mapping.between(preset.name, stated, data, table)
    hearing.of(preset.name, preset.front_end, data)
    return Teacher(preset.name, models.load_published(preset.name), stated, preset.front_end)
