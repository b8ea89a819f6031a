"""A list of classes that groups, renames or leaves out those of a declared data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audiotag import progress, tables
from audiotag.clips.checks import named
from audiotag.clips.declaration import ALL, UNKNOWN, Clip, Declaration, Event
from audiotag.errors import AudiotagError
from audiotag.labels import Labels, join_cell
from audiotag.storage import fingerprint

Members = Mapping[str, list[str]]
"""By class from now on, those that it is made of."""

_SHOWN = 24

OTHERS = ("keep", "leave-out")
"""What may become of classes that the list does not name."""


def apply(declaration: Declaration, path: Path, others: str | None = None) -> Declaration:
    """The data set with the classes of a list; a line says what has become of which.

    Classes are in the order of the first of those that they are made of. A clip that has none of them left is one
    without a label where clips may have none, else it is rejected.

    Args:
        declaration: of the data set.
        path: a table with the columns class and as: what the class is called from now on, several classes alike if they
            are one; empty: it is left out.
        others: what becomes of classes that are not in the table: "keep" or "leave-out". Default: there may be none.

    Raises:
        AudiotagError: a table that does not hold this, a class that is not in the data set, or is not in the table, or
            is there twice.
    """
    if others not in (None, *OTHERS):
        raise AudiotagError(f"other classes are {' or '.join(OTHERS)}, received {others!r}: choose one")
    names = _read(path, declaration.labels)
    if unnamed := [name for name in declaration.labels if name not in names]:
        if others is None:
            raise AudiotagError(
                f"a list of classes names all of them, {path} lacks {named(unnamed)}: add rows (an empty cell 'as' "
                "leaves a class out), or say --other-classes keep or leave-out"
            )
        names |= {name: name if others == "keep" else "" for name in unnamed}
    members: dict[str, list[str]] = {}
    for name in declaration.labels:
        if names[name]:
            members.setdefault(names[name], []).append(name)
    if not members:
        raise AudiotagError(f"{path} leaves out every class of {declaration.name}: fill a cell 'as'")
    id_of = dict(zip(declaration.labels.names, declaration.labels.ids, strict=True))
    ids = [new if len(own) > 1 or id_of[own[0]] == own[0] else id_of[own[0]] for new, own in members.items()]
    clips = tuple(_relabel(clip, declaration, names, members, path) for clip in declaration.clips)
    for line in _describe(path, declaration, names, members, clips):
        progress.say(line)
    return replace(
        declaration,
        version=f"{declaration.version}+{fingerprint(sorted(names.items()))[:8]}",
        labels=Labels(tuple(members), tuple(ids)),
        clips=clips,
    )


def _read(path: Path, labels: Labels) -> dict[str, str]:
    table = tables.read(path, ("class", "as"))
    names: dict[str, str] = {}
    for position, row in enumerate(table.to_dict("records")):
        old, new = (str(row[column] or "").strip() for column in ("class", "as"))
        where = f"{path} {tables.place(table, position)}"
        if not old and not new:
            continue  # a spreadsheet has empty rows
        try:
            labels.index(old)
        except AudiotagError as error:
            raise AudiotagError(f"{where}: {error}") from error
        if names.setdefault(old, new) != new:
            raise AudiotagError(f"{where}: a class is called {names[old]!r} or {new!r}, {old!r} is both: keep one row")
    return names


def _relabel(clip: Clip, before: Declaration, names: Mapping[str, str], members: Members, path: Path) -> Clip:
    labels = tuple(dict.fromkeys(filter(None, (names[label] for label in clip.labels))))
    fault, columns = clip.fault, clip.columns
    if before.task.exclusive and clip.labels and not labels:
        fault = fault or f"{path.name} leaves out its class, {clip.labels[0]}"
    if columns.get(UNKNOWN) not in (None, "", ALL):
        judged = dict(zip(before.labels.names, clip.judged(before.labels), strict=True))
        unknown = [new for new, own in members.items() if new not in labels and not all(judged[old] for old in own)]
        columns = {**columns, UNKNOWN: ALL if len(unknown) == len(members) else join_cell(unknown)}
    return replace(clip, labels=labels, events=_rename(clip.events, names, members), columns=columns, fault=fault)


def _rename(events: Iterable[Event], names: Mapping[str, str], members: Members) -> tuple[Event, ...]:
    """Events of several classes that are one from now on, and sound at once, are one event."""
    renamed: list[Event] = []
    last: dict[str, int] = {}
    for event in sorted(events, key=lambda event: (event.onset, event.offset)):
        new = names[event.label]
        former = renamed[last[new]] if new in last and len(members[new]) > 1 else None
        if former and event.onset < former.offset:
            renamed[last[new]] = replace(former, offset=max(former.offset, event.offset))
        elif new:
            last[new] = len(renamed)
            renamed.append(replace(event, label=new))
    return tuple(renamed)


def _describe(
    path: Path, before: Declaration, names: Mapping[str, str], members: Members, clips: Sequence[Clip]
) -> Iterator[str]:
    groups = [f"{', '.join(own)} -> {new}" for new, own in members.items() if own != [new]]
    if groups:
        yield f"{path}: {'; '.join(groups[:_SHOWN])}{f' … ({len(groups)})' if len(groups) > _SHOWN else ''}"
    counts = Counter(label for clip in before.clips for label in clip.labels)
    if out := [f"{name} {counts[name]}" for name in before.labels if not names[name]]:
        changed = [(old, new) for old, new in zip(before.clips, clips, strict=True) if old.labels and not old.fault]
        bare = sum(not new.labels for _, new in changed)
        became = "rejected, they had no other" if before.task.exclusive else "without a label now"
        yield f"{path}: classes left out ({len(out)}): {named(out)}; clips {became}: {bare}"
