"""The classes of a model or a table: who states them, and which of them are the data set's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.errors import AudiotagError
from audiotag.labels import Labels

if TYPE_CHECKING:
    from audiotag.records import Data

_BESIDE = ("labels.csv", "labels.txt")
_SHOWN, _LISTED = 3, 10


def read(path: Path) -> Labels:
    """Classes of a file: `labels.csv` (columns index,id,name), or a text with a name a line.

    Raises:
        AudiotagError: no such file, or neither of both.
    """
    if path.suffix == ".csv":
        return Labels.read(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not a text with a class name a line ({error}): write one") from error
    return Labels(tuple(line.strip() for line in lines if line.strip()))


def settle(
    name: str, path: Path, given: Labels | str | Path | None, outputs: int | None, data: Data
) -> tuple[Labels, tuple[str, ...]]:
    """The classes of a model that does not state them, and what was assumed.

    Args:
        name: of the model, for messages.
        path: its file or folder; `labels.csv` or `labels.txt` in the folder or beside it state its classes.
        given: what the user says: classes, or a file of them (see `read`). Default: nothing.
        outputs: how many it has; None: not known.
        data: the data set, whose classes are taken where nobody says anything.

    Raises:
        AudiotagError: another number of classes than outputs.
    """
    places = [folder / file for folder in (path, path.parent) for file in _BESIDE]
    beside = next((place for place in places if place.is_file()), None)
    labels, whose, notes = data.labels, f"{data.name} has", ()
    if given is not None:
        labels, whose = given if isinstance(given, Labels) else read(Path(given)), "its labels are"
    elif beside is not None:
        labels, whose = read(beside), f"{beside} names"
        notes = (f"the classes of {name} are those of {beside}",)
    else:
        notes = (f"{name} does not state its classes: taken for those of {data.name} in their order",)
    if outputs not in (None, len(labels)):
        raise AudiotagError(
            f"a model has one class an output, {name} has {outputs} outputs, {whose} {len(labels)}: say what they are "
            "with --labels labels.csv (columns index,id,name) or a text with a name a line"
        )
    return labels, notes


def match(name: str, theirs: Labels, wanted: Labels, owner: str) -> list[int | None]:
    """Position of each wanted class in another vocabulary, None where it is not there; see `Labels.matching`.

    Args:
        name: whose the other vocabulary is, for messages.
        theirs: that vocabulary.
        wanted: classes to look for.
        owner: whose they are, for messages.

    Raises:
        AudiotagError: none is there, or several stand for one.
    """
    if theirs.names == wanted.names:
        return list(range(len(wanted)))
    found: list[int | None] = []
    for wanted_id, wanted_name in zip(wanted.ids, wanted.names, strict=True):
        positions = theirs.matching(wanted_id, wanted_name)
        if len(positions) > 1:
            several = ", ".join(repr(theirs.names[position]) for position in positions)
            raise AudiotagError(
                f"one class of {name} must stand for {wanted_name!r} of {owner}, {several} may: rename all but one"
            )
        found.append(positions[0] if positions else None)
    if all(position is None for position in found):
        raise AudiotagError(
            f"{name} must know a class of {owner}, it has {len(theirs)} ({first_few(theirs.names)}) and none of the "
            f"{len(wanted)} ({first_few(wanted.names)}): say what its classes are with --labels"
        )
    return found


def first_few(names: Sequence[str]) -> str:
    """Names for an error: three, and a sign that there are more."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def notes(name: str, theirs: Labels, wanted: Labels, owner: str, positions: Sequence[int | None]) -> list[str]:
    """What the reader must know of two vocabularies that were matched."""
    told = []
    missing = [label for label, position in zip(wanted.names, positions, strict=True) if position is None]
    if missing:
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        listed = ", ".join(missing[:_LISTED]) + more
        told.append(f"{len(missing)} of {len(wanted)} classes of {owner} are unknown to {name} and left out: {listed}")
    ignored = len(theirs) - len({position for position in positions if position is not None})
    if ignored:
        told.append(f"{ignored} of {len(theirs)} classes of {name} are not in {owner} and ignored")
    return told
