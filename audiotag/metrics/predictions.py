"""A model's scores for clips beside the truth, and the file that keeps them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics import per_class, prediction_tables


@dataclass(frozen=True)
class Predictions:
    """What a model said about a split, beside the truth.

    Args:
        clip_ids: (clips,) str, unique.
        targets: (clips, classes) uint8, 0 or 1.
        scores: (clips, classes) float64, probabilities in [0, 1].
        labels: vocabulary.
        task: "multiclass" or "multilabel".
        known: (clips, classes) bool, False where nobody said whether the clip has the class (OpenMIC's partial
            labels): such a pair counts nowhere, and its target must be 0. None: everything is known.
        recordings: (clips,) str, the recording that each clip was cut from; clips of one recording are not
            independent. None: not known.
        thresholds: (classes,) float64, from which score each class counts as found (multilabel). None: 0.5.
    """

    clip_ids: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    labels: Labels
    task: per_class.Task
    known: np.ndarray | None = None
    recordings: np.ndarray | None = None
    thresholds: np.ndarray | None = None

    def __post_init__(self) -> None:
        per_class.check(self.targets, self.scores, self.task, self.clip_ids, self.known)
        if self.clip_ids.shape != (len(self.targets),) or len(self.labels) != self.targets.shape[1]:
            raise AudiotagError(
                f"predictions need one id a clip and one label a class, received {len(self.clip_ids)} ids and "
                f"{len(self.labels)} labels for {self.targets.shape}"
            )
        if self.recordings is not None and self.recordings.shape != self.clip_ids.shape:
            raise AudiotagError(
                f"predictions need one recording a clip, received {len(self.recordings)} for {len(self.clip_ids)}"
            )
        if self.thresholds is not None and self.thresholds.shape != (len(self.labels),):
            raise AudiotagError(
                f"predictions need one threshold a class, received {self.thresholds.shape} for {len(self.labels)}"
            )

    def take(self, rows: np.ndarray) -> Predictions:
        """The predictions of some clips, by their places or by a mask (clips,)."""
        by_clip = ("clip_ids", "targets", "scores", "known", "recordings")
        given = {name: getattr(self, name) for name in by_clip}
        return replace(self, **{name: None if array is None else array[rows] for name, array in given.items()})

    def save(self, path: Path) -> None:
        """Write them as `.npz`, or as `.parquet` where the suffix says so.

        `.npz`: clip_ids, targets, scores, class_names, class_ids, task and, where there are any, known, recordings and
        thresholds.
        `.parquet`: see `audiotag.metrics.prediction_tables`; it needs pyarrow.
        """
        if Path(path).suffix == ".parquet":
            prediction_tables.write(self, path)
            return
        recordings = None if self.recordings is None else self.recordings.astype(str)
        optional = {"known": self.known, "recordings": recordings, "thresholds": self.thresholds}
        with storage.write_atomically(path, "wb") as file:
            np.savez(
                file,
                clip_ids=self.clip_ids.astype(str),
                targets=self.targets.astype(np.uint8),
                scores=self.scores,
                class_names=np.array(self.labels.names),
                class_ids=np.array(self.labels.ids),
                task=np.array(self.task),
                **{name: values for name, values in optional.items() if values is not None},
            )

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote; nothing in the file is executed (no pickle)."""
        if Path(path).suffix == ".parquet":
            return prediction_tables.read(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                labels = Labels(tuple(file["class_names"].tolist()), tuple(file["class_ids"].tolist()))
                given = (file["clip_ids"], file["targets"], file["scores"], labels, str(file["task"]))
                return cls(*given, *(file.get(name) for name in ("known", "recordings", "thresholds")))
        except FileNotFoundError as error:
            raise AudiotagError(f"no such file: {path}") from error
        except (KeyError, ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            raise AudiotagError(f"{path} is not a file of predictions ({error}): run the evaluation again") from error


def probabilities(logits: np.ndarray, task: per_class.Task) -> np.ndarray:
    """Softmax (multiclass) or sigmoid (multilabel) of logits, in float64 so that high logits keep their order.

    Args:
        logits: (clips, classes), finite, any float type.
        task: "multiclass" or "multilabel".

    Returns:
        (clips, classes) float64 in [0, 1].
    """
    from scipy.special import expit, softmax

    logits = logits.astype(np.float64)
    return softmax(logits, axis=1) if task == "multiclass" else expit(logits)


def cross_entropy(found: Predictions) -> float:
    """Mean cross-entropy of scores against labels: the loss of training, without a teacher and without mixup.

    Categorical over the classes for "multiclass", binary and averaged over clips and classes (the known pairs) for
    "multilabel". Scores are kept 1e-12 away from 0 and 1.
    """
    scores, targets = np.clip(found.scores, 1e-12, 1 - 1e-12), found.targets
    if found.task == "multiclass":
        return float(-(targets * np.log(scores)).sum(axis=1).mean())
    losses = -(targets * np.log(scores) + (1 - targets) * np.log1p(-scores))
    return float(losses.mean() if found.known is None else losses[found.known].mean())
