"""What a data set is before it is built: clips, labels, licence. Files in `datasets/` return a `Declaration`."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from audiotag import audio, storage
from audiotag.errors import AudioError, AudiotagError, suggest
from audiotag.labels import Labels, split_cell
from audiotag.speech import text as texts
from audiotag.task import Task

CLIP_COLUMNS = ("clip_id", "source", "start", "end", "split", "labels", "status", "reason")
"""Columns that `clips.csv` always has; a clip's further ones have other names."""

READ_COLUMNS = ("read_channel", "read_speed")
"""Further columns by which a clip's recording is read in another way than usual."""

UNKNOWN = "unknown"
"""A further column: the classes of which nobody judged whether they sound in the clip, several separated by `;`."""

TEXT = "text"
"""A further column, of a data set of speech: what is said in the clip, as `speech.normalised` leaves it."""

ALL = "*"
"""In `UNKNOWN`: every class. The clip is unlabelled, a teacher may label it."""

DATASET_MODULE = "audiotag_dataset_"
"""Dataset files are imported under names that begin so, and by workers again from their text."""

# Line ends, and the surrogates by which Python shows file names that are not valid Unicode.
_NOT_ONE_LINE = re.compile("[\n\r\0\ud800-\udfff]")


@dataclass(frozen=True)
class Event:
    """A strong label: `label` sounds from `onset` to `offset`, in seconds from the start of its clip.

    Of a declared clip they are the recording's own, whatever speed it is played at, as its start and end are. A build
    stores those of the waveform that the network hears.

    Args:
        onset: when it begins.
        offset: when it ends.
        label: name of its class; of a note, that of its pitch.
        velocity: of a note, how hard it is struck, 1 to 127, or 0 where it had begun before the clip. None (default):
            it is no note.
    """

    onset: float
    offset: float
    label: str
    velocity: int | None = None


@dataclass(frozen=True)
class Clip:
    """One example to build.

    Args:
        clip_id: unique name in the data set, one line of text, stable for ever: shard, order and randomness come
            from it.
        source: recording, relative to the declaration's root ("audio/1-100032-A-0.ogg"), or whatever the
            declaration's own `read` understands.
        labels: class names; exactly one where the task is multiclass.
        split: "train", "validation", "test" or "fold1", "fold2" …: letters, digits, `_` and `-`.
        start: where the clip begins in its recording, seconds of the recording's own time.
        end: where it ends, in the same; None: the end of the recording.
        events: strong labels, where known, in the same, from the clip's start on.
        columns: further cells of `clips.csv` by column, in which an evaluation looks for its slices: {"device": "a"}.
            "recording" tells which clips were cut from one recording, where `source` does not: an evaluation takes
            them together. "read_channel" and "read_speed" tell how it is read, as of `audio.Recording`; "unknown" which
            classes nobody judged, see `UNKNOWN`: they are neither learnt nor measured there; "text", of speech alone,
            what is said, see `TEXT`.
        fault: why it must not be used, where that is known beforehand: it is rejected unread, and this is the reason
            in `clips.csv`. Default: nothing is known.
    """

    clip_id: str
    source: str
    labels: tuple[str, ...]
    split: str
    start: float = 0.0
    end: float | None = None
    events: tuple[Event, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def speed(self) -> float:
        """How fast it is played: its own times are those of its waveform times this."""
        return reading_of(self.columns)[1]

    @property
    def text(self) -> str:
        """What is said in it; "": nothing, or it is no clip of speech."""
        return self.columns.get(TEXT, "")

    def judged(self, labels: Labels) -> np.ndarray:
        """Whether somebody judged each class: (classes,) bool."""
        return judged(self.columns.get(UNKNOWN, ""), labels)


def judged(cell: str, labels: Labels) -> np.ndarray:
    """Whether somebody judged each class, by a clip's cell `UNKNOWN`: (classes,) bool.

    Raises:
        AudiotagError: it names what is no class.
    """
    flags = np.full(len(labels), cell.strip() != ALL)
    if flags.all():
        flags[[labels.index(name) for name in split_cell(cell)]] = False
    return flags


def reading_of(columns: Mapping[str, str]) -> tuple[str | None, float]:
    """Channel and speed, as of `audio.Recording`, that a clip's columns `READ_COLUMNS` state.

    Raises:
        AudiotagError: there is no such channel or speed.
    """
    channel, cell = (columns.get(column) or None for column in READ_COLUMNS)
    if channel is None and cell is None:
        return None, 1.0
    try:
        speed = float(cell or 1)
    except ValueError as error:
        raise AudiotagError(f"read_speed must be a number, received {cell!r}: 0.1 is ten times slower") from error
    audio.Recording(Path(), channel, speed)  # refuses what no recording can be read with
    return channel, speed


def is_beyond(start: float, end: float | None, length: float) -> bool:
    """Whether a part ends after its recording, by more than rounded times and encoders explain (50 ms, 2 % of it)."""
    return end is not None and end - length > max(0.05, 0.02 * (end - start))


def read_clip(root: Path, clip: Clip, sample_rate: int) -> np.ndarray:
    """The clip's waveform from its sound file under `root`: (samples,), float32, mono.

    Its columns `READ_COLUMNS` say which channel is taken and how fast it is played, as of `audio.Recording`.

    Raises:
        AudioError: it cannot be read, or the clip ends after the recording.
    """
    recording = audio.Recording(storage.inside(root, clip.source), *reading_of(clip.columns))
    waveform = audio.read(recording, sample_rate, start=clip.start, end=clip.end)
    length = clip.start + len(waveform) / sample_rate * recording.speed
    # Of a damaged MP3 fewer samples can be decoded than its frames hold, by which longer recordings are cut.
    if is_beyond(clip.start, clip.end, length) and is_beyond(clip.start, clip.end, audio.seconds(recording.path)):
        raise AudioError(
            f"{Path(clip.source).name} lasts {length:.3f} s and the part ends at {clip.end:g} s: correct the clip's end"
        )
    return waveform


@dataclass(frozen=True)
class Declaration:
    """A data set as its file in `datasets/` declares it.

    Args:
        name: short name, for example "esc10".
        version: changes whenever clips, labels or splits change.
        task: "multiclass" (one label a clip), "multilabel", "notes" or "speech"; then a `Task`.
        licence: licence of the recordings.
        citation: what to cite; a web address where there is no paper.
        labels: vocabulary, in the order of the model's outputs.
        clips: every clip, wanted or not: what cannot be read is rejected with a reason when built.
        seconds: length of every example as the network hears it; shorter clips are padded, longer ones cut. Of clips
            that are played at speed 0.1, a tenth of it in the recording's own time.
        root: folder of the recordings.
        pad: "repeat" or "zero": how a short clip is filled up.
        read: `(root, clip, sample_rate) -> waveform`; a module-level function. Default: the sound file `clip.source`.
    """

    name: str
    version: str
    task: Task | str
    licence: str
    citation: str
    labels: Labels
    clips: tuple[Clip, ...]
    seconds: float
    root: Path
    pad: Literal["repeat", "zero"] = "repeat"
    read: Callable[[Path, Clip, int], np.ndarray] = read_clip

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", Task(self.task))
        if self.task.of_tokens:
            raise AudiotagError("tokens are made of a built data set by `audiotag tokens`, received task 'tokens'")
        if not self.clips:
            raise AudiotagError(f"data set {self.name!r} has no clips: is {self.root} the right folder?")
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise AudiotagError(f"seconds must be positive and finite, received {self.seconds}")
        if self.pad not in ("repeat", "zero"):
            raise AudiotagError(f"pad must be repeat or zero, received {self.pad!r}")
        if self.task.of_speech and self.pad != "zero":
            raise AudiotagError(f"what is said once is not repeated: pad of speech is zero, received {self.pad!r}")
        twice = [clip_id for clip_id, count in Counter(clip.clip_id for clip in self.clips).items() if count > 1]
        if twice:
            raise AudiotagError(
                f"clip ids must be unique, {len(twice)} of them occur more than once, {twice[0]!r} for one: rename them"
            )
        for split in {clip.split for clip in self.clips}:
            if not re.fullmatch(r"[A-Za-z0-9_-]+", split) or split == "all":
                raise AudiotagError(
                    "a split is named with letters, digits, '_' and '-', and not 'all' (which means every split), "
                    f"received {split!r}: rename it"
                )
        for clip in self.clips:
            self._check_clip(clip)

    @property
    def speed(self) -> float | None:
        """How fast all clips are played; None: they differ."""
        speeds = {clip.speed for clip in self.clips}
        return speeds.pop() if len(speeds) == 1 else None

    def _check_clip(self, clip: Clip) -> None:
        if _NOT_ONE_LINE.search(clip.clip_id) or not clip.clip_id.strip():
            raise AudiotagError(f"a clip id must be one line of Unicode text, received {clip.clip_id!r}: rename it")
        if _NOT_ONE_LINE.search(clip.source):
            raise AudiotagError(f"a source must be one line of Unicode text, received {clip.source!r}: rename the file")
        for column, cell in clip.columns.items():
            if column in CLIP_COLUMNS or not column.strip() or _NOT_ONE_LINE.search(column + cell):
                raise AudiotagError(
                    f"a further column of {clip.clip_id!r} has a name of its own and holds one line of text, received "
                    f"{column!r}: {cell!r}; `clips.csv` has {', '.join(CLIP_COLUMNS)} already"
                )
        try:
            reading_of(clip.columns)
        except AudiotagError as error:
            raise AudiotagError(f"clip {clip.clip_id!r}: {error}") from error
        for label in (*clip.labels, *(event.label for event in clip.events)):
            self.labels.index(label)
        self._check_velocities(clip)
        if self.task.of_speech and not clip.fault:
            self._check_text(clip)
        if UNKNOWN in clip.columns:
            self._check_judged(clip)
        elif self.task.exclusive and len(clip.labels) != 1 and not (clip.fault and not clip.labels):
            raise AudiotagError(
                f"a {self.task} clip has exactly one label, {clip.clip_id!r} has {len(clip.labels)}: "
                "give it one, or declare the task multilabel"
            )

    def _check_velocities(self, clip: Clip) -> None:
        for event in clip.events:
            stated = event.velocity is not None
            if stated != self.task.of_notes or (stated and not 0 <= event.velocity <= 127):
                raise AudiotagError(
                    "the events of a notes data set have a velocity, 0 (begun before the clip) to 127, those of others "
                    f"none, clip {clip.clip_id!r} of a {self.task} data set has {event}: correct it"
                )

    def _check_text(self, clip: Clip) -> None:
        stated = TEXT in clip.columns and clip.text == texts.normalised(clip.text)
        if not stated or set(clip.labels) != set(texts.names_of(clip.text)):
            raise AudiotagError(
                f"a clip of speech has a normalised text and its characters as labels, {clip.clip_id!r} has "
                f"{clip.columns.get(TEXT)!r} and {', '.join(clip.labels) or 'none'}: make it with clips.texts.spoken"
            )

    def _check_judged(self, clip: Clip) -> None:
        flags = clip.judged(self.labels)
        if any(not flags[self.labels.index(label)] for label in clip.labels):
            raise AudiotagError(
                f"a label was judged, {clip.clip_id!r} has {', '.join(clip.labels)} and the unknown classes "
                f"{clip.columns[UNKNOWN]}: take one of them away"
            )
        if self.task.exclusive and (flags.any() != flags.all() or len(clip.labels) != int(flags.all())):
            raise AudiotagError(
                f"a {self.task} clip has exactly one label, or none and {ALL!r} as unknown, {clip.clip_id!r} has "
                f"{len(clip.labels)} and {clip.columns[UNKNOWN]!r}: declare the task multilabel, or correct it"
            )


def load_file(path: Path) -> ModuleType:
    """Import a dataset file by path, under a name that worker processes can use again for pickling."""
    path = Path(path).resolve()
    name = f"{DATASET_MODULE}{path.stem}_{storage.fingerprint(str(path))[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    module = import_text(name, str(path), path.read_bytes())
    if not callable(getattr(module, "declare", None)):
        raise AudiotagError(f"a dataset file defines declare(...) -> Declaration, {path} does not")
    return module


def import_text(name: str, path: str, text: str | bytes) -> ModuleType:
    """Import a dataset file from its text: a worker on another machine does not have the file."""
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(compile(text, path, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def parameters(dataset: str | Path) -> dict[str, inspect.Parameter]:
    """Options of a data set's `declare` by name, their type hints evaluated where that can be done."""
    function = function_of(dataset)
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError:  # a name that the file imports for type checkers alone
        signature = inspect.signature(function)
    return dict(signature.parameters)


def function_of(dataset: str | Path) -> Callable[..., Declaration]:
    """The `declare` of a data set: a name, a `.py` file, or a folder of recordings."""
    path = storage.place(dataset)
    if not storage.is_remote(path) and path.is_file() and path.suffix != ".py":
        remedy = "put it into a folder a class (my_sounds/dog/1.wav) and build my_sounds"
        if path.suffix.lower() in (".csv", ".tsv", ".txt", ".parquet"):
            remedy = f"audiotag build folder --source DIR --table {path}"
        raise AudiotagError(f"a data set is a name, a .py file or a folder, {dataset} is another file: {remedy}")
    name = "folder" if path.is_dir() else str(path)
    return load_file(storage.find_in_library("datasets", name)).declare


def declare(dataset: str | Path, **options: Any) -> Declaration:
    """Declaration of a data set by name ("esc50"), by file ("datasets/esc50.py") or of a folder of recordings.

    Args:
        dataset: name, `.py` file, or a folder (which `datasets/folder.py` then reads: a folder a class).
        options: keyword arguments of the file's `declare`; an unknown one is an error that suggests the nearest.

    Raises:
        AudiotagError: an option that is unknown or missing, or what the file raises; of a table that is not there, with
            the command that says which ones the data set reads.
    """
    function = function_of(dataset)
    if (folder := storage.place(dataset)).is_dir():
        options["source"] = folder
    known = inspect.signature(function).parameters
    for option in options:
        if option not in known:
            raise AudiotagError(f"data set {dataset} has no option {option!r}: {suggest(option, known)}")
    for name, parameter in known.items():
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if named and parameter.default is parameter.empty and name not in options:
            raise AudiotagError(
                f"data set {dataset} cannot do without the option {name}: give --{name.replace('_', '-')}"
            )
    try:
        return function(**options)
    except AudiotagError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise AudiotagError(f"{error}; audiotag build {dataset} --help says what the data set is read from") from error
