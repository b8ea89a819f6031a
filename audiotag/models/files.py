"""Model files: a plain `.keras` archive, with a card inside that says what goes in and what comes out."""

from __future__ import annotations

import dataclasses
import json
import secrets
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from audiotag.errors import AudiotagError, suggest
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

CARD = "audiotag.json"
TASKS = ("multiclass", "multilabel")
PADS = ("repeat", "zero")


@dataclass(frozen=True)
class ModelCard:
    """What a network needs beside its weights.

    Args:
        name: name of the model.
        labels: classes in the order of the outputs.
        front_end: the log-mel that it takes.
        task: "multiclass" or "multilabel".
        seconds: length of the clips that it was trained on, positive.
        pad: "repeat" or "zero": how shorter clips are filled up. Default "repeat".
        data_set: name of the data set that it was trained on. Default: none.
        fingerprint: fingerprint of that data set. Default: none.

    Raises:
        AudiotagError: a value outside its range.
    """

    name: str
    labels: Labels
    front_end: LogMelConfig
    task: str
    seconds: float
    pad: str = "repeat"
    data_set: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        for value, kind, known in ((self.task, "task", TASKS), (self.pad, "pad", PADS)):
            if value not in known:
                raise AudiotagError(f"no {kind} of a model is named {value!r}: {suggest(str(value), known)}")
        if not self.seconds > 0:
            raise AudiotagError(f"seconds of a model must be positive, received {self.seconds}")

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        labels = {"names": list(self.labels.names), "ids": list(self.labels.ids)}
        return {**fields, "labels": labels, "front_end": self.front_end.to_dict()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ModelCard:
        """The card that `to_dict` wrote; an unknown or missing field is an error."""
        known = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(cls)}
        unknown = [name for name in fields if name not in known]
        missing = [name for name, needed in known.items() if needed and name not in fields]
        if unknown or missing:
            told = f"unknown {', '.join(unknown)}" if unknown else f"missing {', '.join(missing)}"
            raise AudiotagError(f"a model card has the fields {', '.join(known)}: {told}")
        labels = Labels(tuple(fields["labels"]["names"]), tuple(fields["labels"]["ids"]))
        return cls(**{**fields, "labels": labels, "front_end": LogMelConfig.from_dict(fields["front_end"])})


def save(model: keras.Model, path: Path | str, card: ModelCard | None = None) -> Path:
    """Write a model and its card as one `.keras` file, whole or not at all; plain Keras opens it too.

    Args:
        model: the model.
        path: the file, ending in `.keras`; its folder is made if missing.
        card: what to say about the model. Default: nothing, as of an `AudioTagger`, which says it itself.

    Returns:
        The file.

    Raises:
        AudiotagError: another suffix, or a place that cannot be written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise AudiotagError(f"a model file ends in .keras, received {path.name!r}: rename it")
    # Keras insists on the suffix and on writing the file itself.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial.keras")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(temporary)
        if card is not None:
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(CARD, json.dumps(card.to_dict(), indent=2, ensure_ascii=False))
        temporary.replace(path)
    except OSError as error:
        raise AudiotagError(f"{path} cannot be written ({error.strerror or error}): choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def card(path: Path | str) -> ModelCard:
    """The card of a model file.

    Raises:
        AudiotagError: no such file, no model file, or one without a card.
    """
    with _opened(path) as archive:
        if CARD not in archive.namelist():
            raise AudiotagError(f"{path} has no model card ({CARD}): name a student.keras, or save it with models.save")
        try:
            return ModelCard.from_dict(json.loads(archive.read(CARD)))
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise AudiotagError(f"the model card of {path} is damaged ({error}): restore the file") from error


def load(path: Path | str) -> tuple[keras.Model, ModelCard]:
    """A model file and its card; in safe mode, so that no code in the file is run.

    Raises:
        AudiotagError: no such file, no model file, or one without a card.
    """
    return load_model(path), card(path)


def load_network(path: Path | str) -> keras.Model:
    """The network of a model file from log-mel to logits; of a tagger's file, the network inside."""
    model = load_model(path)
    return getattr(model, "network", model)


def load_model(path: Path | str) -> keras.Model:
    """A `.keras` file as Keras opens it; in safe mode, so that no code in the file is run.

    Raises:
        AudiotagError: no such file, or one that Keras cannot open.
    """
    _opened(path).close()
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras raises errors of many kinds for an archive that it cannot use.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise AudiotagError(f"{path} cannot be opened as a Keras model ({reason}): restore the file") from error


def _opened(path: Path | str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise AudiotagError(f"{path} cannot be read ({error.strerror or error}): name a .keras file") from error
    except zipfile.BadZipFile as error:
        raise AudiotagError(f"{path} is not a .keras file, or is damaged: restore it") from error
