"""Teacher shards beside the records: what `teacher.json` must say before their outputs are used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import storage
from audiotag.errors import AudiotagError, suggest

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.records.manifest import Shard

CARD = "teacher.json"


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
    return value


def shards(data: Data, name: str, selected: Sequence[Shard]) -> list[Path]:
    """The teacher's shards beside some shards of records.

    Raises:
        AudiotagError: see `card`; also a shard that is missing or holds another number of records.
    """
    listed, folder = card(data, name)["shards"], data.teacher_folder(name)
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
    return [folder / shard.name for shard in selected]
