"""All annotations of a folder of recordings: a file a recording, or one table of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from audiotag import audio, progress, storage
from audiotag.annotations.annotation import Annotation
from audiotag.annotations.matching import Matching, same_name
from audiotag.annotations.reading import READERS, read
from audiotag.clips import sources
from audiotag.clips.checks import named
from audiotag.errors import AudiotagError


@dataclass(frozen=True)
class Collected:
    """What is marked in which recording.

    Args:
        recordings: all of them, relative to their folder.
        marks: by recording; none, or one that says `nothing`, where somebody has looked and found nothing. Recordings
            without annotations are left out.
        faults: by recording, or by the name that a table gives it, why its annotations cannot be used.
    """

    recordings: Sequence[str]
    marks: Mapping[str, list[Annotation]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


def collect(
    root: Path, annotations: Path | None = None, label: str | None = None, keep: Sequence[str] = ()
) -> Collected:
    """Read the annotations of recordings.

    Args:
        root: folder of the recordings.
        annotations: a table of all, or a folder with a file a recording, under the recording's path in it, or in no
            folder of it. Default: they lie beside the recordings.
        label: as of `reading.read`.
        keep: likewise.

    Raises:
        AudiotagError: no recordings, no annotations, a table that cannot be used, a file of two recordings.
    """
    search = audio.search(root)
    recordings = _relative(root, search.sounds)
    if not recordings:
        raise AudiotagError(f"{root} holds no sound files ({' '.join(audio.SUFFIXES)}): name the folder of recordings")
    if annotations is not None and storage.is_file(annotations):
        return _of_table(recordings, annotations, label, keep)
    if annotations is not None and not annotations.is_dir():
        raise AudiotagError(f"annotations are a folder or a table, received {annotations}: no such file or folder")
    folder = root if annotations is None else annotations.resolve()
    search = search if folder == root else audio.search(folder)
    files = [path for path in search.others if path.suffix.lower() in READERS]
    rest = replace(search, others=tuple(path for path in search.others if path.suffix.lower() not in READERS))
    if left_out := rest.left_out():
        progress.say(f"left out of {folder}, no annotations either: {left_out}")
    return _of_files(recordings, folder, files, label, keep, anywhere=folder != root)


def _of_table(recordings: Sequence[str], table: Path, label: str | None, keep: Sequence[str]) -> Collected:
    matching = Matching(recordings)
    marks: dict[str, list[Annotation]] = {}
    faults: dict[str, str] = {}
    for mark in read(table, label, keep):
        if not mark.recording:
            raise AudiotagError(f"{mark.place}: a row of a table of all recordings names its own: fill a column path")
        recording, reason = matching.of_cell(mark.recording)
        if recording is None:
            faults.setdefault(mark.recording, f"{mark.place}: no recording is {mark.recording}: {reason}")
        else:
            marks.setdefault(recording, []).append(mark)
    if not marks:
        reason = next(iter(faults.values()), f"{table} is empty")
        raise AudiotagError(f"annotations are those of recordings, these are of none ({reason}): correct the column")
    return Collected(recordings, {name: _without_repetition(own) for name, own in marks.items()}, faults)


def _of_files(
    recordings: Sequence[str],
    folder: Path,
    files: Sequence[Path],
    label: str | None,
    keep: Sequence[str],
    anywhere: bool,
) -> Collected:
    matching = Matching(recordings)
    names = _relative(folder, files)
    recording_of = {name: matching.of_file(name, anywhere and "/" not in name) for name in names}
    others = [name for name in names if recording_of[name] is None]

    def read_file(name: str) -> list[Annotation] | str:
        try:
            return read(folder / name, label, keep)
        except AudiotagError as error:
            return str(error)

    marks: dict[str, list[Annotation]] = {}
    faults: dict[str, str] = {}
    files_of: dict[str, list[str]] = {}
    contents = sources.in_threads("Reading annotations", [name for name in names if recording_of[name]], read_file)
    for name, own in contents.items():
        recording = recording_of[name]
        files_of.setdefault(recording, []).append(name)
        if isinstance(own, str):
            faults.setdefault(recording, own)
            continue
        owners = _owners(own, recording, matching)
        if not own or any(owner == recording for owner, _ in owners):
            marks.setdefault(recording, [])
        for mark, (owner, reason) in zip(own, owners, strict=True):
            if owner is None:
                faults.setdefault(recording, f"{mark.place} is one of {mark.recording}: {reason}")
            else:
                marks.setdefault(owner, []).append(mark)
    if not marks:
        reason = next(iter(faults.values()), f"those that belong to none: {named(others)}" if others else "none at all")
        raise AudiotagError(
            f"{folder} holds no annotations that can be used, {reason}: name them after their recordings (suffixes "
            f"{', '.join(READERS)}), or name one table of all"
        )
    if others:
        progress.say(f"{folder}: left out, they belong to no recording ({len(others)}): {named(others)}")
    if several := {recording: own for recording, own in files_of.items() if len(own) > 1}:
        recording, own = next(iter(several.items()))
        progress.say(
            f"recordings with several annotation files, which are taken together ({len(several)}): {recording} has "
            f"{' and '.join(own)}"
        )
    return Collected(recordings, {name: _without_repetition(own) for name, own in marks.items()}, faults)


def _relative(folder: Path, paths: Sequence[Path]) -> list[str]:
    if storage.is_remote(folder):
        return [str(path).removeprefix(f"{folder}/") for path in paths]
    return [path.relative_to(folder).as_posix() for path in paths]


def _owners(own: Sequence[Annotation], recording: str, matching: Matching) -> list[tuple[str | None, str]]:
    """The recording of each mark of a file: the file's, unless the marks name others, as Raven's of a sequence do."""
    names = list(dict.fromkeys(mark.recording for mark in own))
    of_name: dict[str, tuple[str | None, str]] = {}
    for name in names:
        of_name[name] = (recording, "") if not name or same_name(name, recording) else matching.of_cell(name)
        if len(names) == 1 and of_name[name][0] is None:  # under the name that it had before
            of_name[name] = (recording, "")
    return [of_name[mark.recording] for mark in own]


def _without_repetition(marks: Sequence[Annotation]) -> list[Annotation]:
    """Each mark once: Raven has a row a view of a selection. One without a label is left out where another has one."""
    first: dict[tuple[float, float, str], Annotation] = {}
    for mark in marks:
        first.setdefault((mark.onset, mark.offset, mark.label), mark)
    labelled = {(onset, offset) for onset, offset, label in first if label}
    return [mark for mark in first.values() if mark.label or (mark.onset, mark.offset) not in labelled]
