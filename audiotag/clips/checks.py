"""What a declared data set holds, said before it is built, and what cannot be meant, refused."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from audiotag import storage
from audiotag.clip_format import describe_speed
from audiotag.clips import sources
from audiotag.clips.declaration import ALL, UNKNOWN, Clip, Declaration, read_clip
from audiotag.clips.sources import Source
from audiotag.errors import AudiotagError

ALLOWED = ("one-class", "commas", "shared-recordings")
"""What `build` refuses unless it is told that it is meant."""

_EMPTY = {"nan", "<na>", "#n/a", "null"}  # how spreadsheets and pandas write a cell without a value
_SHOWN = 24


def check(declaration: Declaration, surveyed: Mapping[str, Source], allow: Collection[str] = ()) -> None:
    """Refuse a data set that cannot be meant.

    Args:
        declaration: of the data set.
        surveyed: its recordings.
        allow: some of `ALLOWED`.

    Raises:
        AudiotagError: one class; classes whose names differ in case, spaces or Unicode's spelling alone, that mean an
            empty cell, or that are several classes with commas; a recording in two splits, under its path, under
            `recording` or by its bytes.
    """
    if unknown := sorted(set(allow) - set(ALLOWED)):
        raise AudiotagError(f"allow takes {', '.join(ALLOWED)}, received {unknown[0]!r}: choose one of them")
    _check_names(declaration.labels.names)
    if "commas" not in allow:
        _check_commas(declaration.labels.names)
    if "one-class" not in allow:
        _check_number(declaration)
    if "shared-recordings" not in allow:
        _check_splits(declaration, surveyed)


def describe(declaration: Declaration) -> Iterator[str]:
    """Lines that tell a person what is going to be built: task, classes, splits, recordings, and what is odd."""
    clips, classes = declaration.clips, len(declaration.labels)
    faulty = [clip for clip in clips if clip.fault]
    recordings = list(dict.fromkeys(clip.source for clip in clips))
    used = list(dict.fromkeys(clip.source for clip in clips if not clip.fault))
    yield (
        f"{declaration.name}: {declaration.task}, {classes} class{'es' * (classes > 1)}, {len(clips)} clips of "
        f"{declaration.seconds:g} s, {len(recordings)} recordings"
    )
    counts = Counter(label for clip in clips for label in clip.labels)
    if all(clip.columns.get(UNKNOWN) == ALL for clip in clips):
        yield f"  classes: {named(list(declaration.labels))}; nobody has labelled a clip"
    else:
        yield from _describe_classes(declaration, counts)
    splits = Counter(clip.split for clip in clips)
    yield f"  splits: {_counted(sorted(splits), splits)}"
    if faulty:
        yield f"  left out: {len(faulty)} clips, {faulty[0].clip_id} for one ({faulty[0].fault}), all in clips.csv"
    if reasons := _unusable(declaration, used):
        first = next(iter(reasons))
        more = f", {len(reasons) - 1} more in clips.csv" if len(reasons) > 1 else ""
        yield f"  recordings that cannot be used: {len(reasons)}, {first} ({reasons[first]}){more}"
    if len(splits) == 1:
        yield (
            f"  note: every clip is in {clips[0].split}, none is left to validate or test with: add recordings, or say "
            "which clips are for what"
        )
    if unlabelled := sum(clip.columns.get(UNKNOWN) == ALL for clip in clips):
        yield f"  unlabelled: {unlabelled} clips; they are learnt from a teacher alone (audiotag teach)"
    if partly := sum(bool(clip.columns.get(UNKNOWN)) for clip in clips) - unlabelled:
        yield f"  clips of which not every class was judged: {partly}; what was not is neither learnt nor measured"
    if without := sum(not (clip.labels or clip.fault or clip.columns.get(UNKNOWN)) for clip in clips):
        single = all(len(clip.labels) < 2 for clip in clips)
        because = ", and that alone makes the task multilabel: give them a class, such as background, if it is not"
        yield (
            f"  note: clips without a label: {without}; none of the classes sounds in them{because if single else ''}"
        )
    if declaration.speed != 1:
        yield f"  recordings are played at {describe_speed(declaration.speed)}, seconds of a clip are those that sound"


def named(names: Sequence[str]) -> str:
    """Names for a line, of many the first."""
    return ", ".join(names[:_SHOWN]) + (f" … ({len(names)})" if len(names) > _SHOWN else "")


def _describe_classes(declaration: Declaration, counts: Counter[str]) -> Iterator[str]:
    ordered = sorted(declaration.labels, key=lambda name: -counts[name])
    rest = f", {len(ordered) - _SHOWN} more, {ordered[-1]} {counts[ordered[-1]]} the rarest"
    yield f"  classes: {_counted(ordered[:_SHOWN], counts)}{rest if len(ordered) > _SHOWN else ''}"
    if unused := [name for name in declaration.labels if not counts[name]]:
        yield f"  note: classes without a clip: {named(unused)}; nothing can be learnt or measured of them"


def _counted(names: Sequence[str], counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in names)


def _unusable(declaration: Declaration, recordings: list[str]) -> dict[str, str]:
    """Reason by recording, as far as the beginning of a file gives it away."""
    if declaration.read is not read_clip or storage.is_remote(declaration.root):  # workers fetch them, once
        return {}

    def reason(name: str) -> str:
        path = sources.path_of(declaration.root, name)
        return f"it is not inside {declaration.root}" if path is None else sources.opened(path)[1]

    reasons = sources.in_threads("Opening the recordings", recordings, reason)
    return {name: reasons[name] for name in recordings if reasons[name]}


def _check_names(names: Sequence[str]) -> None:
    spellings: dict[str, str] = {}
    for name in names:
        if name.strip().casefold() in _EMPTY:
            raise AudiotagError(
                f"a class is named {name!r}, which is how a cell without a value is written: leave the cell empty, or "
                "give the class another name"
            )
        first = spellings.setdefault(_spelling(name), name)
        if first != name:
            raise AudiotagError(
                f"two classes differ in case, spaces or Unicode's spelling alone, {first!r} ({_points(first)}) and "
                f"{name!r} ({_points(name)}): give both one name"
            )


def _spelling(name: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return " ".join(folded.replace("_", " ").split())


def _points(name: str) -> str:
    return f"{len(name)} characters, {'NFC' if unicodedata.is_normalized('NFC', name) else 'NFD'}"


def _check_commas(names: Sequence[str]) -> None:
    """Refuse "Guitar,Music" where Guitar and Music are classes, or parts of others that are written so."""
    parts = {name: tuple(filter(None, map(str.strip, name.split(",")))) for name in names}
    owners = Counter(part for own in parts.values() for part in set(own))
    for name, own in parts.items():
        if len(own) > 1 and all(owners[part] > 1 for part in own):
            raise AudiotagError(
                f"labels in one cell are separated by ';', and {name!r} looks like {len(own)} of them: write "
                f"{';'.join(own)!r}, or say with --allow-commas that it is one class"
            )


def _check_number(declaration: Declaration) -> None:
    """One class alone is always right: nothing is learnt."""
    name, *others = declaration.labels.names
    if not others and all(clip.labels or clip.fault or clip.columns.get(UNKNOWN) for clip in declaration.clips):
        raise AudiotagError(
            f"a network tells classes apart, {declaration.name} has one, {name!r}: add recordings without it as a "
            "class of their own (background), or leave their label empty in a table; --allow-one-class builds it as it "
            "is"
        )


def _check_splits(declaration: Declaration, surveyed: Mapping[str, Source]) -> None:
    clips = [clip for clip in declaration.clips if not clip.fault]
    if len({clip.split for clip in clips}) == 1:
        return
    first: dict[tuple[str, str], Clip] = {}
    for clip in clips:
        recording = clip.columns.get("recording", "")
        for mark, what in ((clip.source, f"{clip.source} is"), (recording, f"{recording} (column recording) is")):
            other = first.setdefault((what, mark), clip)
            if mark and other.split != clip.split:
                raise _shared(what, other, clip)
    clip_of = {clip.source: clip for clip in clips}
    for group in sources.same_bytes(declaration.root, {name: surveyed[name] for name in clip_of if name in surveyed}):
        for source in group[1:]:
            one, other = clip_of[group[0]], clip_of[source]
            if one.split != other.split:
                raise _shared(f"{one.source} and {other.source}, which have the same bytes, are", one, other)


def _shared(what: str, one: Clip, other: Clip) -> AudiotagError:
    return AudiotagError(
        f"a recording is in one split, else what is tested was trained on: {what} in {one.split} and in {other.split}: "
        "put it into one of them; --allow-shared-recordings builds it as it is"
    )
