"""Teacher shards beside the records: what `teacher.json` must say before their outputs are used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import progress, storage
from audiotag.errors import AudiotagError, suggest
from audiotag.records.step_grid import StepGrid

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.records.manifest import Shard

CARD = "teacher.json"


@dataclass(frozen=True)
class Outputs:
    """A teacher's outputs beside some shards of records.

    Args:
        name: of the teacher.
        weight: in the mean of several teachers.
        files: its shards.
        top: how many of the largest logits are stored, None: all.
        unknown: (classes,) bool, which classes it does not know.
        steps: where the steps lie that it has outputs of too. None: it has none.
    """

    name: str
    weight: float
    files: Sequence[Path]
    top: int | None
    unknown: np.ndarray
    steps: StepGrid | None = None


def parse(text: str) -> dict[str, float]:
    """Weights of teachers by name, in the order of a text: "passt_1,passt_2=2" is {"passt_1": 1.0, "passt_2": 2.0}.

    Args:
        text: names with commas between them, each with "=" and a positive weight where that is not 1.

    Raises:
        AudiotagError: another text, a name twice, or a weight that is not positive.
    """
    if not isinstance(text, str):
        raise AudiotagError(f"teachers are named by one text, such as 'passt_1,passt_2=2', received {text!r}")
    weights: dict[str, float] = {}
    for term in text.split(","):
        name, stated, number = map(str.strip, term.partition("="))
        if not name:
            raise AudiotagError(f"teachers are named like 'passt_1,passt_2=2', received {text!r}: name one")
        try:
            weight = float(number) if stated else 1.0
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0):
            raise AudiotagError(f"the weight of a teacher is a positive number, received {term.strip()!r} in {text!r}")
        if name in weights:
            raise AudiotagError(f"a teacher is named once, received {name!r} twice in {text!r}: give it one weight")
        weights[name] = weight
    return weights


def read(folder: Path) -> dict[str, Any]:
    """`teacher.json` in a teacher's folder, whatever data set it is of.

    Raises:
        AudiotagError: there is none, or it lacks what every one has.
    """
    value = storage.read_json(folder / CARD)
    missing = [key for key in ("fingerprint", "classes", "shards") if key not in value]
    if missing:
        raise AudiotagError(f"{folder / CARD} lacks {missing[0]!r}: teach again")
    return value


def card(data: Data, name: str) -> dict[str, Any]:
    """`teacher.json` of a teacher that fits the data set.

    Raises:
        AudiotagError: no such teacher, or its outputs are those of another data set.
    """
    folder = data.teacher_folder(name)
    if not (folder / CARD).is_file():
        raise AudiotagError(
            f"{data.path} has no outputs of a teacher {name!r}: {suggest(name, data.teachers)}; "
            f"make them with `audiotag teach`"
        )
    value = read(folder)
    if value["fingerprint"] != data.fingerprint:
        raise AudiotagError(
            f"the outputs of teacher {name!r} belong to another data set or another build of it "
            f"({value['fingerprint'][:12]}…, {data.path} is {data.fingerprint[:12]}…): "
            f"delete {folder} and teach again"
        )
    if value["classes"] != len(data.labels):
        raise AudiotagError(
            f"teacher {name!r} has {value['classes']} classes, {data.name} has {len(data.labels)}: "
            "a teacher must know the same classes"
        )
    _steps(data, name, value)
    return value


def outputs(data: Data, teachers: str, selected: Sequence[Shard]) -> list[Outputs]:
    """Teachers' outputs beside some shards of records.

    Args:
        data: an open data set.
        teachers: their names and weights, see `parse`.
        selected: shards of records.

    Raises:
        AudiotagError: see `card`; also a shard that is missing or holds another number of records.
    """
    return [_outputs(data, name, weight, selected) for name, weight in parse(teachers).items()]


def _outputs(data: Data, name: str, weight: float, selected: Sequence[Shard]) -> Outputs:
    stated, folder = card(data, name), data.teacher_folder(name)
    listed, without = stated["shards"], stated.get("classes_without", ())
    for shard in selected:
        if shard.name not in listed or not (folder / shard.name).is_file():
            raise AudiotagError(
                f"teacher {name!r} has no outputs for {shard.name}: finish with `audiotag teach {data.path}`"
            )
        if listed[shard.name]["examples"] != shard.examples:
            raise AudiotagError(
                f"teacher {name!r} has {listed[shard.name]['examples']} outputs for {shard.name}, which holds "
                f"{shard.examples} records: delete {folder} and teach again"
            )
    unknown = np.array([label in without for label in data.labels])
    files = [folder / shard.name for shard in selected]
    return Outputs(name, weight, files, stated.get("top"), unknown, _steps(data, name, stated))


def _steps(data: Data, name: str, stated: dict[str, Any]) -> StepGrid | None:
    return StepGrid.from_dict(stated["steps"], data.teacher_folder(name) / CARD) if "steps" in stated else None


def with_steps(data: Data, teachers: str) -> list[str]:
    """Names of those teachers that have outputs of steps.

    Args:
        data: an open data set.
        teachers: their names and weights, see `parse`.

    Raises:
        AudiotagError: see `card`; also steps that are not stated.
    """
    return [name for name in parse(teachers) if _steps(data, name, card(data, name)) is not None]


def coverage(data: Data, name: str, expression: str) -> float:
    """Share of the records of some splits for which a teacher has outputs, by `teacher.json` alone.

    Args:
        data: an open data set.
        name: of one teacher.
        expression: splits that hold records; see `Data.select`.

    Raises:
        AudiotagError: no such splits, or see `card`.
    """
    listed, selected = card(data, name)["shards"], data.selected_shards(expression)
    known = sum(listed[shard.name]["known"] for shard in selected if shard.name in listed)
    return known / sum(shard.examples for shard in selected)


def check_coverage(data: Data, teachers: str, expression: str) -> None:
    """Refuse a teacher that has no outputs for some splits; a line says where one has them for a part.

    Args:
        data: an open data set.
        teachers: their names and weights, see `parse`.
        expression: splits that hold records; see `Data.select`.

    Raises:
        AudiotagError: a teacher has outputs for none of the records.
    """
    for name in parse(teachers):
        share = coverage(data, name, expression)
        if not share:
            raise AudiotagError(
                f"teacher {name!r} has outputs for none of the records of {expression} of {data.name}: teach these "
                "splits with `audiotag teach`, or leave the teacher out"
            )
        if share < 1:
            progress.say(
                f"Teacher {name} has outputs for {share:.2%} of the records of {expression} of {data.name}; the others "
                "keep their labels"
            )
