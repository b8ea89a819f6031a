"""`open`: whatever scores sound, by its path, its name or itself; `load`: a tagger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.scorers import calibrations, ensemble, foreign, tables
from audiotag.scorers.foreign import Description, Foreign
from audiotag.scorers.scorer import Outputs, Scorer
from audiotag.scorers.tables import ScoreTable

if TYPE_CHECKING:
    import keras

    from audiotag.frontend import LogMelConfig
    from audiotag.records import Data
    from audiotag.scorers.vocabulary import Vocabulary
    from audiotag.tagging import AudioTagger
    from audiotag.task import Task

    Source = str | Path | keras.Model | Callable[..., Any] | Scorer

TABLES = (".csv", ".npz", ".parquet")
_WITHOUT_KERAS = (".tflite", ".onnx")
_MODELS = (".keras", *_WITHOUT_KERAS)


def open(
    source: Source | Sequence[Source],
    data: Data | None = None,
    *,
    labels: Vocabulary | None = None,
    front_end: LogMelConfig | str | None = None,
    sample_rate: int | None = None,
    task: Task | str | None = None,
    outputs: Outputs | None = None,
) -> Scorer | ScoreTable:
    """Open what scores sound.

    Args:
        source: a run folder; a `.keras` file (tagger, student, or anybody's functional model); a `.tflite` (LiteRT) or
            `.onnx` file; a SavedModel folder; the name of published weights ("mn04_as"); `module:function`; a Keras
            model or a function of waveforms itself; a list of these, whose logits are averaged; or a table of scores
            (`.csv`, `.parquet`, or predictions that audiotag saved, `.npz`). A scorer is given back as it is.
        data: a data set like the one that it was made for: says what the source and the options leave open.
        labels: classes of a model that does not state them: a `Labels`, a file (`labels.csv` with the columns
            index,id,name, or a text with a name a line) or names. Default: `labels.csv` or `labels.txt` beside the
            model, else the data set's in their order.
        front_end: of the log-mel that such a model takes, or a preset's name. Default: the data set's.
        sample_rate: of the waveforms that such a model takes, Hz. Default: the data set's.
        task: "multilabel" or "multiclass". Default: the data set's, else multilabel.
        outputs: what such a model or a table gives, "scores" or "logits". Default: decided by what it says of noise
            (models); logits (functions); scores (tables).

    Returns:
        A scorer or a table; `predict` takes either.

    Raises:
        AudiotagError: nothing of that name, a file that cannot be used, something that nobody states, or an option for
            something that states it itself.

    Example:
        >>> scorers.open("model.onnx", labels="labels.csv", front_end="efficientat").scores(log_mel)
    """
    stated = {"labels": labels, "front_end": front_end, "sample_rate": sample_rate, "task": task, "outputs": outputs}
    description = Description(data, **stated)
    if isinstance(source, list | tuple):
        if not source:
            raise AudiotagError(
                "sound is scored by a model, received an empty list: name a run, a .keras file or another"
            )
        if len(source) == 1:
            return open(source[0], data, **stated)
        members = [_scorer(member, description) for member in source]
        vocabulary, owner = (members[0].labels, members[0].name) if data is None else (data.labels, data.name)
        return calibrations.picked_up(ensemble.of(members, vocabulary, owner, None if data is None else data.task))
    path = Path(source) if isinstance(source, str | Path) else None
    if path is None or path.suffix not in TABLES:
        return _scorer(source, description)
    described = f"{path.name} is a table, whose columns are named by their classes"
    description.refuse(described, "labels", "front_end", "sample_rate", "task")
    return tables.open(path, outputs)


def open_model(source: Source | Sequence[Source], data: Data | None = None, **stated: Any) -> Scorer:
    """`open` of what takes sound: tables of scores are refused."""
    opened = open(source, data, **stated)
    if not isinstance(opened, Scorer):
        first = source[0] if isinstance(source, list | tuple) else source
        raise AudiotagError(f"{first} is a table of scores, which takes no sound: name a model")
    return opened


def needs_keras(source: str | Path) -> bool:
    """Whether opening this loads Keras and its backend, which takes seconds; a `.tflite` or `.onnx` file does not."""
    return Path(source).suffix not in _WITHOUT_KERAS


def load(name: str | Path) -> AudioTagger:
    """Open a tagger.

    Args:
        name: name of a published model ("mn04_as": downloaded once, AudioSet's 527 labels, windows of 10 s), a
            `.keras` file (a tagger, or a student, which its own card makes into a tagger), or the folder of a run.
            Calibration and thresholds are those of a tagger's file, or lie beside the model.

    Raises:
        AudiotagError: nothing of that name; the nearest known one is suggested.

    Example:
        >>> audiotag.load("mn10_as").tag("street.wav", top=5)
    """
    path = Path(name)
    if path.is_file() and path.suffix != ".keras":
        raise AudiotagError(
            f"a tagger is a .keras file, a run folder or a published name, received the file {path}: "
            "audiotag.scorers.open takes other models"
        )
    opened = _model(name, Description())
    if isinstance(opened, Foreign):
        from audiotag.models import files

        files.card(path)  # which says what is missing
    return calibrations.picked_up(opened).tagger


def _scorer(source: Source, description: Description) -> Scorer:
    if isinstance(source, Scorer):
        description.refuse(f"{source.name} is open already")
        return source
    opened = _model(source, description)
    if isinstance(opened, Foreign):
        opened = foreign.scorer(opened, description)
    else:
        description.refuse(f"{opened.name} states it itself")
    if not needs_keras(opened.path):
        opened = replace(opened, concurrent=True)
    return calibrations.picked_up(opened)


def _model(source: Source, description: Description) -> Scorer | Foreign:
    if not isinstance(source, str | Path):
        return _object(source, None, description)
    if storage.is_remote(place := storage.place(source)):
        source = storage.local_file(place) if place.suffix in _MODELS else storage.mirror(place).fetch()
    path = Path(source)
    if path.suffix in _MODELS and not path.exists():
        raise AudiotagError(f"no such file: {path}")
    if path.is_file() and path.suffix in _WITHOUT_KERAS:
        from audiotag.scorers import litert, onnx

        return (litert if path.suffix == ".tflite" else onnx).open(path)
    from audiotag.scorers import functions, keras_models

    if path.is_dir():
        from audiotag.scorers import saved_model

        return saved_model.open(path) if (path / saved_model.MODEL).is_file() else keras_models.from_run(path)
    if path.suffix in _MODELS:
        return keras_models.from_file(path, description.outputs)
    if functions.is_named(str(source)):
        return _object(functions.find(str(source)), str(source), description)
    if path.exists() or len(path.parts) > 1:
        what = f"sound is not scored by {path}" if path.exists() else f"no such file or folder: {path}"
        raise AudiotagError(
            f"{what}: name a run folder, a SavedModel folder, a published name, module:function or a file "
            f"({', '.join((*_MODELS, *TABLES))})"
        )
    from audiotag import models

    preset = models.preset(str(source))
    description.refuse(f"{preset.name} states it itself")
    return keras_models.from_published(preset)


def _object(target: Any, source: str | None, description: Description) -> Scorer | Foreign:
    """A Keras model or a function, itself or as `module:function` names it."""
    import keras

    from audiotag.scorers import functions, keras_models

    if isinstance(target, keras.Model):
        name = target.name if source is None else source.replace(":", ".")
        return keras_models.from_model(target, name, Path(source or name), description.outputs)
    return functions.open(target, source, description.outputs)
