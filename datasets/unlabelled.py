"""Recordings that nobody has labelled, however they lie: a teacher says what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from audiotag import audio, models, storage
from audiotag.clips import sources
from audiotag.clips.cutting import length_of, pieces
from audiotag.clips.declaration import ALL, UNKNOWN
from audiotag.clips.recordings import Recordings
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration

LICENCE = "not stated: the licence of your recordings"
CITATION = "your own recordings"


def _vocabulary(stated: str) -> Labels:
    """Classes of published weights, or of a table."""
    if Path(stated).suffix == ".csv":
        return Labels.read(Path(stated))
    return models.preset(stated).vocabulary


def spread(clips: list[Clip], most: int) -> list[Clip]:
    """That many of a recording's clips, each from the middle of an equal share of it."""
    return [clips[(2 * number + 1) * len(clips) // (2 * most)] for number in range(most)]


def declare(
    source: str | Path,
    vocabulary: str = "mn04_as",
    seconds: float = 5.0,
    pad: Literal["repeat", "zero"] = "repeat",
    most: int | None = None,
) -> Declaration:
    """Declare recordings without labels, in the classes of a teacher.

    A network learns from them what the teacher says: `audiotag train … --live-teacher mn04_as --validation none`, or
    `audiotag teach` and then `--teacher`. All clips are in the split "train".

    Args:
        source: folder of the recordings, at any depth.
        vocabulary: the classes: those of published weights, or a labels.csv (columns index,id,name).
        seconds: length of a clip, at least 0.001 s. Longer recordings are cut into consecutive clips named
            `path#start`, shorter ones are filled up.
        pad: how a shorter recording is filled up: "repeat" itself or "zero".
        most: clips of one recording, at least 1, spread evenly over it, so that long ones do not outnumber the others.
            Default: all.
    """
    root = storage.place(source).resolve()
    if not root.is_dir():
        raise AudiotagError(f"source must be a folder of recordings, received {source}: no such folder")
    if not seconds >= 0.001:
        raise AudiotagError(f"seconds must be at least 0.001, received {seconds}")
    if most is not None and most < 1:
        raise AudiotagError(f"most (clips of one recording) must be at least 1, received {most}")
    names = Recordings(root).names
    if not names:
        raise AudiotagError(f"{root} holds no sound files ({' '.join(audio.SUFFIXES)}): name another folder")
    lengths = sources.in_threads("Measuring the recordings", names, lambda name: length_of(root / name))
    clips: list[Clip] = []
    for name in names:
        cut = list(pieces(Clip(name, name, (), "train", columns={UNKNOWN: ALL}), lengths[name], seconds))
        clips += cut if most is None or len(cut) <= most else spread(cut, most)
    return Declaration(
        name=root.name,
        version=storage.fingerprint([seconds, *sorted((clip.clip_id, clip.start) for clip in clips)])[:12],
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=_vocabulary(vocabulary),
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad=pad,
    )
