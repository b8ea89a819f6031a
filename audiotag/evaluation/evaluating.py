"""`evaluate`: whatever scores sounds, measured class by class, and everything that shows it written to one folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audiotag import records, run_folder, scorers, storage
from audiotag.clip_format import describe_speed
from audiotag.errors import AudiotagError
from audiotag.evaluation import evaluated, sections
from audiotag.evaluation.evaluated import Scored
from audiotag.evaluation.illustrating import embeddings
from audiotag.metrics.bootstrap import Unit, bootstrap, check_unit
from audiotag.metrics.predictions import Predictions
from audiotag.records import Data, Declaration
from audiotag.report.report import Report, Subject
from audiotag.report.writing import write
from audiotag.tensorboard import hparams
from audiotag.tensorboard.scalars import last_epoch

if TYPE_CHECKING:
    from audiotag.scorers.opening import Source


def evaluate(
    source: Source | Sequence[Source | Sequence[Source]],
    *,
    data: Data | Path | str | None = None,
    split: str | None = None,
    out: Path | str | None = None,
    columns: Sequence[str] | None = None,
    resamples: int = 1000,
    unit: Unit = "recording",
    noise_folder: Path | str | None = None,
    recordings: Declaration | Path | str | None = None,
    truth: Path | str | None = None,
    labels: Path | str | None = None,
    sample_rate: int | None = None,
    outputs: Literal["scores", "logits"] | None = None,
) -> Report:
    """Measure every class, and write `report.html`, the tables, the predictions, a model card and TensorBoard's folder.

    Args:
        source: whatever `scorers.open` takes: a run folder; a `.keras`, LiteRT, ONNX or SavedModel; the name of
            published weights; a function or a Keras model; a table of scores; a scorer. Or several of these, each of
            which was held out of other clips: the folds of a cross-validation; a list in the list is an ensemble.
        data: data set, open or its folder. Default: that of the run's recipe.
        split: expression of splits. Default: "test" where the data set has it, else what the run was validated on.
        out: folder of what is written. Default: the run; `evaluation-<data set>` or `evaluation-<split>` in it where
            another data set or split is named than the run's; of anything else `evaluation-<name>` in the current
            folder.
        columns: columns of `clips.csv` by which the clips are sliced. Default: those of few values, if any.
        resamples: of the bootstrap; 0: no intervals.
        unit: what is drawn: "recording" (clips of one recording are not independent) or "clip".
        noise_folder: recordings in which none of the classes sounds, read with the data set's channel and speed.
            Default: silence and made noise.
        recordings: root folder of the recordings, or the data set's declaration: for models that take what the records
            do not hold, and to hear the mistakes. Default: where they lay when the data set was built, if anywhere.
        truth: table of labels, for a table of scores.
        labels: classes of a model that does not state them, see `scorers.open`.
        sample_rate: of such a model, Hz.
        outputs: of such a model or a table, "scores" or "logits".

    Returns:
        The report; `audiotag.report.show` prints it. Of a run in a store, its folder is the address.

    Raises:
        AudiotagError: no such subject or data set, or they do not fit each other.

    Example:
        >>> report = audiotag.evaluation.evaluate("runs/esc10-mn04")
        >>> report.table.sort_values("AP").head()
    """
    check_unit(unit)
    sources = list(source) if isinstance(source, list | tuple) else [source]
    if not sources:
        raise AudiotagError("nothing to evaluate: name a run folder, a model or a table of scores")
    recordings = storage.place(recordings) if isinstance(recordings, str) else recordings
    stated = {"labels": labels, "sample_rate": sample_rate, "outputs": outputs}
    scored = [_scored(each, data, split, recordings, truth, stated) for each in sources]
    folder = _out(sources, scored, out)
    command = _command(
        sources, data=data, split=split, out=out, slice_by=columns, resamples=resamples, unit=unit,
        noise_folder=noise_folder, recordings=recordings, truth=truth, **stated,
    )  # fmt: skip
    noise_folder = None if noise_folder is None else Path(noise_folder)
    evaluation = evaluated.pool(scored, columns=columns, noise_folder=noise_folder, recordings=recordings)
    report = _report(evaluation, folder, command, resamples, unit)
    run = scored[0].run if len(scored) == 1 else None
    step = 0 if run is None else last_epoch(run / run_folder.VALIDATION)
    write(report, step)
    _compare(report, run, step)
    storage.send_back(report.out)
    return replace(report, out=storage.origin(report.out))


def _compare(report: Report, run: Path | None, step: int) -> None:
    """Bring the figures into TensorBoard's HPARAMS tab: into the run's own session where they are written into it."""
    if run is None or not report.hyperparameters:  # several runs are no session
        return
    if report.out.resolve().is_relative_to(run.resolve()):
        hparams.write(run)
    else:
        figures = hparams.of_evaluation(report.summary)
        hparams.write_session(report.out / run_folder.EVALUATION, report.hyperparameters, figures, step)


def _scored(
    source: Source | Sequence[Source],
    data: Data | Path | str | None,
    split: str | None,
    recordings: Declaration | Path | None,
    truth: Path | str | None,
    stated: dict[str, Any],
) -> Scored:
    """Scores of one source on the data set that is named, or that its run names."""
    if isinstance(data, str | Path):
        data = records.open(data)
    subject = scorers.open(source, data, **stated)
    run = subject.path if subject.kind == "run" else None
    if data is None and run is not None:
        data = records.open(run_folder.data_folder(run))
    if data is None and isinstance(subject, scorers.Scorer):
        raise AudiotagError(f"{subject.name} is evaluated on a data set: name one with --data")
    if data is not None and split is None:
        split = _split(run, data)
        if split is None:
            names = ", ".join(data.splits)
            raise AudiotagError(
                f"{data.name} has no split 'test': name the split to evaluate on with --split ({names})"
            )
    if recordings is None and data is not None and not data.waveforms:
        recordings = data.recordings
    predicted = scorers.predict(subject, data, split, source=recordings, labels_table=truth)
    return Scored(predicted, data, split or "", run)


def _report(evaluation: evaluated.Evaluation, out: Path, command: str, resamples: int, unit: Unit) -> Report:
    """What the scores say of every class, and every section."""
    scored, predictions = evaluation.scored, evaluation.predictions
    first = scored[0].predicted.subject
    subject = Subject(first.name, first.kind, storage.origin(first.path), first.about, getattr(first, "network", None))
    if len(scored) > 1:
        runs = ", ".join(str(each.run and storage.origin(each.run)) for each in scored)
        subject = Subject(out.resolve().name, "runs", out, {"runs": runs})
    measured = sections.measure(evaluation)
    _, thresholds_from, notes = evaluated.thresholds_of(scored)
    notes = [note for each in scored for note in each.predicted.notes] + notes + evaluated.fitted_on_these(scored)
    notes += [note for section in measured.values() if section is not None for note in section.notes]
    return Report(
        out=out,
        subject=subject,
        data_set=_describe(scored[0].data, predictions),
        split="+".join(dict.fromkeys(each.split for each in scored if each.split)),
        command=command,
        predictions=predictions,
        clips=evaluation.clips,
        thresholds_from=thresholds_from,
        calibration=evaluation.calibration,
        table=evaluation.table,
        summary=evaluation.summary,
        intervals=bootstrap(predictions, unit, resamples=resamples) if resamples else None,
        sections=measured,
        embeddings=embeddings(evaluation),
        notes=tuple(dict.fromkeys(notes)),
        hyperparameters={} if scored[0].run is None else run_folder.hyperparameters(scored[0].run),
    )


def _describe(data: Data | None, predictions: Predictions) -> dict[str, str]:
    if data is None:
        return {"name": "a table of labels", "task": predictions.task, "classes": str(len(predictions.labels))}
    return {
        "name": data.name,
        "version": str(data.manifest.description["version"]),
        "task": data.task,
        "classes": str(len(data.labels)),
        "clips": f"{sum(data.splits.values())} of {data.seconds:g} s"
        + ("" if data.speed == 1 else f", played at {describe_speed(data.speed)}"),
        "front end": data.front_end.describe(),
        "licence": data.manifest.licence,
        "citation": data.manifest.citation,
        "fingerprint": data.fingerprint,
    }


def _split(run: Path | None, data: Data) -> str | None:
    """What is evaluated where nobody says: the test, else what the run was validated on; None: there is neither."""
    if "test" in data.splits:
        return "test"
    validation = run_folder.recipe(run).get("validation") if run is not None and _is_of(run, data) else None
    return None if validation == run_folder.NO_VALIDATION else validation


def _is_of(run: Path, data: Data) -> bool:
    """Whether a run was trained on a data set, as far as it says."""
    return run_folder.recipe(run).get("fingerprint", data.fingerprint) == data.fingerprint


def _out(sources: list[Source], scored: list[Scored], out: Path | str | None) -> Path:
    if out is not None:
        return Path(out)
    if len(sources) > 1:
        raise AudiotagError(f"the report of {len(sources)} subjects needs a folder of its own: name one with --out")
    run, data, split = scored[0].run, scored[0].data, scored[0].split
    if run is None:
        return storage.inside(Path(), f"evaluation-{scored[0].predicted.subject.name}")
    if not _is_of(run, data):
        return storage.inside(run, f"evaluation-{data.name}")
    return run if split == _split(run, data) else storage.inside(run, f"evaluation-{split}")


def _command(sources: list[Source], **options: Any) -> str:
    """The command line that asks for the same; what only Python can give is left out."""
    names = {"noise_folder": "noise", "recordings": "source"}
    words = ["audiotag", "evaluate", *(str(getattr(source, "path", source)) for source in sources)]
    for name, value in options.items():
        if value is None or (name, value) in (("resamples", 1000), ("unit", "recording")):
            continue
        for part in value if isinstance(value, list | tuple) else [value]:
            word = getattr(part, "path", part)
            if isinstance(word, str | int | Path):
                words += [f"--{names.get(name, name).replace('_', '-')}", str(word)]
    return shlex.join(words)
