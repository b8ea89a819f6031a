"""Models that say nothing about themselves but shapes: what they take, and which classes they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers import vocabularies
from audiotag.scorers.scorer import LogMelInput, Outputs, Scorer, WaveformInput

if TYPE_CHECKING:
    import keras

    from audiotag.labels import Labels
    from audiotag.records import Data

Shape = tuple[int | None, ...]

SUPPORTED = (
    "waveforms (batch, samples) or (samples,), or log-mel (batch, frames, mels, 1), (batch, frames, mels) or PyTorch's "
    "(batch, 1, mels, frames)"
)


@dataclass(frozen=True)
class Foreign:
    """A model as its file describes it.

    Args:
        name: of the file, without its suffix.
        kind: see `Scorer`.
        path: the file or folder.
        shape: of its input, the batch included; None: any.
        outputs: number of its outputs; None: not stated.
        run: inputs of that shape, float32, to outputs (batch, classes).
        about: facts for people.
        network: the model, where it is a Keras model.
    """

    name: str
    kind: str
    path: Path
    shape: Shape
    outputs: int | None
    run: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    about: dict[str, str] = field(default_factory=dict)
    network: keras.Model | None = None


def scorer(
    model: Foreign,
    data: Data,
    *,
    labels: Labels | str | Path | None = None,
    sample_rate: int | None = None,
    outputs: Outputs | None = None,
) -> Scorer:
    """A model that can be evaluated, of one that states shapes alone; what is assumed is noted.

    Args:
        model: what its file says.
        data: the data set; where nobody says otherwise, its front end, sample rate and classes are the model's.
        labels: classes in the order of the outputs; see `vocabularies.settle`.
        sample_rate: of the waveforms that it takes, Hz. Default: the data set's.
        outputs: what its outputs are. Default: decided by their values.

    Raises:
        AudiotagError: an input that is not supported, or no labels for its outputs.
    """
    known, assumed = vocabularies.settle(model.name, model.path, labels, model.outputs, data)
    takes, told = _input(model, data, sample_rate)
    plain = isinstance(takes, LogMelInput) and takes.rank == 4 and not takes.channels_first
    return Scorer(
        name=model.name,
        kind=model.kind,
        path=model.path,
        takes=takes,
        run=for_any_batch(model.run, model.shape),
        labels=known,
        outputs=outputs,
        about={"input": takes.describe(), **model.about},
        notes=(*assumed, *told),
        network=model.network if plain else None,
    )


def _input(model: Foreign, data: Data, rate: int | None) -> tuple[LogMelInput | WaveformInput, tuple[str, ...]]:
    """What a model takes by its shape, and what was assumed."""
    rank = len(model.shape)
    if rank in (1, 2):
        given = data.front_end.sample_rate if rate is None else rate
        if given < 1:
            raise AudiotagError(f"sample_rate must be positive, received {rate}: give the rate of {model.name} in Hz")
        note = f"{model.name} does not state its sample rate: taken for the data set's, {given} Hz"
        return WaveformInput(given, model.shape[-1], data.pad, rank), () if rate is not None else (note,)
    if rate is not None:
        raise AudiotagError(f"a sample rate is for models that take waveforms, {model.name} does not: leave it out")
    note = f"{model.name} does not state its front end: taken for the data set's, {data.front_end.name!r}"
    return _log_mel_input(model, data, rank), (note,)


def _log_mel_input(model: Foreign, data: Data, rank: int) -> LogMelInput:
    mels, frames = data.front_end.mels, (None, data.frames)
    ours = torchs = False
    if rank == 4:
        _, first, second, third = model.shape
        ours = third == 1 and second in (None, mels) and first in frames
        torchs = first == 1 and second in (None, mels) and third in frames
    elif rank == 3:
        _, first, second = model.shape
        ours, torchs = second == mels and first in frames, first == mels and second in frames
    shown = f"({', '.join('any' if size is None else str(size) for size in model.shape)})"
    if ours and torchs:
        raise AudiotagError(
            f"{model.name} takes {shown}, which may be (frames, mels) or (mels, frames): export it with fixed sizes"
        )
    if not (ours or torchs):
        raise AudiotagError(
            f"an evaluated model takes {SUPPORTED}, {model.name} takes {shown} and {data.name} has {data.frames} "
            f"frames of {mels} mels: export it with such an input, or build the data set with its front end"
        )
    return LogMelInput(data.front_end, model.shape[1 if ours else -1 if rank == 3 else 3], torchs, rank)


def for_any_batch(run: Callable[[np.ndarray], np.ndarray], shape: Shape) -> Callable[[np.ndarray], np.ndarray]:
    """A function for any batch, of one whose input has a fixed batch, or no batch axis.

    An incomplete last batch is filled up with its own inputs.

    Args:
        run: inputs of `shape` to outputs.
        shape: (batch, …), the batch None where it takes any; (samples,): one input at a time.
    """
    if len(shape) > 1 and shape[0] is None:
        return run
    single, size = len(shape) == 1, 1 if len(shape) == 1 else shape[0]

    def all_of(inputs: np.ndarray) -> np.ndarray:
        outputs = []
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            given = np.resize(part, (size, *part.shape[1:]))
            outputs.append(np.asarray(run(given[0] if single else given)).reshape(size, -1)[: len(part)])
        return np.concatenate(outputs)

    return all_of


def only(what: str, name: str, found: list[str]) -> None:
    """Refuse a model that has not exactly one input, or output.

    Args:
        what: "input" or "output".
        name: of the model.
        found: the names of those it has.
    """
    if len(found) != 1:
        raise AudiotagError(
            f"an evaluated model has one {what}, {name} has {len(found)} ({', '.join(found) or 'none'}): "
            f"export it with the one {what} that matters"
        )


def file_size(path: Path) -> str:
    """Size of a file, or of everything in a folder, for people: "4.2 MB"."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    size = sum(one.stat().st_size for one in files)
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
