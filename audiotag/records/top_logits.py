"""The largest logits of a record and one for all others: for many classes a fraction of the bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audiotag.task import Task


@dataclass(frozen=True)
class TopLogits:
    """A teacher's logits for a record, shortened.

    Args:
        classes: (top,) int64, indices of the classes with the largest logits, the largest first.
        logits: (top,) float32, theirs.
        rest: the logit of each other class that the teacher knows.
    """

    classes: np.ndarray
    logits: np.ndarray
    rest: float


def shorten(logits: np.ndarray, top: int, task: Task) -> TopLogits:
    """Keep the largest logits, and one for all others by which the mean of their probabilities stays what it is.

    Where the task is multilabel it is the logit of the mean sigmoid of the others, where it is multiclass the
    logarithm of the mean of their exponentials: the shares of the kept ones then stay what they are too. This holds at
    temperature 1. CED (arXiv 2308.11957) stores the 20 largest of 527 outputs, and its program gives the others the
    smallest of these over their number.

    Args:
        logits: (classes,), finite, or NaN for a class that the teacher does not know.
        top: how many are kept, from 1 to less than the classes that the teacher knows. Of equal logits the first
            classes count.
        task: what makes probabilities of logits.
    """
    from scipy.special import log_expit, logsumexp

    known = np.flatnonzero(~np.isnan(logits))
    order = known[np.argsort(-logits[known], kind="stable")]
    others = logits[order[top:]].astype(np.float64)
    # By logarithms, since far below zero a sigmoid is 0 and has no logit.
    if task.exclusive:
        rest = logsumexp(others) - math.log(len(others))
    else:
        rest = logsumexp(log_expit(others)) - logsumexp(log_expit(-others))
    return TopLogits(order[:top], logits[order[:top]].astype(np.float32), float(rest))
