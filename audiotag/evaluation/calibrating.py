"""Fit a calibration on the scores of clips that were neither trained nor are evaluated on."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logsumexp

from audiotag.errors import AudiotagError, suggest
from audiotag.metrics.predictions import Predictions
from audiotag.records import Data
from audiotag.tagging.calibration import METHODS, MOST_KNOTS, Calibration, Knots, logits_of

_WIDEST = np.log(50.0)  # of the search for a temperature or scale of a softmax: from a fiftieth to fifty times
_GRID = 20  # isotonic maps begin and end their steps on a twentieth of a logit
_SCORED = (-20.0, 10.0)  # logits: float32 tells twentieths apart here


def fit(predictions: Predictions, method: str, fitted_on: str = "") -> Calibration:
    """The calibration that makes scores the best probabilities of the truth.

    Temperature and Platt are the maximum of the likelihood times a weak prior: the logarithm of each temperature or
    scale and each shift are normally distributed around "no change" with standard deviation 1. Among many clips it
    counts for nothing; a class of few clips stays near what it was, and one that is perfectly separated is not
    sharpened without end. Scales are positive, so that no class's order is turned round. A class without a positive or
    without a negative keeps its scores. Multiclass "platt" is vector scaling, fitted for all classes together. Isotonic
    maps have no prior and follow chance where a class has few clips: below some hundred, prefer temperature.

    Pairs that nobody judged are left out.

    Args:
        predictions: truth and uncalibrated scores of the clips to fit on.
        method: "temperature", "platt" or "isotonic"; see `Calibration`.
        fitted_on: what these clips are, as `source` says it.

    Raises:
        AudiotagError: an unknown method.
    """
    if method not in METHODS:
        raise AudiotagError(f"no calibration is named {method!r}: {suggest(method, METHODS)}")
    if method == "isotonic":
        return Calibration("isotonic", knots=_each(predictions, _isotonic), fitted_on=fitted_on)
    if method == "temperature":
        return Calibration("temperature", _temperature(predictions), fitted_on=fitted_on)
    lines = _vector(predictions) if predictions.task.exclusive else _each(predictions, _platt)
    scale, shift = zip(*lines, strict=True)
    return Calibration("platt", scale=scale, shift=shift, fitted_on=fitted_on)


def calibrated(predictions: Predictions, calibration: Calibration) -> Predictions:
    """The same predictions with calibrated scores."""
    return dataclasses.replace(predictions, scores=calibration.scores(predictions.scores, predictions.task))


def source(data: Data, split: str, clips: int) -> str:
    """What a calibration or thresholds were fitted on: "fold1+fold2 of esc10, 80 clips, data 3f2a9c81b0de"."""
    return f"{'+'.join(data.select(split))} of {data.name}, {clips} clips, data {data.fingerprint[:12]}"


def shared_splits(fitted_on: str, data: Data, split: str) -> list[str]:
    """The splits to evaluate on which something was fitted: scores on them look better than on new clips.

    Args:
        fitted_on: `Calibration.fitted_on` or `AudioTagger.thresholds_from`, which end as `source` says it.
        data: the data set to evaluate on.
        split: expression of the splits to evaluate on.

    Returns:
        Names of splits of this very data set; empty also where `fitted_on` says nothing of the kind.
    """
    parts = re.search(r"(?:^| on )(\S+) of .*, \d+ clips, data ([0-9a-f]+)$", fitted_on)
    if not parts or not data.fingerprint.startswith(parts[2]):
        return []
    return [name for name in data.select(split) if name in parts[1].split("+")]


def _temperature(predictions: Predictions) -> float:
    """The temperature of least cross-entropy."""
    logits, truth = logits_of(predictions.scores, predictions.task), predictions.targets.astype(np.float64)
    known = 1.0 if predictions.known is None else predictions.known.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = logits * np.exp(-log_temperature)
        if predictions.task.exclusive:
            entropy = (logsumexp(scaled, axis=1) - (truth * scaled).sum(axis=1)).sum()
        else:
            entropy = (known * (np.logaddexp(0, scaled) - truth * scaled)).sum()
        return entropy + log_temperature**2 / 2

    best = minimize_scalar(loss, bounds=(-_WIDEST, _WIDEST), method="bounded", options={"xatol": 1e-8})
    return float(np.exp(best.x))


def _each(predictions: Predictions, fit_class: Callable[[np.ndarray, np.ndarray], tuple]) -> tuple:
    """What is fitted to the logits and the truth of each class; "no change" for one that cannot be judged."""
    identity = ((0.0, 0.0), (1.0, 1.0)) if fit_class is _isotonic else (1.0, 0.0)
    fitted = []
    for index in range(len(predictions.labels)):
        truth, scores = predictions.of_class(index)
        logits = logits_of(scores, "multilabel")
        fitted.append(fit_class(logits, truth.astype(np.float64)) if 0 < truth.sum() < len(truth) else identity)
    return tuple(fitted)


def _platt(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Scale and shift of one class."""

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = np.exp(line[0]) * logits
        lines = scaled + line[1]
        residual = expit(lines) - truth
        gradient = np.array([residual @ scaled, residual.sum()]) + line
        return (np.logaddexp(0, lines) - truth * lines).sum() + line @ line / 2, gradient

    def curvature(line: np.ndarray) -> np.ndarray:
        # Fisher's information: unlike the second derivative never negative.
        scaled = np.exp(line[0]) * logits
        chance = expit(scaled + line[1])
        weight = chance * (1 - chance)
        both = weight @ scaled
        return np.array([[weight @ scaled**2, both], [both, weight.sum()]]) + np.eye(2)

    best = minimize(loss, np.zeros(2), jac=True, hess=curvature, method="trust-exact")
    return float(np.exp(best.x[0])), float(best.x[1])


def _vector(predictions: Predictions) -> list[tuple[float, float]]:
    """Scale and shift of every class of a softmax."""
    logits, truth = logits_of(predictions.scores, "multiclass"), predictions.targets.astype(np.float64)
    classes = truth.shape[1]
    free = truth.any(axis=0)

    def loss(lines: np.ndarray) -> tuple[float, np.ndarray]:
        log_scale, shift = lines.reshape(2, classes)
        scaled = np.exp(log_scale) * logits
        lifted = scaled + shift
        total = logsumexp(lifted, axis=1, keepdims=True)
        residual = np.exp(lifted - total) - truth
        gradient = np.concatenate([free * (residual * scaled).sum(axis=0), free * residual.sum(axis=0)]) + lines
        return total.sum() - (truth * lifted).sum() + lines @ lines / 2, gradient

    bounds = [(-_WIDEST, _WIDEST)] * classes + [(None, None)] * classes
    options = {"ftol": 1e-13, "maxiter": 1000}
    best = minimize(loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    log_scale, shift = best.x.reshape(2, classes)
    return list(zip(np.exp(log_scale).tolist(), shift.tolist(), strict=True))


def _isotonic(logits: np.ndarray, truth: np.ndarray) -> Knots:
    """The knots of one class's map.

    Scores are put on a grid first: a step between two scores that differ by chance would be so steep that float32 and
    another backend could not follow it.
    """
    from sklearn.isotonic import IsotonicRegression

    scores = expit(np.round(np.clip(logits, *_SCORED) * _GRID) / _GRID)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(scores, truth)
    points = list(zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True))
    if len(points) == 1:
        points = [(0.0, points[0][1]), (1.0, points[0][1])]
    return tuple(_thinned(points))


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `MOST_KNOTS` points: the one nearest to the line between its neighbours goes, again and again."""
    while len(points) > MOST_KNOTS:
        scores, values = np.array(points).T
        share = (scores[1:-1] - scores[:-2]) / (scores[2:] - scores[:-2])
        distance = np.abs(values[:-2] + share * (values[2:] - values[:-2]) - values[1:-1])
        del points[int(distance.argmin()) + 1]
    return points
