"""`open`: whatever can be evaluated, by its path or published name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.errors import AudiotagError
from audiotag.scorers import foreign, tables
from audiotag.scorers.foreign import Foreign
from audiotag.scorers.scorer import Outputs, Scorer
from audiotag.scorers.tables import ScoreTable

if TYPE_CHECKING:
    from audiotag.labels import Labels
    from audiotag.records import Data

TABLES = (".csv", ".npz", ".parquet")


def open(
    source: str | Path,
    data: Data | None = None,
    *,
    labels: Labels | str | Path | None = None,
    sample_rate: int | None = None,
    outputs: Outputs | None = None,
) -> Scorer | ScoreTable:
    """Open what is to be evaluated.

    Args:
        source: a run folder; a `.keras` file (tagger, student, or anybody's functional model); a `.tflite` (LiteRT) or
            `.onnx` file; a SavedModel folder; the name of published weights ("mn04_as"); or a table of scores (`.csv`,
            `.parquet`, or predictions that audiotag saved, `.npz`).
        data: the data set to evaluate on; models that state nothing about themselves need it.
        labels: classes of a model that does not state them: `labels.csv` (columns index,id,name) or a text with a name
            a line. Default: `labels.csv` or `labels.txt` beside the model, else the data set's in their order.
        sample_rate: of the waveforms that such a model takes, Hz. Default: the data set's.
        outputs: what such a model or a table gives, "scores" or "logits". Default: decided by the values (models);
            scores (tables).

    Returns:
        A model or a table; `predict` takes either.

    Raises:
        AudiotagError: nothing of that name, a file that cannot be used, or an option for something that states it
            itself.
    """
    if outputs not in (None, "scores", "logits"):
        raise AudiotagError(f"outputs are scores or logits, received {outputs!r}")
    path = Path(source)
    given = {"labels": labels, "sample_rate": sample_rate, "outputs": outputs}
    if path.suffix in TABLES:
        _refuse(given, ("labels", "sample_rate"), f"{path.name} is a table, whose columns are named by their classes")
        return tables.open(path, outputs)
    found = _model(source, path)
    if isinstance(found, Scorer):
        _refuse(given, tuple(given), f"{found.name} states it itself")
        return found
    if data is None:
        raise AudiotagError(f"{found.name} says nothing about its classes and input: name a data set with --data")
    return foreign.scorer(found, data, **given)


def _model(source: str | Path, path: Path) -> Scorer | Foreign:
    from audiotag.scorers import keras_models, litert, onnx, saved_model

    by_suffix = {".keras": keras_models.from_file, ".tflite": litert.open, ".onnx": onnx.open}
    if path.is_dir():
        return saved_model.open(path) if (path / saved_model.MODEL).is_file() else keras_models.from_run(path)
    if path.suffix in by_suffix:
        if not path.is_file():
            raise AudiotagError(f"no such file: {path}")
        return by_suffix[path.suffix](path)
    if path.exists() or len(path.parts) > 1:
        raise AudiotagError(
            f"what is evaluated is a run folder, a SavedModel folder, a published name or a file "
            f"({', '.join((*by_suffix, *TABLES))}), received {path}: {'name one' if path.exists() else 'no such file'}"
        )
    return keras_models.from_published(str(source))


def _refuse(given: dict[str, object], options: tuple[str, ...], reason: str) -> None:
    for option in options:
        if given[option] is not None:
            raise AudiotagError(f"{option} is for models that do not state it, {reason}: leave it out")
