"""What TensorBoard shows of an evaluation, tab by tab."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from audiotag.report.tensorboard import confusion_matrix, curves, graph, hparams, pictures, projector, worst
from audiotag.report.tensorboard.texts import texts
from audiotag.tensorboard.events import PATTERN, EventFile, class_tag
from audiotag.tensorboard.scalars import add_scalars

if TYPE_CHECKING:
    from audiotag.report.report import Report

FOLDER = "evaluation"
_CLICK = "Click it for its full size."


def write(report: Report, step: int = 0) -> None:
    """Put an evaluation into TensorBoard's folder `evaluation` in the report's; what an earlier one left there goes.

    Args:
        report: what an evaluation found.
        step: where its points stand: the last epoch, so that they end the curves of the training.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = report.out / FOLDER
    old = list(folder.glob(PATTERN))
    shutil.rmtree(folder / hparams.FOLDER, ignore_errors=True)
    for name in projector.FILES:
        (folder / name).unlink(missing_ok=True)
    with EventFile(folder) as file:
        network = report.subject.network
        if network is not None and graph.is_functional(network):
            file.graph(graph.definition(network).SerializeToString())
        add_scalars(file, report.table, report.summary, step)
        if report.sound_events is not None:
            for name, value in report.sound_events.means.items():
                file.scalar(f"sound_events/{name}", value, step)
        for tag, text in texts(report).items():
            file.text(tag, text, step)
        _add_pictures(file, report, step)
        _add_curves(file, report, step)
        worst.add_mistakes(file, report.mistakes, report.predictions.task, step)
    if report.embeddings is not None:
        projector.write(folder, report)
    if report.hyperparameters:
        hparams.write(folder, report.hyperparameters, report.summary, step)
    # Last, so that a reader finds the earlier evaluation until the new one is whole.
    for path in old:
        path.unlink(missing_ok=True)


def _add_pictures(file: EventFile, report: Report, step: int) -> None:
    drawn = {
        "average_precision": pictures.average_precision(report),
        "average_precision_by_clips": pictures.average_precision_by_clips(report),
        "confusion_matrix": confusion_matrix.picture(report.predictions),
        "reliability": pictures.reliability(report),
        "roc": pictures.roc(report),
        "scores_of_worst_classes": pictures.scores_of_worst(report),
    }
    for name, picture in drawn.items():
        file.image(f"charts/{name}", picture, step, name=name.replace("_", " "), description=_CLICK)


def _add_curves(file: EventFile, report: Report, step: int) -> None:
    """Precision-recall curve and histograms of scores of every class that has clips."""
    for index, name in enumerate(report.predictions.labels.names):
        truth, scores = pictures.judged(report.predictions, index)
        if not truth.any():
            continue
        tag, clips = class_tag(name), f"{int(truth.sum())} clips of this class"
        file.curve(f"pr_curve/{tag}", curves.precision_recall(truth, scores), step, name=name, description=clips)
        for chosen, which in ((truth, "with"), (~truth, "without")):
            about = f"scores of the {int(chosen.sum())} clips {which} the class"
            file.histogram(f"scores/{tag}/{which}", curves.buckets(scores[chosen]), step, description=about)
