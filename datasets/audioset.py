"""AudioSet: segments of 10 s of YouTube videos, 527 classes; those that have vanished are counted and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from audiotag import records, tables
from audiotag.clips.segments import Segments
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://research.google.com/audioset/download.html"
LICENCE = "CC BY 4.0 (labels); the sounds belong to the authors of the videos"
CITATION = (
    "J. F. Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, "
    "ICASSP 2017, doi:10.1109/ICASSP.2017.7952261"
)
# Split by subset; the published name of its table.
SUBSETS = {
    "balanced": ("balanced", "balanced_train_segments.csv"),
    "unbalanced": ("unbalanced", "unbalanced_train_segments.csv"),
    "eval": ("test", "eval_segments.csv"),
}
COLUMNS = ("YTID", "start_seconds", "end_seconds", "positive_labels")


def declare(
    source: str | Path | None = None, subset: Literal["all", "balanced", "unbalanced", "eval"] = "all"
) -> records.Declaration:
    """Declare AudioSet; its subsets are the splits balanced, unbalanced and test (eval).

    Train with --train balanced+unbalanced. Segments without a recording, vanished from YouTube or never fetched, are
    counted and stand in clips.csv as rejected.

    Args:
        source: folder with `class_labels_indices.csv`, the published `balanced_train_segments.csv`,
            `unbalanced_train_segments.csv` and `eval_segments.csv` (those that subset names), and the recordings,
            however deep: `ID.wav`, `YID.wav`, `ID_START.flac` …, of any suffix, times in seconds or milliseconds.
        subset: "balanced", "unbalanced", "eval" or "all": every one whose table is in source.
    """
    if subset not in ("all", *SUBSETS):
        raise AudiotagError(f"subset must be all, balanced, unbalanced or eval, received {subset!r}")
    if source is None:
        raise AudiotagError(
            f"AudioSet's sounds are not published: fetch the tables from {PAGE} and the segments from YouTube into one "
            "folder, and name it with --source"
        )
    root = Path(source).resolve()
    segments = Segments(root)
    path = root / "class_labels_indices.csv"
    classes = tables.read(path, ("index", "mid", "display_name"), key="mid")
    order = tables.whole_numbers(path, classes, "index")
    names = {mid: name for _, mid, name in sorted(zip(order, classes["mid"], classes["display_name"], strict=True))}
    clips: list[records.Clip] = []
    chosen = [name for name in SUBSETS if subset == name or (subset == "all" and (root / SUBSETS[name][1]).is_file())]
    for split, file in (SUBSETS[name] for name in chosen or SUBSETS):
        path = root / file
        table = tables.read(path, header=COLUMNS)
        starts = tables.numbers(path, table, "start_seconds")
        for position, (video, start, mids) in enumerate(
            zip(table["YTID"], starts, table["positive_labels"], strict=True)
        ):
            try:
                labels = tuple(names[mid] for mid in mids.split(","))
            except KeyError as error:
                place = f"{path} {tables.place(table, position)}"
                raise AudiotagError(
                    f"{place}: {error} is no class of class_labels_indices.csv: fetch both again"
                ) from None
            recording = segments.find(video, start)
            clips.append(records.Clip(video, recording or f"{video}.wav", labels, split))
    segments.check()
    return records.Declaration(
        name="audioset" if subset == "all" else f"audioset_{subset}",
        version="1",
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names.values()), tuple(names)),
        clips=tuple(clips),
        seconds=10.0,
        root=root,
    )
