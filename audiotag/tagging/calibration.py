"""Calibration: what makes of a network's scores probabilities that can be believed, in the tagger's own graph."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from audiotag.errors import AudiotagError, suggest
from audiotag.task import Task

Method = Literal["temperature", "platt", "isotonic"]
Knots = tuple[tuple[float, float], ...]

METHODS = ("temperature", "platt", "isotonic")
MOST_KNOTS = 64

_LEAST = 1e-12  # probabilities nearer to 0 or 1 are taken for this one, so that every logit is finite
_LIMIT = -math.log(_LEAST)
_TIE = 1e-6  # weight of the uncalibrated scores beside isotonic ones, where those of a clip may all be 0


@dataclass(frozen=True)
class Calibration:
    """How calibrated scores follow from a network's logits; fitted by `audiotag.evaluation.calibrating.fit`.

    With z the logits of a multilabel tagger, or the logarithms of the softmax of a multiclass one:

    - "temperature": z / temperature, then sigmoid or softmax. Guo et al., 2017, arXiv 1706.04599.
    - "platt": scale * z + shift for each class, then sigmoid (Platt, 1999) or softmax (vector scaling, arXiv
      1706.04599).
    - "isotonic": a piecewise linear, never falling map of the probability for each class (Zadrozny and Elkan, 2002);
      those of a multiclass tagger are then divided by their sum.

    Temperature and Platt keep the order of a multilabel class's clips, and so its average precision. Isotonic maps have
    flat parts: they make ties, which can lower average precision.

    Args:
        method: "temperature", "platt" or "isotonic"; only its own parameters are given.
        temperature: positive; above 1 softens, below 1 sharpens.
        scale: positive, one a class.
        shift: one a class, logits.
        knots: of each class 2 to 64 points (uncalibrated, calibrated) in [0, 1], the former rising, the latter not
            falling. Below the first and above the last one the map is flat.
        fitted_on: what it was fitted on, for people and for the check that an evaluation was made on other clips.

    Raises:
        AudiotagError: an unknown method, parameters of another one, or values out of range.
    """

    method: Method
    temperature: float = 1.0
    scale: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    knots: tuple[Knots, ...] = ()
    fitted_on: str = ""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise AudiotagError(f"no calibration is named {self.method!r}: {suggest(str(self.method), METHODS)}")
        own = {"temperature": ("temperature",), "platt": ("scale", "shift"), "isotonic": ("knots",)}[self.method]
        for name, nothing in (("temperature", 1.0), ("scale", ()), ("shift", ()), ("knots", ())):
            if name not in own and getattr(self, name) != nothing:
                raise AudiotagError(
                    f"calibration by {self.method} has {' and '.join(own)}, received {name}: leave it out"
                )
        if not 0 < self.temperature < math.inf:
            raise AudiotagError(f"temperature must be positive, received {self.temperature}")
        if self.method == "platt":
            self._check_lines()
        for knots in self.knots:
            _check_knots(knots)
        if self.method == "isotonic" and not self.knots:
            raise AudiotagError("an isotonic calibration needs knots for every class, received none")

    def _check_lines(self) -> None:
        if not self.scale or len(self.scale) != len(self.shift):
            raise AudiotagError(
                "calibration by platt needs one scale and one shift a class, received "
                f"{len(self.scale)} and {len(self.shift)}"
            )
        for scale, shift in zip(self.scale, self.shift, strict=True):
            if not (0 < scale < math.inf and math.isfinite(shift)):
                raise AudiotagError(f"scales must be positive and shifts finite, received {scale} and {shift}")

    @property
    def classes(self) -> int | None:
        """Number of classes that it is for; None: any."""
        return len(self.scale) or len(self.knots) or None

    def describe(self) -> str:
        """Method, parameters and what they were fitted on, for people: "temperature 1.83, fitted on …"."""
        if self.method == "temperature":
            what = f"temperature {self.temperature:.3g}"
        elif self.method == "platt":
            what = f"Platt scaling of {len(self.scale)} classes (scale {min(self.scale):.3g} to {max(self.scale):.3g})"
        else:
            what = f"isotonic maps of {len(self.knots)} classes (at most {max(map(len, self.knots))} knots)"
        return f"{what}, fitted on {self.fitted_on}" if self.fitted_on else what

    def apply(self, logits: Any, task: Task | str) -> Any:
        """Calibrated scores in the graph of a Keras model, on any backend and in any export.

        Args:
            logits: (batch, classes), a tensor of the backend.
            task: or its name.

        Returns:
            (batch, classes), float32 in [0, 1].
        """
        import keras
        from keras import ops

        exclusive = Task(task).exclusive
        logits = ops.cast(logits, "float32")
        activation = keras.activations.get(Task(task).activation)
        logits = ops.clip(ops.log_softmax(logits, axis=-1) if exclusive else logits, -_LIMIT, _LIMIT)
        if self.method == "temperature":
            return activation(logits / self.temperature)
        if self.method == "platt":
            scale, shift = (ops.convert_to_tensor(line, "float32") for line in (self.scale, self.shift))
            return activation(logits * scale + shift)
        scores = ops.exp(logits) if exclusive else activation(logits)
        first, start, width, rise = (ops.convert_to_tensor(part, "float32") for part in self._pieces())
        places = ops.clip((ops.expand_dims(scores, -1) - start) / width, 0.0, 1.0)
        mapped = first + ops.sum(places * rise, axis=-1)
        if not exclusive:
            return mapped
        return (mapped + _TIE * scores) / (ops.sum(mapped, axis=-1, keepdims=True) + _TIE)

    def scores(self, scores: np.ndarray, task: Task | str) -> np.ndarray:
        """Calibrated scores of uncalibrated ones, in NumPy; equal to `apply` but for the rounding of float32.

        Args:
            scores: (clips, classes), the sigmoid (multilabel) or softmax (multiclass) of the network's logits.
            task: or its name.

        Returns:
            (clips, classes), float64 in [0, 1].
        """
        from scipy.special import expit, softmax

        exclusive = Task(task).exclusive
        if self.method != "isotonic":
            scale, shift = (1 / self.temperature, 0.0) if self.method == "temperature" else (self.scale, self.shift)
            lines = logits_of(scores, task) * np.asarray(scale) + np.asarray(shift)
            return softmax(lines, axis=-1) if exclusive else expit(lines)
        scores = np.asarray(scores, np.float64)
        mapped = np.empty_like(scores)
        for index, knots in enumerate(self.knots):
            mapped[:, index] = np.interp(scores[:, index], *zip(*knots, strict=True))
        if not exclusive:
            return mapped
        return (mapped + _TIE * scores) / (mapped.sum(axis=-1, keepdims=True) + _TIE)

    def _pieces(self) -> tuple[np.ndarray, ...]:
        """First value of each class (classes,), and start, width and rise of its pieces (classes, pieces)."""
        pieces = max(map(len, self.knots)) - 1
        start, width, rise = (np.full((len(self.knots), pieces), fill) for fill in (0.0, 1.0, 0.0))
        for index, knots in enumerate(self.knots):
            scores, values = np.array(knots).T
            start[index, : len(knots) - 1] = scores[:-1]
            width[index, : len(knots) - 1] = np.diff(scores)
            rise[index, : len(knots) - 1] = np.diff(values)
        return np.array([knots[0][1] for knots in self.knots]), start, width, rise

    def to_dict(self) -> dict[str, Any]:
        """Method, its parameters as plain numbers and lists, and what it was fitted on; ready for JSON."""
        fields = json.loads(json.dumps(vars(self)))
        defaults = {"temperature": 1.0, "scale": [], "shift": [], "knots": []}
        return {name: value for name, value in fields.items() if name not in defaults or value != defaults[name]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Calibration:
        """The calibration that `to_dict` described; an unknown field is an error."""
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in fields if name not in known]:
            raise AudiotagError(f"a calibration has the fields {', '.join(known)}: unknown {', '.join(unknown)}")
        lines = {name: tuple(fields[name]) for name in ("scale", "shift") if name in fields}
        knots = tuple(tuple((score, value) for score, value in knots) for knots in fields.get("knots", ()))
        return cls(**{**fields, **lines, "knots": knots})


def logits_of(scores: np.ndarray, task: Task | str) -> np.ndarray:
    """What calibration works on: log-odds (multilabel) or logarithms (multiclass) of scores, kept 1e-12 off 0 and 1.

    Args:
        scores: (clips, classes), probabilities.
        task: or its name.

    Returns:
        (clips, classes), float64.
    """
    scores = np.clip(np.asarray(scores, np.float64), _LEAST, 1.0 if Task(task).exclusive else 1 - _LEAST)
    return np.log(scores) if Task(task).exclusive else np.log(scores) - np.log1p(-scores)


def _check_knots(knots: Knots) -> None:
    points = np.array(knots, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not 2 <= len(points) <= MOST_KNOTS:
        raise AudiotagError(f"a class has 2 to {MOST_KNOTS} knots of two numbers, received the shape {points.shape}")
    # In float32, as the graph holds them: two scores that are equal there would divide by zero.
    rising = np.diff(points[:, 0].astype(np.float32)) > 0
    if not ((points >= 0) & (points <= 1)).all() or not rising.all() or (np.diff(points[:, 1]) < 0).any():
        raise AudiotagError(
            f"knots lie in [0, 1], rise in the first number and do not fall in the second, received {knots[:3]} …"
        )
