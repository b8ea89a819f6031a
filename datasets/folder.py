"""Your own recordings: a folder a class, or a table of clips; long recordings are cut into consecutive clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from audiotag import audio, storage
from audiotag.clips import clip_tables, drawing, published, sources, splits
from audiotag.clips.cutting import is_readable, length_of, pieces
from audiotag.clips.declaration import ALL, UNKNOWN, is_beyond
from audiotag.clips.recordings import Recordings
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration

LICENCE = "not stated: the licence of your recordings"
CITATION = "your own recordings"
# Folders that hold recordings of all classes.
CONTAINERS = {
    *("audio", "audios", "audio files", "sound", "sounds", "sound files", "recording", "recordings", "recs", "clips"),
    *("wav", "wavs", "flac", "mp3", "mp3s", "ogg", "data", "files", "samples", "segments", "dataset", "raw"),
}


def _clips_of_folders(root: Path, names_are_classes: bool) -> list[Clip]:
    files = Recordings(root).names
    if not files:
        raise AudiotagError(f"{root} holds no sound files ({' '.join(audio.SUFFIXES)}): put a folder a class into it")
    dataset, place = published.in_folder(root)
    if dataset:
        title = published.PUBLISHED[dataset].title
        raise AudiotagError(f"{root} holds {title}'s table: audiotag build {dataset} --source {place}")
    tops = {file.split("/")[0] for file in files if "/" in file}
    split_of = {} if names_are_classes else splits.recognise(sorted(tops))
    # The folder `unlabelled` stands beside those of classes, or beside those of splits.
    unlabelled = [file for file in files if split_of.get(_top(file)) == splits.UNLABELLED]
    split_of = {name: split for name, split in split_of.items() if split != splits.UNLABELLED}
    files = [file for file in files if file not in set(unlabelled)]
    if not files:
        raise AudiotagError(f"{root} holds unlabelled recordings alone, in {_top(unlabelled[0])}: add a folder a class")
    if others := sorted({_top(file) for file in files if "/" in file} - set(split_of)):
        for name in split_of:
            raise AudiotagError(
                f"the folder {name!r} of {root} is named like a split, {others[0]!r} is not: move every class folder "
                f"into split folders (train, validation, test), or rename {name!r}; --allow-class-names makes it one"
            )
    depth = 1 if split_of else 0
    loose = [file for file in files if file.count("/") <= depth]
    if loose:
        raise AudiotagError(
            f"recordings lie in a folder a class, {len(loose)} of {root} do not, {loose[0]!r} for one: "
            "move them into class folders, or list them in a table with columns path,labels"
        )
    classes = sorted({file.split("/")[depth] for file in files})
    # A class that is called "train" is one inside the folders of splits.
    odd = [
        name
        for name in classes
        if name.replace("_", " ").casefold() in CONTAINERS
        or any(
            depth == 0 or split.startswith(("fold", splits.UNLABELLED)) for split in splits.recognise([name]).values()
        )
    ]
    if odd and not names_are_classes:
        raise AudiotagError(
            f"a folder is named as its class, {odd[0]!r} of {root} is no name of a sound: put a folder a class in its "
            "place, or list the recordings in a table (audiotag build folder --source DIR --table clips.csv); "
            "--allow-class-names makes it a class"
        )
    labelled = [Clip(file, file, (file.split("/")[depth],), split_of.get(_top(file), "")) for file in files]
    columns = {UNKNOWN: ALL}
    return [*labelled, *(Clip(file, file, (), splits.UNLABELLED, columns=columns) for file in unlabelled)]


def _top(file: str) -> str:
    return file.split("/")[0] if "/" in file else ""


def _fault(clip: Clip, length: float | None) -> str:
    """Why a clip's strong labels cannot be those of its recording; "" where they can."""
    last = clip.start + max((event.offset for event in clip.events), default=0.0)
    if length is None or not clip.events or not is_beyond(clip.start, last, length):
        return ""
    return f"an event ends at {last:g} s and {clip.source} lasts {length:.3f} s: correct the table"


def declare(
    source: str | Path,
    table: str | Path | None = None,
    seconds: float = 5.0,
    group_by: str | None = None,
    allow_class_names: bool = False,
    channel: str | None = None,
    speed: float = 1.0,
    pad: Literal["repeat", "zero"] = "repeat",
) -> Declaration:
    """Declare a folder of recordings.

    Without a table, a recording's class is its folder in `source`, however deep the recording lies in it:
    `dog/3.wav`, `dog/park/4.flac`. Folders `train`, `validation` and `test` around the class folders, in any usual
    spelling (`Train`, `val`, `dev`, `eval`, `fold1`), set the splits; a folder `unlabelled` beside those of classes or
    splits holds recordings that nobody has labelled, for a teacher. With a table, its rows are the clips and other
    files do not matter. Its columns are path (or filename, or source; relative to `source`), label or labels (several
    separated by `;`) and, if wanted, clip_id, start, end (seconds), split or fold, and onset and offset (of a strong
    label, seconds of the recording, an event a row). Without a column of labels, two or more columns that hold 0 and 1
    alone are classes, those without a 1 not. Rows that name the same clip have their labels merged. Any other column
    ("device") is kept in `clips.csv`, for slices of an evaluation; "recording" tells which rows belong to one
    recording, where the files do not. If a clip has several labels or none, the task is multilabel.

    Where splits are not set, they are drawn by recording, from its path alone: all clips of one recording, and of its
    copies, are in one split; of each class about 70 % are for training (at least one recording), 15 % for validation,
    15 % for test.

    A recording that cannot be opened stays a clip, which the build rejects with a reason.

    Args:
        source: folder of the recordings.
        table: CSV file, with commas, semicolons or tabs, or Parquet; also looked for in `source`. Default: a folder a
            class.
        seconds: length of a clip, at least 0.001 s. Longer recordings (or rows) are cut into consecutive clips named
            `path#start`, the last one moved back to end with the recording (a rest below 2 % of a clip is left out);
            shorter ones are filled up.
        group_by: column of the table whose equal cells stay in one split, such as "site". Default: recordings do.
        allow_class_names: folders are classes, whatever they are called ("train", "audio").
        channel: mean, left, right, loudest or a number from 1. None: the mean; where it cancels, the loudest.
        speed: play recordings faster or slower: 0.1 makes bats audible, 8 whales. Times stay the recording's own;
            `seconds` are those of the clip that is heard.
        pad: how a shorter recording is filled up: "repeat" itself or "zero".
    """
    source = storage.place(source)
    root = source.resolve()
    if not root.is_dir():
        raise AudiotagError(f"source must be a folder of recordings, received {source}: no such folder")
    if not seconds >= 0.001:
        raise AudiotagError(f"seconds must be at least 0.001, received {seconds}")
    if table is None and group_by is not None:
        raise AudiotagError(f"groups are a column of a table, received group_by {group_by!r} without one: name a table")
    if table is None:
        declared = _clips_of_folders(source, allow_class_names)
    else:
        path = storage.place(table)
        declared = clip_tables.read(source, path if storage.is_file(path) else root / table, group_by)
    audio.Recording(root, channel, speed)  # refuses what no recording can be read with
    way = {"read_channel": channel or "", "read_speed": f"{speed:g}"} if channel is not None or speed != 1 else {}
    names = list(dict.fromkeys(clip.source for clip in declared))
    lengths = sources.in_threads("Measuring the recordings", names, lambda name: length_of(root / name))
    clips: list[Clip] = []
    unusable: set[str] = set()
    for clip in declared:
        length = lengths[clip.source]
        whole = replace(clip, columns={**clip.columns, **way}, fault=_fault(clip, length))
        own = [whole] if whole.fault else [*pieces(whole, length, seconds * whole.speed)]
        clips += own
        if whole.fault or not is_readable(whole, length):
            unusable.add(whole.clip_id)
    if not all(clip.split for clip in clips):
        stated = [clip for clip in clips if clip.split]
        clips = [*drawing.draw([clip for clip in clips if not clip.split], root, group_by, unusable), *stated]
    elif group_by is not None:
        drawing.check_groups(clips, group_by)
    rows = []
    for clip in clips:
        own = (clip.clip_id, clip.source, clip.labels, clip.split, clip.start, clip.end)
        events = [(event.onset, event.offset, event.label) for event in clip.events]
        rows.append(repr((*own, *sorted(clip.columns.items()), *events)))
    return Declaration(
        name=root.name,
        version=storage.fingerprint([seconds, *sorted(rows)])[:12],
        task="multiclass"
        if all(len(clip.labels) == 1 for clip in clips if clip.split != splits.UNLABELLED)
        else "multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(sorted({label for clip in clips for label in clip.labels}))),
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad=pad,
    )
