"""Several scorers as one: the mean of what those say that know a class; and a scorer in the classes of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.scorers import vocabulary
from audiotag.scorers.inputs import SeveralInputs
from audiotag.scorers.scorer import Scorer
from audiotag.task import Task


class Mean:
    """The mean of what several say of the classes of a vocabulary, over those that know a class.

    Args:
        matchings: from the classes of each to those of the vocabulary.
    """

    def __init__(self, matchings: Sequence[vocabulary.Matching]) -> None:
        self.matchings = matchings
        known = np.stack([matching.known for matching in matchings])
        self.kept = np.flatnonzero(known.any(axis=0))
        """Which classes any of them knows, (kept,) int64."""
        self._knows = known[:, self.kept]

    def __call__(self, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Outputs of each, (batch, …, its classes) of one type, to their mean, (batch, …, kept)."""
        matched = []
        for matching, values in zip(self.matchings, outputs, strict=True):
            rows = matching.apply(values.reshape(-1, values.shape[-1]))
            matched.append(rows.reshape(*values.shape[:-1], rows.shape[-1])[..., self.kept])
        kind = matched[0].dtype
        knows = self._knows.reshape(len(matched), *[1] * (matched[0].ndim - 1), -1)
        return np.where(knows, matched, 0).sum(axis=0, dtype=kind) / knows.sum(axis=0).astype(kind)


def of(
    members: Sequence[Scorer], labels: Labels, owner: str, task: Task | None = None, table: str | Path | None = None
) -> Scorer:
    """The mean of several scorers, or of one, in the classes of a vocabulary that any of them knows.

    The mean is that of the logits, uncalibrated, of the members that know a class; of the scores where a member gives
    no logits.

    Args:
        members: at least one.
        labels: the vocabulary, most often a data set's.
        owner: whose it is, for messages.
        task: what is asked of a clip. Default: as of the first member.
        table: CSV table of classes; see `vocabulary.match`.

    Raises:
        AudiotagError: a member that knows no class, or members that take different lengths only.
    """
    fixed = {member.input.seconds: member.name for member in members if member.input.seconds is not None}
    if len(fixed) > 1:
        listed = ", ".join(f"{name} {seconds:g} s" for seconds, name in fixed.items())
        raise AudiotagError(f"the members of an ensemble take windows of one length, received {listed}: choose others")
    matchings = [vocabulary.match(member.name, member.labels, labels, owner, table) for member in members]
    mean = Mean(matchings)
    logits = all(member.outputs == "logits" for member in members)
    kind = np.float32 if logits else np.float64

    def run(batch: tuple[np.ndarray, ...]) -> np.ndarray:
        outputs = []
        for member, inputs in zip(members, batch, strict=True):
            raw = member.raw(inputs)
            values = member.logits_of(raw) if logits else member.uncalibrated(raw)
            outputs.append(values.astype(kind))
        return mean(outputs)

    name, first = "+".join(member.name for member in members), members[0]
    same = all(member.pad == first.pad for member in members)
    speeds = {member.speed for member in members}
    stated = [note for member in members for note in member.notes]
    calibrated = [member.name for member in members if member.calibration is not None]
    left_out = [f"the calibration of {member} is left out" for member in calibrated]
    return Scorer(
        name=name,
        kind="ensemble",
        path=Path(name),
        input=SeveralInputs(tuple(member.name for member in members), tuple(member.input for member in members)),
        run=run,
        labels=Labels(*(tuple(texts[index] for index in mean.kept) for texts in (labels.names, labels.ids))),
        task=first.task if task is None else Task(task),
        outputs="logits" if logits else "scores",
        seconds=next(iter(fixed), first.seconds),
        pad=first.pad if same else "repeat",
        speed=first.speed if len(speeds) == 1 else None,
        checksum=lambda: _checksum(members, matchings),
        about={"members": ", ".join(member.name for member in members)},
        notes=tuple(dict.fromkeys((*stated, *left_out))),
        concurrent=all(member.concurrent for member in members),
    )


def _checksum(members: Sequence[Scorer], matchings: Sequence[vocabulary.Matching]) -> str:
    """The member's checksum, with how its classes were matched; of several, the checksum of theirs in their order."""
    sums = [matching.identify(member.sha256) for member, matching in zip(members, matchings, strict=True)]
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()
