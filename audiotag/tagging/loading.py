"""Open a tagger by name, a published model, a `.keras` file or a run folder, and write one."""

from __future__ import annotations

import json
import secrets
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag import run_folder
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.tagging.tagger import AudioTagger

REGISTERED_NAME = "audiotag>AudioTagger"


def load(name: str | Path) -> AudioTagger:
    """Open a tagger.

    Args:
        name: name of a published model ("mn04_as": downloaded once, AudioSet's 527 labels, windows of 10 s), a
            `.keras` file (a tagger, or a student, which its own card makes into a tagger), or the folder of a run.
            Calibration and thresholds are those of a tagger's file; a student and a published model have none.

    Raises:
        AudiotagError: nothing of that name; the nearest known one is suggested.

    Example:
        >>> audiotag.load("mn10_as").tag("street.wav", top=5)
    """
    path = Path(name)
    if path.is_dir():
        return _from_file(run_folder.model_file(path))
    if path.suffix == ".keras":
        return _from_file(path)
    if path.is_file():
        raise AudiotagError(f"a tagger is a .keras file, a run folder or a published name, received the file {path}")
    return _published(str(name))


def save(tagger: AudioTagger, path: Path) -> None:
    """Write a tagger's file, whole or not at all.

    Raises:
        AudiotagError: a place that cannot be written.
    """
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial.keras")
    try:
        tagger.save(partial)
        partial.replace(path)
    except OSError as error:
        raise AudiotagError(f"{path} cannot be written ({error.strerror or error}): make room on the disk") from error
    finally:
        partial.unlink(missing_ok=True)


def _from_file(path: Path) -> AudioTagger:
    import keras

    from audiotag.models import files
    from audiotag.tagging.tagger import AudioTagger

    if not _holds_tagger(path):
        network, card = files.load(path)
        return AudioTagger(network, card.labels, card.front_end, card.task, card.seconds, card.pad)
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises errors of many kinds for an archive that it cannot use
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{path} cannot be opened ({reason}): is the file whole, and of this version?") from error


def _holds_tagger(path: Path) -> bool:
    """Whether a .keras file is a whole tagger rather than a bare network."""
    try:
        with zipfile.ZipFile(path) as packed:
            return json.loads(packed.read("config.json")).get("registered_name") == REGISTERED_NAME
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise AudiotagError(f"{path} is not a .keras file, or not a whole one: copy it or train it again") from error


def _published(name: str) -> AudioTagger:
    from audiotag import models
    from audiotag.tagging.tagger import AudioTagger

    preset = models.preset(name)
    network = models.load_published(preset.name)
    return AudioTagger(network, preset.vocabulary, preset.front_end, "multilabel", preset.seconds, pad="none")
