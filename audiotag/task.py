"""What is asked of a clip: exactly one class (multiclass), or any number of them (multilabel); all that follows."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    import keras


class Task(StrEnum):
    """A task; in files it is its name. Nothing else in audiotag asks which task it is: it asks for what follows.

    Raises:
        AudiotagError: `Task("…")` of another name.
    """

    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise AudiotagError(f"task must be multiclass or multilabel, received {value!r}")

    @property
    def exclusive(self) -> bool:
        """Whether a clip has exactly one class, so that classes compete."""
        return self is Task.MULTICLASS

    @property
    def activation(self) -> str:
        """What makes scores of logits, by its name in Keras."""
        return "softmax" if self.exclusive else "sigmoid"

    @property
    def decision(self) -> str:
        """The metric of decisions that is watched: accuracy, or F1 where most answers are no."""
        return "accuracy" if self.exclusive else "F1"

    @property
    def monitor(self) -> str:
        """The validation metric by which the best epoch is kept unless somebody chooses."""
        return "val_accuracy" if self.exclusive else "val_mAP"

    @property
    def asked_of_steps(self) -> str | None:
        """What is asked of a step of time where strong labels say when something sounds; None: nothing."""
        return None if self.exclusive else "active classes"

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Softmax or sigmoid in float64, so that high logits keep their order.

        Args:
            logits: (clips, classes), finite, any float type.

        Returns:
            (clips, classes) float64 in [0, 1].
        """
        from scipy.special import expit, softmax

        logits = np.asarray(logits, np.float64)
        return softmax(logits, axis=1) if self.exclusive else expit(logits)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy from logits with soft targets: categorical, or binary averaged over classes.

        Both are linear in the target, which is what makes distillation a step of the input pipeline.
        """
        import keras

        kind = keras.losses.CategoricalCrossentropy if self.exclusive else keras.losses.BinaryCrossentropy
        return kind(from_logits=True)
