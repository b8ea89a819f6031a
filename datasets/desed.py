"""DESED: clips of 10 s of homes, 10 classes; weak labels, and strong ones of recorded and synthetic soundscapes."""

from __future__ import annotations

from pathlib import Path

from audiotag import progress, records, storage, tables
from audiotag.clips import splits
from audiotag.clips.declaration import ALL, UNKNOWN
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://github.com/turpaultn/DESED"  # its downloaders fetch the recordings of YouTube and the soundscapes
LICENCE = "each recording its own, in the licence files of its archive; YouTube's belong to the authors of the videos"
CITATION = (
    "N. Turpault, R. Serizel, A. Parag Shah, J. Salamon, Sound event detection in domestic environments with weakly "
    "labeled data and soundscape synthesis, DCASE Workshop 2019, hal-02160855"
)
STRONG, WEAK = {"onset", "offset", "event_label"}, {"event_labels"}


def declare(source: str | Path | None = None) -> records.Declaration:
    """Declare DESED: weak, strong and unlabelled (all for training), validation and test (the public evaluation).

    Events of strong labels are kept in seconds; a recording whose row has none is one without any class. Train on
    strong for events: in weak, nobody knows when the classes sound. Tables of file names alone, unlabel_in_domain, are
    clips that nobody has labelled: a teacher alone speaks for them.

    Args:
        source: folder with `metadata/train/weak.tsv`, `metadata/train/**/soundscapes.tsv`,
            `metadata/validation/validation.tsv`, `metadata/eval/public.tsv` (those that are there), and the recordings
            in `audio` under the path of their table: `audio/train/weak/Y….wav`.
    """
    if source is None:
        raise AudiotagError(
            f"DESED is not downloaded: follow {PAGE}, name the folder of audio and metadata with --source"
        )
    root = Path(source).resolve()
    metadata = root / "metadata"
    held_out = [metadata / name for name in ("validation/validation.tsv", "eval/public.tsv")]
    read = [*sorted((metadata / "train").rglob("[!.]*.tsv")), *filter(Path.is_file, held_out)]
    if others := sorted(path.name for path in set(metadata.rglob("[!.]*.tsv")) - set(read)):
        progress.say(f"{metadata}: tables that are not read: {', '.join(others)}")
    clips: dict[str, records.Clip] = {}
    for path in read:
        place = path.relative_to(metadata).with_suffix("")
        folder = place if (root / "audio" / place).is_dir() else place.parent
        table = tables.read(path, ("filename",))
        kinds = set(table.columns) - {"filename"}
        if kinds and kinds not in (STRONG, WEAK):
            progress.say(f"{path}: left out, it has neither strong nor weak labels but {', '.join(sorted(kinds))}")
            continue
        split = {"validation": "validation", "eval": "test"}.get(place.parts[0], "weak" if kinds == WEAK else "strong")
        split = split if kinds else splits.UNLABELLED
        for position, row in enumerate(table.to_dict("records")):
            name = f"audio/{folder.as_posix()}/{row['filename']}"
            events = _events(row, f"{path} {tables.place(table, position)}") if kinds == STRONG else ()
            labels = tuple(filter(None, row.get("event_labels", "").split(","))) or tuple(each.label for each in events)
            former = clips.get(name)
            if former:
                events, labels = (*former.events, *events), tuple(dict.fromkeys((*former.labels, *labels)))
            columns = {"subset": place.as_posix()} | ({} if kinds else {UNKNOWN: ALL})
            clips[name] = records.Clip(name.removeprefix("audio/"), name, labels, split, events=events, columns=columns)
    names = sorted({label for clip in clips.values() for label in clip.labels})
    if not names:
        raise AudiotagError(f"{metadata} has no table of weak or strong labels: is {root} the folder of DESED?")
    return records.Declaration(
        name="desed",
        version=storage.fingerprint(sorted(clips))[:12],
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names)),
        clips=tuple(clips.values()),
        seconds=10.0,
        root=root,
        pad="zero",
    )


def _events(row: dict[str, str], where: str) -> tuple[records.Event, ...]:
    """The event of a row; none where its cells are empty."""
    cells = [row[column].strip() for column in ("onset", "offset", "event_label")]
    if not any(cells):
        return ()
    try:
        return (records.Event(float(cells[0]), float(cells[1]), cells[2]),)
    except ValueError as error:
        raise AudiotagError(
            f"{where}: onset and offset must be seconds, received {cells[0]!r} and {cells[1]!r}: correct the row"
        ) from error
