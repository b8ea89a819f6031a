"""`export`: from a run, a tagger or a published name to one file that a bare runtime runs, proved before it appears."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from audiotag import __version__, records, scorers, storage
from audiotag.errors import AudiotagError
from audiotag.export import clips as clips_of_export
from audiotag.export.clips import MOST, Clips
from audiotag.export.form import Form
from audiotag.export.function import Function
from audiotag.export.parity import Parity, measure
from audiotag.scorers import Scorer
from audiotag.scorers.exported import SCORES, Card
from audiotag.scorers.foreign import file_size
from audiotag.scorers.saved_model import MODEL

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.scorers.opening import Source

PARITY = ".parity.json"
"""What the name of the file that holds the parity ends in."""

EXPORTS = "export"
"""The folder of a run where its exports lie."""


@dataclass(frozen=True)
class Artefact:
    """What was written.

    Args:
        path: the file, or the folder of a SavedModel.
        card: what it says about itself.
        parity: how far it is from what it was made of.
        size: for people: "4.2 MB".
    """

    path: Path
    card: Card
    parity: Parity
    size: str


def export(
    source: Source,
    form: Form,
    out: Path | str | None = None,
    *,
    overwrite: bool = False,
    data: Data | Path | str | None = None,
    split: str | None = None,
    clips: Path | str | None = None,
) -> Artefact:
    """Make a file that a bare runtime runs, and prove it there before it appears under its name.

    The clips of the proof are those of `clips`, of `data`, or of the run's validation, at most 100; else made sounds.
    "int8" needs real ones: half of them fit its activations, the others prove it. `<file>.parity.json` beside it holds
    what was measured.

    Args:
        source: a run, a tagger's or student's `.keras` file, a published name, or whatever else `scorers.open` makes a
            tagger of.
        form: what is made of it.
        out: the file. Default: in the run's folder `export`, beside the file, or for a published name in the current
            folder, named by the source, the precision and the input.
        overwrite: replace a file that is there.
        data: data set of the clips, open or its folder. Default: the run's.
        split: expression of its splits. Default: what the run was validated on, else all.
        clips: folder of sound files, instead of a data set.

    Raises:
        AudiotagError: a source without a network of log-mel, a file that is there, a folder that is none of an export,
            an operation that the format lacks, too few clips, or scores that differ by more than the precision allows.
            Nothing is left then.

    Example:
        >>> audiotag.export.export("mn04_as", Form("litert", "float16"), "mn04.tflite").parity.largest
    """
    if keras.config.backend() != "tensorflow":
        raise AudiotagError(
            f"exports are made by Keras on TensorFlow, received the backend {keras.config.backend()}: set "
            "KERAS_BACKEND=tensorflow; runs of every backend can be exported then"
        )
    written_by = form.written_by()
    scorer = _opened(source)
    seconds = form.seconds_of(scorer.tagger.seconds, scorer.tagger.limits.longest)
    function = Function(scorer.tagger, form.input, seconds, form.frames, form.embedding)
    path = _path(scorer, form, out)
    _check_place(path, overwrite)
    data = records.open(data) if isinstance(data, str | Path) else data
    samples = function.samples or scorer.tagger.samples
    folder = None if clips is None else Path(clips)
    found = clips_of_export.of_scorer(scorer, samples, data=data, split=split, folder=folder)
    proving, fitting = found.halves() if form.precision == "int8" else (found.take(slice(MOST)), None)
    card = _card(scorer, function, form)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        written_by.write(function, form.precision, card, partial, fitting and fitting.waveforms)
        parity = _proved(function, card, partial, written_by, proving)
        parity.check(path.name)
        storage.write_json(path.with_name(path.name + PARITY), parity.to_dict())
        _replace(partial, path)
    finally:
        _remove(partial)
    return Artefact(path, card, parity, file_size(path))


def _opened(source: Source) -> Scorer:
    scorer = scorers.open(source)
    if getattr(scorer, "tagger", None) is None:
        raise AudiotagError(
            f"an export is made of a Keras network of log-mel with its labels, received {source}: name a run, a "
            "tagger.keras, a student.keras or a published name"
        )
    return scorer


def _path(scorer: Scorer, form: Form, out: Path | str | None) -> Path:
    suffix = form.written_by().SUFFIX
    if out is not None:
        if suffix and Path(out).suffix != suffix:
            raise AudiotagError(f"a file of {form.to} ends in {suffix}, received {out}: rename it")
        return Path(out)
    folder = Path()
    if scorer.path.exists():
        folder = scorer.path / EXPORTS if scorer.kind == "run" else scorer.path.parent
    name = f"{scorer.name}-{form.precision}{'' if form.input == 'waveform' else '-log-mel'}"
    return folder / (name + suffix if suffix else f"{name}-{form.to}")


def _check_place(path: Path, overwrite: bool) -> None:
    """Refuse a place that holds something, and to replace a folder that is none of an export."""
    if path.exists() and not overwrite:
        raise AudiotagError(f"{path} is there already: name another file with --out, or replace it with --overwrite")
    if path.is_dir() and any(path.iterdir()) and not (path / MODEL).is_file():
        raise AudiotagError(
            f"a folder is replaced where it is a SavedModel, {path} is none: name another one with --out"
        )


def _card(scorer: Scorer, function: Function, form: Form) -> Card:
    tagger = scorer.tagger
    return Card(
        name=scorer.name,
        clip_format=tagger.clip_format,
        takes=form.input,
        length=function.length,
        precision=form.precision,
        outputs=function.outputs,
        sha256=scorer.sha256,
        version=__version__,
        calibration="" if tagger.calibration is None else tagger.calibration.describe(),
        thresholds=tagger.thresholds,
        thresholds_from=tagger.thresholds_from,
        step_seconds=function.step_seconds,
    )


def _proved(function: Function, card: Card, path: Path, written_by: Any, clips: Clips) -> Parity:
    """The file, opened by its own runtime, beside the model."""
    artefact = scorers.open(path)
    if card.outputs != (SCORES,):
        run = written_by.outputs_by_name(path)

        def outputs(waveforms: np.ndarray) -> dict[str, np.ndarray]:
            return run(artefact.input.of_waveforms(waveforms, card.sample_rate))

    else:

        def outputs(waveforms: np.ndarray) -> dict[str, np.ndarray]:
            return {SCORES: artefact.predict_on_batch(waveforms)}

    return measure(function.of_waveforms, outputs, clips, card, written_by.BATCH)


def _replace(partial: Path, path: Path) -> None:
    if path.is_dir():  # a folder is not replaced by a folder
        shutil.rmtree(path)
    partial.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
