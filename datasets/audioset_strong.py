"""AudioSet-Strong: segments of 10 s of YouTube videos in which every sound event has its onset and offset."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

from audiotag import models, progress, records, tables
from audiotag.clips.checks import named
from audiotag.clips.segments import Segments
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://research.google.com/audioset/download_strong.html"
LICENCE = "CC BY 4.0 (labels); the sounds belong to the authors of the videos"
CITATION = (
    "S. Hershey et al., The Benefit Of Temporally-Strong Labels In Audio Event Classification, "
    "ICASSP 2021, doi:10.1109/ICASSP39728.2021.9414579"
)
# Split by subset; the published name of its table.
SUBSETS = {"train": ("train", "audioset_train_strong.tsv"), "eval": ("test", "audioset_eval_strong.tsv")}
COLUMNS = ("segment_id", "start_time_seconds", "end_time_seconds", "label")


def declare(
    source: str | Path | None = None,
    subset: Literal["all", "train", "eval"] = "all",
    classes: Literal["published", "tables"] = "published",
) -> records.Declaration:
    """Declare AudioSet's strong labels; the splits are train and test (eval), the events are kept in seconds.

    Segments without a recording are counted and stand in clips.csv as rejected.

    Args:
        source: folder with `mid_to_display_name.tsv`, the published `audioset_train_strong.tsv` and
            `audioset_eval_strong.tsv`, and the recordings, however deep: `ID.wav`, `YID.wav`, `ID_30000.flac` …, of any
            suffix, where the segment begins in seconds or milliseconds.
        subset: "train", "eval" or "all": those whose table is in source.
        classes: "published", the 447 of the training table in the order of EfficientSED's networks
            (`models.audioset_strong_labels`): events of the classes that only the evaluation has, nine, are left out,
            which is said; or "tables": those of the events of all tables in the folder, whatever the subset, in the
            order of mid_to_display_name.tsv, 456.
    """
    if classes not in ("published", "tables"):
        raise AudiotagError(f"classes must be published or tables, received {classes!r}")
    if subset not in ("all", *SUBSETS):
        raise AudiotagError(f"subset must be all, train or eval, received {subset!r}")
    if source is None:
        raise AudiotagError(
            f"AudioSet's sounds are not published: fetch the tables from {PAGE} and the segments from YouTube into one "
            "folder, and name it with --source"
        )
    root = Path(source).resolve()
    segments = Segments(root)
    display = tables.read(root / "mid_to_display_name.tsv", header=("mid", "display_name"), key="mid")
    display_of = dict(zip(display["mid"], display["display_name"], strict=True))
    chosen = [name for name in SUBSETS if subset == name or (subset == "all" and (root / SUBSETS[name][1]).is_file())]
    events: dict[tuple[str, str], list[records.Event]] = {}
    used: set[str] = set()
    for name, (split, file) in SUBSETS.items():
        path = root / file
        if name not in (chosen or SUBSETS) and not path.is_file():
            continue
        table = tables.read(path, COLUMNS)
        times = (tables.numbers(path, table, column) for column in COLUMNS[1:3])
        for position, (segment, mid, onset, offset) in enumerate(
            zip(table["segment_id"], table["label"], *times, strict=True)
        ):
            if mid not in display_of or not segment.rpartition("_")[2].isdigit():
                raise AudiotagError(
                    f"{path} {tables.place(table, position)}: a row has a segment, an id and milliseconds, and a label "
                    f"of mid_to_display_name.tsv, received {segment!r} and {mid!r}: fetch both tables again"
                )
            used.add(mid)
            if name in (chosen or SUBSETS):
                events.setdefault((split, segment), []).append(records.Event(onset, offset, mid))
    labels = models.audioset_strong_labels() if classes == "published" else _of_tables(display_of, used)
    names = dict(zip(labels.ids, labels.names, strict=True))
    if left_out := sorted(display_of[mid] for mid in used - names.keys()):
        progress.say(f"{root}: events of {len(left_out)} classes that are not trained are left out: {named(left_out)}")
    clips = []
    for (split, segment), own in events.items():
        video, _, start = segment.rpartition("_")
        recording = segments.find(video, int(start) / 1000)
        timed = tuple(replace(event, label=names[event.label]) for event in own if event.label in names)
        known = tuple(dict.fromkeys(event.label for event in timed))
        clips.append(records.Clip(segment, recording or f"{segment}.wav", known, split, events=timed))
    segments.check()
    return records.Declaration(
        name="audioset_strong" if subset == "all" else f"audioset_strong_{subset}",
        version="2021-05",
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=labels,
        clips=tuple(clips),
        seconds=10.0,
        root=root,
    )


def _of_tables(display_of: dict[str, str], used: set[str]) -> Labels:
    """The classes of events by their names; the id stands behind a name that two of them have."""
    mids = [mid for mid in display_of if mid in used]
    counts = Counter(display_of[mid] for mid in mids)
    names = [display_of[mid] if counts[display_of[mid]] == 1 else f"{display_of[mid]} ({mid})" for mid in mids]
    return Labels(tuple(names), tuple(mids))
