"""Thresholds of classes that exclude each other: which clips get no answer, and how often an answer is right."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.per_class import decide, of_decisions
from audiotag.report.formats import figure, percent
from audiotag.report.section import Section, Table


def measure(evaluation: Evaluation) -> Section | None:
    """What `tag` makes of the thresholds: the best scored class where it reaches its own; None without thresholds."""
    predictions = evaluation.predictions
    if not predictions.task.exclusive or len(evaluation.scored) > 1 or evaluation.scored[0].own("thresholds") is None:
        return None
    truth, best = predictions.targets.astype(bool), decide(predictions)
    answers = best & (predictions.scores >= predictions.limits)
    positives, guesses, hits = (pairs.sum(axis=0) for pairs in (truth, answers, truth & answers))
    rates = of_decisions(positives, guesses, hits, np.full(len(positives), len(truth)))
    counts = {"class": predictions.labels.names, "clips": positives, "answers": guesses}
    table = pandas.DataFrame(counts | {"threshold": predictions.limits, **rates}).drop(columns="accuracy")
    answered, every = float(answers.any(axis=1).mean()), float((truth & best).any(axis=1).mean())
    right = float(hits.sum() / guesses.sum()) if guesses.any() else float("nan")
    return Section(
        "Answers and silence",
        how="A clip is answered where the highest score reaches the threshold of its class; all other figures decide "
        "by the highest score alone.",
        conclusions=(
            f"with the thresholds {percent(answered)} of the clips are answered, {figure(right)} of the answers are "
            f"right; without them {figure(every)} of all clips",
        ),
        scalars={"answered": answered, "right_of_answered": right, "right_of_all": every},
        tables=(Table.of(table),),
        values={"rejection": {"answered": answered, "accuracy": right, "classes": table}},
    )
