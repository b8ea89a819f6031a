"""Model files: a plain `.keras` archive, with a card inside that says what goes in and what comes out."""

from __future__ import annotations

import dataclasses
import inspect
import json
import secrets
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from audiotag.clip_format import ClipFormat, HoldsClipFormat
from audiotag.errors import AudiotagError

CARD = "audiotag.json"
_CONFIG = "config.json"
_RENORM = {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}


@dataclass(frozen=True)
class ModelCard(HoldsClipFormat):
    """What a network needs beside its weights.

    Args:
        name: name of the model.
        clip_format: what goes in and what comes out; its length is that of the clips of training.
        data_set: name of the data set that it was trained on. Default: none.
        fingerprint: fingerprint of that data set. Default: none.
    """

    name: str
    clip_format: ClipFormat
    data_set: str = ""
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        of_data = {"data_set": self.data_set, "fingerprint": self.fingerprint}
        return {"name": self.name, **self.clip_format.to_dict(), **of_data}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ModelCard:
        """The card that `to_dict` wrote; an unknown or missing field is an error."""
        fields = {"pad": "repeat", "speed": 1.0, "data_set": "", "fingerprint": "", **fields}
        of_format = [field.name for field in dataclasses.fields(ClipFormat)]
        known = ("name", *of_format, "data_set", "fingerprint")
        faults = [f"unknown {name}" for name in fields if name not in known]
        faults += [f"missing {name}" for name in known if name not in fields]
        if faults:
            raise AudiotagError(f"a model card has the fields {', '.join(known)}: {', '.join(faults)}")
        return cls(fields["name"], ClipFormat.from_dict(fields), fields["data_set"], fields["fingerprint"])


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
        _finish(temporary, card)
        temporary.replace(path)
    except OSError as error:
        raise AudiotagError(f"{path} cannot be written ({error.strerror or error}): choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _finish(archive: Path, card: ModelCard | None) -> None:
    """Add the card, and leave out of the configuration what Keras before the installed one does not know."""
    with zipfile.ZipFile(archive) as old:
        members = {name: old.read(name) for name in old.namelist()}
    members[_CONFIG] = json.dumps(_without_new_options(json.loads(members[_CONFIG]))).encode()
    if card is not None:
        members[CARD] = json.dumps(card.to_dict(), indent=2, ensure_ascii=False).encode()
    with zipfile.ZipFile(archive, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)


def _without_new_options(value: Any) -> Any:
    """A saved configuration without the options of Keras' own classes that are off, as they are by default.

    What a later Keras adds is off by default, and an earlier one refuses to read of it at all.
    """
    if isinstance(value, list):
        return [_without_new_options(each) for each in value]
    if not isinstance(value, dict):
        return value
    value = {name: _without_new_options(each) for name, each in value.items()}
    settings, module = value.get("config"), value.get("module") or ""
    if isinstance(settings, dict) and module.split(".")[0] == "keras":
        off = _off_by_default(module, value["class_name"])
        off |= {} if settings.get("renorm", True) else _RENORM
        if module.startswith("keras.src.ops."):
            off["name"] = settings.get("name")  # an operation's name stands beside its settings
        value["config"] = {name: each for name, each in settings.items() if name not in off or each != off[name]}
    return value


def _off_by_default(module: str, name: str) -> dict[str, Any]:
    """The options of a class of Keras whose default is None or False."""
    kind = getattr(sys.modules.get(module) or keras, name, None)
    parameters = inspect.signature(kind).parameters.values() if isinstance(kind, type) else ()
    off = {each.name: each.default for each in parameters if each.default is None or each.default is False}
    return off | {"quantization_config": None}  # of every layer, as a keyword that no signature shows


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
