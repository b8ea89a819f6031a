"""What is asked of a clip: its class or classes, its notes, its words, or the next of its tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    import keras


class Task(StrEnum):
    """A task; in files it is its name. Nothing else in audiotag asks which task it is: it asks for what follows.

    Of notes a clip's classes are the pitches that sound in it, any number of them; what is trained and transcribed is
    when each note begins and ends, and how loud it is. Of speech they are the characters of its text; what is trained
    and transcribed is the text. Of tokens the classes are the tokens, exactly one of which comes next at every step.

    Raises:
        AudiotagError: `Task("…")` of another name.
    """

    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    NOTES = "notes"
    SPEECH = "speech"
    TOKENS = "tokens"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise AudiotagError(f"task must be multiclass, multilabel, notes, speech or tokens, received {value!r}")

    @property
    def exclusive(self) -> bool:
        """Whether a clip, or of tokens a step, has exactly one class, so that classes compete."""
        return self in (Task.MULTICLASS, Task.TOKENS)

    @property
    def of_notes(self) -> bool:
        """Whether its events are notes, whose onset, offset and velocity are learnt at every step of time."""
        return self is Task.NOTES

    @property
    def of_speech(self) -> bool:
        """Whether a clip has a text, whose characters are learnt in their order."""
        return self is Task.SPEECH

    @property
    def of_tokens(self) -> bool:
        """Whether it is about tokens of sound, which are made from a data set and give a language model, no tagger."""
        return self is Task.TOKENS

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
        """The validation metric by which the best epoch is kept unless somebody chooses; "last": the last one is.

        Which pitches or characters there are in a clip, which is what a validation of whole clips measures, says little
        of notes or of a text.
        """
        if self.of_tokens:
            return "val_loss"
        return "last" if self.of_notes or self.of_speech else "val_accuracy" if self.exclusive else "val_mAP"

    @property
    def asked_of_steps(self) -> str | None:
        """What is asked of the steps of time where strong labels or texts say it; None: nothing."""
        if self.exclusive:
            return None
        return "notes" if self.of_notes else "characters" if self.of_speech else "active classes"

    @property
    def step_activation(self) -> str:
        """What makes scores of a step's logits, by its name in Keras; each tells one character alone, or the blank."""
        return "softmax" if self.of_speech else self.activation

    @property
    def strong_weight(self) -> float:
        """The share of the loss that is about steps where a recipe asks for none."""
        return 1.0 if self.of_notes or self.of_speech else 0.0

    @property
    def mixup(self) -> float:
        """The alpha of mixup where a recipe asks for none: two texts at once are no text, tokens are not mixed."""
        return 0.0 if self.of_speech or self.of_tokens else 0.3

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
