"""Your own annotated recordings (Raven, Audacity, Praat, ELAN, tables), cut into clips with strong labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from audiotag import audio, progress, storage
from audiotag.annotations.clips import Cutting
from audiotag.annotations.collecting import collect
from audiotag.annotations.wholes import FOLDER, SPLITS, wholes
from audiotag.clips import drawing, sources
from audiotag.clips.cutting import length_of
from audiotag.clips.declaration import UNKNOWN
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration

LICENCE = "not stated: the licence of your recordings"
CITATION = "your own recordings"


def declare(
    source: str | Path,
    annotations: str | Path | None = None,
    label: str | None = None,
    seconds: float = 3.0,
    hop: float | None = None,
    least_overlap: float = 0.25,
    unannotated: Literal["negative", "leave-out"] = "negative",
    background: str | None = None,
    unlabelled: bool = False,
    group_by: str | None = None,
    channel: str | None = None,
    speed: float = 1.0,
    pad: Literal["zero", "repeat"] = "zero",
) -> Declaration:
    """Declare long recordings in which somebody has marked what sounds when.

    Read are selection tables of Raven, labels of Audacity, TextGrids of Praat, files of ELAN, and tables (CSV, TSV,
    Parquet) with a row an event: of BirdNET-Analyzer, OpenSoundscape, Kaleidoscope, or with columns path, onset, offset
    and label. Each recording has a file that is named after it (`site1.txt`, `site1.Table.1.selections.txt`,
    `site1.wav.csv`), beside it or at the same place of another folder; or one table holds the events of all.

    Recordings are cut into clips of one length. A clip has the classes of the events of which it holds `least_overlap`
    seconds, or all; an event that no clip holds so much of counts where most of it lies. When they sound in the clip
    are its strong labels. In clips of an annotated recording without an event none of the classes sounds; an empty
    file says so of the whole recording, in a table a row with nothing but the path. The task is multilabel.

    Events without a label, that end before they begin or after their recording reject the clips that they touch, a file
    that cannot be read its recording, each with its reason in `clips.csv`. So are recordings without annotations.

    Splits are those of a column split or fold, or of folders train, validation, test around the recordings. Else they
    are drawn: a recording stays in one. Recordings in a folder `unlabelled` are clips that nobody has labelled: a
    teacher alone speaks for them.

    Args:
        source: folder of the recordings.
        annotations: folder of the annotation files, or a table of all recordings. Default: they lie beside the
            recordings.
        label: column of a table, or tiers of a TextGrid or of ELAN (several separated by `;`), that name the classes.
            Default: the usual names, label, species, annotation … first; the only tier.
        seconds: length of a clip, at least 0.001 s.
        hop: distance of two clips, likewise. Default: that length. The last clip ends with the recording.
        least_overlap: seconds of an event, in the recording's own time, that a clip must hold to have its class.
        unannotated: clips without an event are "negative", or "leave-out".
        background: a class that clips without an event have. Default: they have none.
        unlabelled: recordings without annotations are unlabelled clips too, instead of rejected.
        group_by: "folder", or a column of the table of all recordings: those of one stay in one split. Default:
            recordings do, and copies of one another.
        channel: mean, left, right, loudest or a number from 1. None: the mean; where it cancels, the loudest.
        speed: play recordings faster or slower, 0.1 makes bats audible. Times of annotations stay the recording's own;
            `seconds` and `hop` are those of the sound that is heard.
        pad: how a shorter recording is filled up: "zero" or "repeat" itself, with its events.
    """
    root = storage.place(source).resolve()
    hop = seconds if hop is None else hop
    if not root.is_dir():
        raise AudiotagError(f"source must be a folder of recordings, received {source}: no such folder")
    if not all(0.001 <= value < math.inf for value in (seconds, hop)) or not 0 <= least_overlap < math.inf:
        raise AudiotagError(
            f"seconds and hop must be at least 0.001 and least_overlap not negative, received {seconds}, {hop}, "
            f"{least_overlap}"
        )
    if unannotated not in ("negative", "leave-out"):
        raise AudiotagError(f"unannotated clips are negative or leave-out, received {unannotated!r}: choose one")
    if background is not None and unannotated == "leave-out":
        raise AudiotagError(f"clips without an event are {background!r} or left out, received both: choose one")
    place = None if annotations is None else storage.place(annotations)
    if place is not None and not place.exists():
        place = root / annotations
    audio.Recording(root, channel, speed)  # refuses what no recording can be read with
    way = {"read_channel": channel or "", "read_speed": f"{speed:g}"} if channel is not None or speed != 1 else {}
    keep = (*SPLITS, *([group_by] if group_by not in (None, FOLDER) else []))
    collected = collect(root, place, label, keep)
    lengths = sources.in_threads(
        "Measuring the recordings", collected.recordings, lambda recording: length_of(root / recording)
    )
    cutting = Cutting(seconds, hop, least_overlap)
    clips: list[Clip] = []
    nowhere = 0
    for whole in wholes(root, collected, group_by, unlabelled, way):
        if whole.fault:
            clips.append(whole)
        elif UNKNOWN in whole.columns:
            clips += cutting.bare(whole, lengths[whole.source])
        else:
            own, outside = cutting.clips(whole, lengths[whole.source], collected.marks[whole.source])
            clips += own
            nowhere += outside
    if nowhere:
        progress.say(f"{root}: events that lie in no clip, between two or at a recording's end: {nowhere}")
    clips = _treat_empty(root, clips, lengths, unannotated, background)
    names = sorted({label for clip in clips for label in clip.labels})
    if not names:
        raise AudiotagError(f"{place or root} has no event that can be used: does --label name the column of classes?")
    clips = _split(root, clips, lengths, group_by)
    return Declaration(
        name=root.name,
        version=storage.fingerprint([seconds, *sorted(map(_row, clips))])[:12],
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names)),
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad=pad,
    )


def _row(clip: Clip) -> str:
    """What a change of makes another data set."""
    events = [(event.onset, event.offset, event.label) for event in clip.events]
    own = (clip.clip_id, clip.source, clip.labels, clip.split, clip.start, clip.end, clip.fault)
    return repr((*own, *sorted(clip.columns.items()), *events))


def _treat_empty(
    root: Path, clips: Sequence[Clip], lengths: Mapping[str, float | None], unannotated: str, background: str | None
) -> list[Clip]:
    """Clips in which none of the events counts: left out, of the class of background, or as they are."""

    def is_empty(clip: Clip) -> bool:
        wrong = clip.fault or lengths[clip.source] is None  # stands in clips.csv with its reason
        return not (clip.labels or wrong or UNKNOWN in clip.columns)

    if unannotated == "leave-out":
        if count := sum(map(is_empty, clips)):
            progress.say(f"{root}: clips without an event are left out: {count}")
        return [clip for clip in clips if not is_empty(clip)]
    return [replace(clip, labels=(background,)) if background and is_empty(clip) else clip for clip in clips]


def _split(root: Path, clips: Sequence[Clip], lengths: Mapping[str, float | None], group_by: str | None) -> list[Clip]:
    """Splits are drawn unless they are stated; unlabelled clips keep theirs."""
    unlabelled = [clip for clip in clips if UNKNOWN in clip.columns]
    labelled = [clip for clip in clips if UNKNOWN not in clip.columns]
    usable = [clip for clip in labelled if not clip.fault]
    if without := [clip for clip in usable if not clip.split]:
        if len(without) < len(usable):
            raise AudiotagError(
                f"every recording has a split or none has, {without[0].source} of {root} has none: state it, or "
                "remove the column of splits to have them drawn"
            )
        unusable = {clip.clip_id for clip in labelled if clip.fault or lengths[clip.source] is None}
        return [*drawing.draw(labelled, root, group_by, unusable), *unlabelled]
    if group_by is not None:
        drawing.check_groups(usable, group_by)
    return [clip if clip.split else replace(clip, split="train") for clip in (*labelled, *unlabelled)]
