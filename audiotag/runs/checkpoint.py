"""How far a run has come: the `progress` of its newest whole checkpoint, read without the weights beside it."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import numpy as np

from audiotag.run_folder import CHECKPOINTS
from audiotag.runs.files import RunFiles

_MEMBER = "progress.npy"
_NETWORK = "network/"
_HEADER = 128  # bytes before the values of a member: NumPy fills its header up to a multiple of 64
_SEED_STATE = _HEADER + 8  # two whole numbers, which count as no parameters
_BROKEN = (EOFError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says of its run.

    Args:
        epoch: finished epochs.
        best_epoch: the best of them, counted from 1; 0 before the first.
        best_value: what the monitor was then; None where it was not a number, or is "last".
        stopped: whether the run ended early.
        history: what was measured, one dictionary an epoch.
        parameters: numbers that the network holds.
    """

    epoch: int
    best_epoch: int
    best_value: float | None
    stopped: bool
    history: tuple[dict[str, float], ...]
    parameters: int


def newest(run: RunFiles) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest checkpoint of a run that is whole; None where it has none.

    Returns:
        It, and what is damaged: a line for each newer file that is not whole.
    """
    damaged = []
    for name in sorted(filter(_is_checkpoint, run.files), key=_place, reverse=True):
        try:
            checkpoint = run.parse(name, _read)
        except FileNotFoundError:  # a run that is being trained deletes what it no longer needs
            continue
        if checkpoint is not None:
            return checkpoint, tuple(damaged)
        damaged.append(f"{name} is damaged")
    return None, tuple(damaged)


def _is_checkpoint(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == CHECKPOINTS and len(path.parts) == 2 and path.suffix == ".npz" and path.name[0] != "."


def _place(name: str) -> tuple[int, ...]:
    """Where a checkpoint stands in the run, by the numbers of its name."""
    return tuple(map(int, re.findall(r"\d+", PurePosixPath(name).name)))


def _read(file: IO[bytes]) -> Checkpoint | None:
    """A checkpoint; None where it is damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            with archive.open(_MEMBER) as member:
                progress = json.loads(np.lib.format.read_array(member, allow_pickle=False).tobytes())
            return Checkpoint(
                epoch=int(progress["epoch"]),
                best_epoch=int(progress["best_epoch"]),
                best_value=progress["best_value"],
                stopped=bool(progress["stopped"]),
                history=tuple(progress["history"]),
                parameters=sum(_parameters(archive, member) for member in archive.infolist()),
            )
    except _BROKEN:
        return None


def _parameters(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Float32 values of a variable, by the size that the archive's table says it has."""
    if not member.filename.startswith(_NETWORK):
        return 0
    if member.file_size == _SEED_STATE:
        with archive.open(member) as content:
            return 0 if np.lib.format.read_array(content, allow_pickle=False).dtype.kind in "iu" else 2
    return (member.file_size - _HEADER) // 4
