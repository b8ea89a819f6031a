"""Teacher shards beside the records: what `teacher.json` must say before their outputs are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiotag import storage
from audiotag.errors import AudiotagError, suggest
from audiotag.records.manifest import TEACHERS, Manifest, Shard

CARD = "teacher.json"


def names(dataset: Path) -> list[str]:
    """The teachers whose outputs lie beside the records of a data set."""
    return sorted(path.parent.name for path in (dataset / TEACHERS).glob(f"*/{CARD}"))


def folder(dataset: Path, name: str) -> Path:
    """Where a teacher's shards lie, whether they exist or not."""
    return storage.inside(dataset / TEACHERS, name)


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


def card(dataset: Path, manifest: Manifest, name: str) -> dict[str, Any]:
    """`teacher.json` of a teacher that fits the data set.

    Args:
        dataset: folder of the data set.
        manifest: of the data set.
        name: of the teacher.

    Raises:
        AudiotagError: no such teacher, or its outputs are those of another data set.
    """
    path = folder(dataset, name) / CARD
    if not path.is_file():
        raise AudiotagError(
            f"{dataset} has no outputs of a teacher {name!r}: {suggest(name, names(dataset))}; "
            f"make them with `audiotag teach`"
        )
    value = read(path.parent)
    if value["fingerprint"] != manifest.fingerprint:
        raise AudiotagError(
            f"the outputs of teacher {name!r} belong to another data set or another build of it "
            f"({value['fingerprint'][:12]}…, {dataset} is {manifest.fingerprint[:12]}…): "
            f"delete {path.parent} and teach again"
        )
    classes = manifest.description["labels"]["count"]
    if value["classes"] != classes:
        raise AudiotagError(
            f"teacher {name!r} has {value['classes']} classes, {manifest.description['name']} has {classes}: "
            "a teacher must know the same classes"
        )
    return value


def shards(dataset: Path, manifest: Manifest, name: str, selected: Sequence[Shard]) -> list[Path]:
    """The teacher's shards beside some shards of records.

    Raises:
        AudiotagError: see `card`; also a shard that is missing or holds another number of records.
    """
    listed = card(dataset, manifest, name)["shards"]
    paths = []
    for shard in selected:
        path = folder(dataset, name) / shard.name
        if shard.name not in listed or not path.is_file():
            raise AudiotagError(
                f"teacher {name!r} has no outputs for {shard.name}: finish with `audiotag teach {dataset}`"
            )
        if listed[shard.name]["examples"] != shard.examples:
            raise AudiotagError(
                f"teacher {name!r} has {listed[shard.name]['examples']} outputs for {shard.name}, which holds "
                f"{shard.examples} records: delete {path.parent} and teach again"
            )
        paths.append(path)
    return paths
