"""Which classes are taken for which: the strongest confusions, and the matrix."""

from __future__ import annotations

import numpy as np

from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.confusion import confusion, largest, most_confused
from audiotag.report.chart import Matrix
from audiotag.report.section import Section, Table

_LISTED, _DRAWN = 20, 60
# By whether classes exclude each other.
_HOW = {
    True: "Clips of the class at the left were taken for the class at its right so often.",
    False: "In clips of the class at the left, a false alarm of the class at its right was raised so often.",
}
_CELLS = {
    True: "the diagonal counts the clips that are right",
    False: "the diagonal counts the clips whose class was found, other cells false alarms",
}


def measure(evaluation: Evaluation) -> Section:
    """The strongest confusions, and the matrix of at most 60 classes, the most confused ones."""
    predictions = evaluation.predictions
    counts, clips = confusion(predictions)
    names, exclusive = predictions.labels.names, predictions.task.exclusive
    table = Table(["true class", "predicted as", "times", "of clips", "share"], strongest(counts, clips, names))
    return Section(
        "Confusions",
        how=_HOW[exclusive] if table.rows else "None: no class was taken for another.",
        tables=(table,) if table.rows else (),
        figures=(_matrix(counts, clips, names, exclusive),),
    )


def strongest(counts: np.ndarray, clips: np.ndarray, names: tuple[str, ...]) -> list[list]:
    """The strongest confusions, a row each: true class, predicted class, count, clips of the true class, share."""
    return [
        [names[true], names[other], int(counts[true, other]), int(clips[true]), counts[true, other] / clips[true]]
        for true, other in largest(counts, clips)[:_LISTED]
    ]


def _matrix(counts: np.ndarray, clips: np.ndarray, names: tuple[str, ...], exclusive: bool) -> Matrix:
    title, chosen = "Confusion matrix" if exclusive else "Hits and false alarms", np.arange(len(names))
    if len(names) > _DRAWN:
        chosen = most_confused(counts, clips, _DRAWN)
        title += f": the {_DRAWN} most confused of {len(names)} classes"
    caption = (
        f"Rows are true classes, columns predicted ones; {_CELLS[exclusive]}. The darker, the larger the share of the "
        "row's clips."
    )
    shown = tuple(names[index] for index in chosen)
    return Matrix("confusion_matrix", title, counts[np.ix_(chosen, chosen)], clips[chosen], shown, caption)
