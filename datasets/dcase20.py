"""DCASE 2020 task 1A: TAU Urban Acoustic Scenes 2020 Mobile, 10 scenes, 12 cities, recorded with several devices."""

from __future__ import annotations

import re
from pathlib import Path

from audiotag import records, tables
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://zenodo.org/records/3819968"  # development set, 30 GB in 16 archives
LICENCE = "Tampere University: free for experimental and non-commercial use, with its copyright notice"
CITATION = (
    "T. Heittola, A. Mesaros, T. Virtanen, Acoustic scene classification in DCASE 2020 Challenge: "
    "generalization across devices and low complexity solutions, DCASE Workshop 2020, arXiv:2005.14623"
)
# Split by published list. fold1_test.csv names the recordings of fold1_evaluate.csv again, without their scenes.
LISTS = {"fold1_train.csv": "train", "fold1_evaluate.csv": "test"}
NAME = re.compile(r"audio/([a-z_]+)-([a-z]+)-([0-9]+)-([0-9]+)-([a-z0-9]+)\.wav")  # scene city location segment device


def declare(source: str | Path | None = None) -> records.Declaration:
    """Declare the development set; the splits train and test are those of the published fold 1.

    The device (a, b, c real, s1 to s6 simulated; s4 to s6 are tested alone), the city and the place of recording are
    columns of clips.csv, by which an evaluation is sliced. Recordings that the fold does not name are not used, as
    published.

    Args:
        source: folder with `evaluation_setup/fold1_train.csv`, `fold1_evaluate.csv` (and `fold1_test.csv`) and
            `audio/airport-lisbon-1000-40000-a.wav` …, unpacked from zenodo.org/records/3819968.
    """
    if source is None:
        raise AudiotagError(
            f"DCASE 2020 is not downloaded: unpack {PAGE}, all archives, and name the folder with --source"
        )
    root = Path(source).resolve()
    clips: dict[str, records.Clip] = {}
    for file, split in LISTS.items():
        path = root / "evaluation_setup" / file
        table = tables.read(path, ("filename", "scene_label"), key="filename")
        for position, (name, scene) in enumerate(zip(table["filename"], table["scene_label"], strict=True)):
            match = NAME.fullmatch(name)
            if not match or match[1] != scene or name in clips:
                raise AudiotagError(
                    f"{path} {tables.place(table, position)}: a recording is in one list, named audio/SCENE-CITY-"
                    f"LOCATION-SEGMENT-DEVICE.wav by its scene, received {name!r} of {scene!r}: fetch the lists again"
                )
            columns = {"device": match[5], "city": match[2], "recording": "-".join(match.group(1, 2, 3))}
            clips[name] = records.Clip(Path(name).stem, name, (scene,), split, columns=columns)
    unlabelled = root / "evaluation_setup" / "fold1_test.csv"
    if unlabelled.is_file() and (extra := set(tables.read(unlabelled, ("filename",))["filename"]) - clips.keys()):
        raise AudiotagError(f"{unlabelled} names {min(extra)!r}, fold1_evaluate.csv does not: fetch both again")
    return records.Declaration(
        name="dcase20",
        version="2020 mobile, development, fold 1",
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(sorted({clip.labels[0] for clip in clips.values()}))),
        clips=tuple(clips.values()),
        seconds=10.0,
        root=root,
    )
