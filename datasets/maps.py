"""MAPS: piano pieces of seven synthesized pianos and two recordings of a Disklavier, with their MIDI."""

from __future__ import annotations

from pathlib import Path

from audiotag import audio, notes, progress, records
from audiotag.clips.pieces import clips_of_piece
from audiotag.errors import AudioError, AudiotagError
from audiotag.notes import midi

PAGE = "https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database"
LICENCE = "CC BY-NC-SA 2.0"
CITATION = (
    "V. Emiya, R. Badeau, B. David, Multipitch estimation of piano sounds using a new probabilistic spectral "
    "smoothness principle, IEEE TASLP 18(6), 2010, doi:10.1109/TASL.2009.2038819"
)
TESTED = ("ENSTDkAm", "ENSTDkCl")  # the Disklavier near by and in its hall
PREFIX = "MAPS_MUS-"
CLIP_SECONDS = 10.0


def declare(source: str | Path | None = None, seconds: float = CLIP_SECONDS) -> records.Declaration:
    """Declare the pieces (MUS) of MAPS: those of the Disklavier are the split test, all others train.

    A piece that is in the split test is left out of train, as in arXiv 1710.11153: there it is a fault in clips.csv.

    Args:
        source: folder with a folder a piano, `AkPnBcht/MUS/MAPS_MUS-alb_se3_AkPnBcht.wav` and `.mid` in it.
        seconds: length of a clip, 1 or more.
    """
    if source is None:
        raise AudiotagError(f"MAPS is not downloaded (40 GB): unpack it from {PAGE} and name it with --source")
    if not seconds >= 1:
        raise AudiotagError(f"a clip of MAPS is 1 s or more, received {seconds}")
    root = Path(source).resolve()
    files = sorted(root.glob(f"*/MUS/{PREFIX}*.wav"))
    if not files:
        raise AudiotagError(f"{root} holds no PIANO/MUS/{PREFIX}….wav: name the folder that the pianos lie in")
    tested = {_piece(path) for path in files if _piano(path) in TESTED}
    clips: list[records.Clip] = []
    with progress.bar("Reading notes", len(files), "recordings") as advance:
        for path in files:
            clips += _clips(root, path, tested, seconds)
            advance(1)
    return records.Declaration(
        name="maps",
        version="2010, MUS",
        task="notes",
        licence=LICENCE,
        citation=CITATION,
        labels=notes.labels(),
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad="zero",
    )


def _piano(path: Path) -> str:
    return path.parent.parent.name


def _piece(path: Path) -> str:
    """Name of the piece: "alb_se3" of MAPS_MUS-alb_se3_AkPnBcht.wav."""
    return path.stem.removeprefix(PREFIX).removesuffix(f"_{_piano(path)}")


def _clips(root: Path, path: Path, tested: set[str], seconds: float) -> list[records.Clip]:
    piano, piece = _piano(path), _piece(path)
    split, fault = ("test" if piano in TESTED else "train"), ""
    if split == "train" and piece in tested:
        fault = "left out of the training: the Disklavier plays this piece too, which is tested"
    about = {"source": path.relative_to(root).as_posix(), "labels": (), "split": split}
    about |= {"columns": {"piano": piano, "piece": piece}}
    if fault:
        return [records.Clip(path.stem, fault=fault, **about)]
    try:
        read, length = midi.read(path.with_suffix(".mid")), audio.seconds(path)
    except AudioError:
        return [records.Clip(path.stem, **about)]  # the build says why
    except AudiotagError as error:
        return [records.Clip(path.stem, fault=str(error), **about)]
    for remark in read.remarks:
        progress.say(f"{path.stem}: {remark}")
    return list(clips_of_piece(records.Clip(path.stem, **about), read.notes, length, seconds))
