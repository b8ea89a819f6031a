"""A run folder: what was trained, how, on what, and how it went."""

from __future__ import annotations

import dataclasses
import os
import platform
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiotag import __version__, progress, records, run_folder, storage
from audiotag.errors import AudiotagError
from audiotag.records import teachers
from audiotag.run_folder import CHECKPOINTS, RECIPE, STUDENT, TAGGER
from audiotag.training.recipe import Recipe

OF_A_MACHINE = ("data", "data_relative", "versions")
"""What `recipe.toml` says that may differ between the hosts of one training."""

_OF_LENGTH = {"epochs", "warmup", "ramp_start", "ramp_epochs"}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        path: the run folder.
        recipe: the recipe, resolved.
        epochs: epochs trained.
        best_epoch: the epoch whose weights were kept, counted from 1.
        best_value: what the monitor was then; None where it is "last".
        history: what was measured, one dictionary an epoch.
    """

    path: Path
    recipe: Recipe
    epochs: int
    best_epoch: int
    best_value: float | None
    history: tuple[dict[str, float], ...]

    @property
    def student(self) -> Path:
        """The network: log-mel to logits, plain Keras."""
        return self.path / STUDENT

    @property
    def tagger(self) -> Path:
        """The tagger: waveform to scores."""
        return self.path / TAGGER


def describe(recipe: Recipe, data: records.Data, out: Path) -> dict[str, Any]:
    """What `recipe.toml` says: the resolved recipe, what it was trained on, and with which versions.

    Returns:
        The recipe's fields (None left out), then `data_relative` (the data set seen from the run folder, so that
        both can move together; none where it lies behind an address), `data_name`, `fingerprint` of the data set,
        `teacher_fingerprint`, `backend`, `versions`.
    """
    import keras
    import tensorflow as tf

    fields = {name: value for name, value in dataclasses.asdict(recipe).items() if value is not None}
    if not storage.is_remote(data.path):
        fields["data_relative"] = Path(os.path.relpath(recipe.data, out.resolve())).as_posix()
    described = fields | {
        "data_name": data.name,
        "fingerprint": data.fingerprint,
        "backend": keras.backend.backend(),
    }
    if recipe.teacher is not None:
        outputs = [teachers.read(data.teacher_folder(name)) for name in teachers.parse(recipe.teacher)]
        shards = [card["shards"] for card in outputs]
        described["teacher_fingerprint"] = storage.fingerprint(shards[0] if len(shards) == 1 else shards)
    versions = {package.__name__: package.__version__ for package in (keras, tf, np)}
    described["versions"] = {"audiotag": __version__, **versions, "python": platform.python_version()}
    return described


@contextmanager
def claimed(out: Path, described: dict[str, Any]) -> Iterator[None]:
    """Hold a run folder against other processes; make it and write its `recipe.toml`, or check the one it has.

    Before the first checkpoint there is nothing to lose, and another recipe takes the folder over. A recipe of more
    epochs takes it over too: the run goes on, by the learning rates of the longer run.

    Raises:
        AudiotagError: another process trains there; the folder holds something else, or another recipe; the differing
            fields are named.
    """
    if out.exists() and not out.is_dir():
        raise AudiotagError(f"a run needs a folder, {out} is a file: choose another")
    with storage.locked(out, f"another process is training into {out}: wait for it or end it"):
        _claim(out, described)
        yield


def _claim(out: Path, described: dict[str, Any]) -> None:
    import tomli_w

    path = out / RECIPE
    if not path.exists() or not any((out / CHECKPOINTS).glob("*.npz")):
        if not path.exists() and any(not file.name.startswith(".") for file in out.iterdir()):
            raise AudiotagError(f"{out} holds files but no {RECIPE}: train into a new or empty folder")
        _write(path, described)
        return
    earlier, described = run_folder.recipe(out), tomllib.loads(tomli_w.dumps(described))
    # A run of an earlier audiotag does not know the fields that came later: it was trained with their defaults.
    defaults = {field.name: field.default for field in dataclasses.fields(Recipe) if field.name != "data"}
    names = [*defaults, "fingerprint", "teacher_fingerprint", "backend"]
    both = [(name, earlier.get(name, defaults.get(name)), described.get(name)) for name in names]
    changed = [f"{name} ({_shown(there)} there, {_shown(now)} now)" for name, there, now in both if there != now]
    longer = {name for name, there, now in both if there != now} <= _OF_LENGTH
    if changed and longer and described["epochs"] > earlier["epochs"]:
        progress.say(
            f"{out} was to have {earlier['epochs']} epochs: it goes on to {described['epochs']}, "
            "by the learning rates of the longer run"
        )
        _write(path, described)
    elif changed:
        raise AudiotagError(
            f"{out} holds a run of another recipe, different in {', '.join(changed)}: "
            "train into a new folder, or ask for the same recipe to resume"
        )


def _write(path: Path, described: dict[str, Any]) -> None:
    import tomli_w

    with storage.write_atomically(path) as file:
        file.write(tomli_w.dumps(described))


def _shown(value: Any) -> str:
    return f"{value[:12]}…" if isinstance(value, str) and len(value) == 64 else repr(value)
