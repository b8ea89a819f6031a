"""Models that say nothing about themselves but shapes: what they take, and which classes they give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, preset
from audiotag.labels import Labels
from audiotag.records import Data
from audiotag.scorers import vocabulary
from audiotag.scorers.inputs import LogMelInput, Run, WaveformInput, of_clips, of_size
from audiotag.scorers.scorer import Outputs, Scorer
from audiotag.task import Task

if TYPE_CHECKING:
    import keras

Shape = tuple[int | None, ...]

SUPPORTED = (
    "waveforms (batch, samples) or (samples,), or log-mel (batch, frames, mels, 1), (batch, frames, mels) or PyTorch's "
    "(batch, 1, mels, frames)"
)
_SECONDS = 10.0
_LEVELS = (0.0, 1e-3, 1e-2, 1e-1)  # RMS of the noise whose outputs tell logits from scores


@dataclass(frozen=True)
class Description:
    """What is said about models that do not state it themselves; the fields are the arguments of `opening.open`.

    Raises:
        AudiotagError: a value out of range.
    """

    data: Data | None = None
    labels: vocabulary.Vocabulary | None = None
    front_end: LogMelConfig | str | None = None
    sample_rate: int | None = None
    task: Task | str | None = None
    outputs: Outputs | None = None

    def __post_init__(self) -> None:
        if self.outputs not in (None, "scores", "logits"):
            raise AudiotagError(f"outputs are scores or logits, received {self.outputs!r}")
        if self.sample_rate is not None and self.sample_rate < 1:
            raise AudiotagError(f"sample_rate must be positive, received {self.sample_rate}: give the model's, in Hz")
        object.__setattr__(self, "task", None if self.task is None else Task(self.task))
        object.__setattr__(self, "front_end", None if self.front_end is None else preset(self.front_end))

    def refuse(self, reason: str, *names: str) -> None:
        """Refuse options for what a model states itself; without names, every option."""
        for name in names or ("labels", "front_end", "sample_rate", "task", "outputs"):
            if getattr(self, name) is not None:
                raise AudiotagError(f"{name} is for models that do not state it, {reason}: leave it out")


@dataclass(frozen=True)
class Foreign:
    """A model as its file describes it.

    Args:
        name, kind, path, network, about, notes: as of `Scorer`.
        shape: of its input, the batch included; None: any.
        classes: number of its outputs; None: not stated.
        run: inputs of that shape, float32, to outputs (batch, classes).
        labels, sample_rate, task, outputs: what it states of these, as of `Description`; None: not stated.
        checksum: gives its SHA-256. Default: that of the file, or of all files of the folder.
    """

    name: str
    kind: str
    path: Path
    shape: Shape
    classes: int | None
    run: Run = field(repr=False)
    about: dict[str, str] = field(default_factory=dict)
    network: keras.Model | None = None
    labels: Labels | None = None
    sample_rate: int | None = None
    task: Task | None = None
    outputs: Outputs | None = None
    notes: tuple[str, ...] = ()
    checksum: Callable[[], str] | None = None


def scorer(model: Foreign, description: Description) -> Scorer:
    """The scorer of a model that states shapes alone, or some things more; what is assumed is noted.

    Args:
        model: what its file says.
        description: what is said about it.

    Raises:
        AudiotagError: an input that is not supported, something that nobody states, or that is stated twice.
    """
    data = description.data
    for name in ("labels", "sample_rate", "task", "outputs"):
        if getattr(model, name) is not None:
            description.refuse(f"{model.name} states it itself", name)
    labels, notes = model.labels, ()
    if labels is None:
        labels, notes = vocabulary.settle(model.name, model.path, description.labels, model.classes, data)
    takes, assumed = _input(model, description)
    task = model.task or description.task or (Task.MULTILABEL if data is None else data.task)
    opened = Scorer(
        name=model.name,
        kind=model.kind,
        path=model.path,
        input=takes,
        run=of_clips(takes, _any_batch(model)),
        labels=labels,
        task=task,
        outputs=model.outputs or description.outputs or "logits",
        seconds=_seconds(takes, data),
        pad="repeat" if data is None else data.pad,
        speed=1.0 if data is None else data.speed,
        checksum=model.checksum or (lambda: file_checksum(model.path)),
        about={"input": takes.describe(), **model.about},
        notes=(*notes, *assumed, *model.notes),
        network=model.network,
    )
    if model.outputs is None and description.outputs is None:
        opened = _decided(opened)
    if opened.outputs == "logits" and model.task is None and description.task is None:
        whose = "nobody states its task" if data is None else f"{data.name} is {data.task}"
        note = f"scores are the {task.activation} of the outputs of {model.name}, since {whose}"
        opened = replace(opened, notes=(*opened.notes, note))
    laid_out_as_ours = takes.front_end is not None and takes.rank == 4 and not takes.channels_first
    if opened.outputs == "logits" and opened.network is not None and laid_out_as_ours:
        from audiotag.tagging import AudioTagger

        parts = (labels, takes.front_end, task, opened.seconds, opened.pad)
        opened = replace(opened, tagger=AudioTagger(opened.network, *parts, speed=opened.speed))
    return opened


def _decided(model: Scorer) -> Scorer:
    """The scorer once noise has told whether its outputs are logits: scores lie in [0, 1]."""
    samples = round(model.seconds * model.sample_rate)
    noise = np.random.default_rng(0).normal(size=(len(_LEVELS), samples)) * np.array(_LEVELS)[:, None]
    raw = model.raw(model.input.of_waveforms(noise.astype(np.float32), model.sample_rate))
    logits = bool(((raw < 0) | (raw > 1)).any())
    outputs, values = ("logits", "some values lie outside") if logits else ("scores", "every value lies in")
    note = f"{model.name} does not state what its outputs are: taken for {outputs}, since of noise {values} [0, 1]"
    return replace(model, outputs=outputs, notes=(*model.notes, note))


def _seconds(takes: LogMelInput | WaveformInput, data: Data | None) -> float:
    """Length of a window: the data set's where it is one that the model takes."""
    if data is None or (takes.seconds and takes.front_end is not None and takes.frames != data.frames):
        return takes.seconds or _SECONDS
    return data.seconds


def _input(model: Foreign, description: Description) -> tuple[LogMelInput | WaveformInput, tuple[str, ...]]:
    """What a model takes by its shape, and what was assumed."""
    rank, data = len(model.shape), description.data
    if rank in (1, 2):
        description.refuse(f"{model.name} takes waveforms", "front_end")
        rate, notes = model.sample_rate or description.sample_rate, ()
        if rate is None:
            rate = _of_data(model, "sample rate", "--sample-rate", data).sample_rate
            notes = (f"{model.name} does not state its sample rate: taken for the data set's, {rate} Hz",)
        pad = "repeat" if data is None else data.pad
        return WaveformInput(rate, model.shape[-1], pad, rank), notes
    if description.sample_rate is not None:
        raise AudiotagError(f"a sample rate is for models that take waveforms, {model.name} does not: leave it out")
    front_end, notes = description.front_end, ()
    if front_end is None:
        front_end = _of_data(model, "front end", "--front-end", data)
        notes = (f"{model.name} does not state its front end: taken for the data set's, {front_end.name!r}",)
    return _log_mel_input(model, front_end, data), notes


def _of_data(model: Foreign, what: str, option: str, data: Data | None) -> LogMelConfig:
    """The front end of the data set, where the model does not state its own."""
    if data is None:
        raise AudiotagError(
            f"{model.name} does not state its {what}: give it with {option}, or a data set of the same with --data"
        )
    return data.front_end


def _log_mel_input(model: Foreign, front_end: LogMelConfig, data: Data | None) -> LogMelInput:
    """The layout of its log-mel, by the number of mels, and of frames where a data set says how long clips are."""
    mels, frames = front_end.mels, None
    if data is not None:
        frames = front_end.frames(round(data.seconds * front_end.sample_rate))
    rank, (first, *_, last) = len(model.shape), model.shape[1:]
    ours, torchs = (_fits(first, frames), last == mels), (first == mels, _fits(last, frames))
    if rank == 4:
        middle = model.shape[2] in (None, mels)
        ours, torchs = (_fits(first, frames), middle, last in (None, 1)), (first == 1, middle, _fits(last, frames))
    shown = f"({', '.join('any' if size is None else str(size) for size in model.shape)})"
    if all(ours) and all(torchs):
        raise AudiotagError(
            f"{model.name} takes {shown}, which may be (frames, mels) or (mels, frames): export it with fixed sizes"
        )
    if rank not in (3, 4) or not (all(ours) or all(torchs)):
        wanted = f"log-mel {front_end.name!r} has {mels} mels"
        if data is not None:
            wanted = f"{data.name} has {frames} frames of {mels} mels"
        raise AudiotagError(
            f"a scorer takes {SUPPORTED}, {model.name} takes {shown} and {wanted}: export it with such an input, or "
            "name its front end or a data set of it"
        )
    return LogMelInput(front_end, first if all(ours) else last, all(torchs), rank)


def _fits(length: int | None, frames: int | None) -> bool:
    return None in (length, frames) or length == frames


def _any_batch(model: Foreign) -> Run:
    """A function of any batch, of a model whose input has a fixed batch, or no batch axis."""
    if len(model.shape) == 1:
        return of_size(lambda batch: np.asarray(model.run(batch[0])).reshape(1, -1), 1)
    return model.run if model.shape[0] is None else of_size(model.run, model.shape[0])


def check_one_each(model: str, inputs: list[str], outputs: list[str]) -> None:
    """Refuse a model that has not exactly one input and one output; all are named."""
    for what, names in (("input", inputs), ("output", outputs)):
        if len(names) != 1:
            raise AudiotagError(
                f"a scorer has one {what}, {model} has {len(names)} ({', '.join(names) or 'none'}): "
                f"export it with the one {what} that matters"
            )


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def file_checksum(path: Path) -> str:
    """SHA-256 of a file; of a folder that of its files' names and checksums."""
    if path.is_file():
        return storage.sha256(path)
    listed = [f"{file.relative_to(path).as_posix()} {storage.sha256(file)}" for file in _files(path)]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def file_size(path: Path) -> str:
    """Size of a file, or of everything in a folder, for people: "4.2 MB"."""
    size = sum(file.stat().st_size for file in _files(path))
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
