"""Free Spoken Digit Dataset: 3000 recordings of the digits 0 to 9 by six speakers, 8 kHz, under a second each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from audiotag import records, storage
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

VERSION = "1.0.10"
URL = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v{VERSION}.zip"  # about 15 MB
LICENCE = "CC BY-SA 4.0"
CITATION = "Z. Jackson et al., Free Spoken Digit Dataset (FSDD), github.com/Jakobovski/free-spoken-digit-dataset"
TESTED = 5  # recordings 0 to 4 of each speaker and digit


def declare(
    source: str | Path | None = None, split: Literal["recording", "speaker"] = "recording"
) -> records.Declaration:
    """Declare Free Spoken Digit. The speaker is a column of clips.csv.

    Args:
        source: folder with `recordings/7_jackson_32.wav` … (digit, speaker, index). Default: download it (15 MB).
        split: "recording", as its authors split it: of each speaker and digit, recordings 0 to 4 are for test;
            "speaker": a fold a speaker in the order of their names, so that `train --fold 1` hears the first one for
            the first time.
    """
    if split not in ("recording", "speaker"):
        raise AudiotagError(f"split is recording or speaker, received {split!r}")
    if source is None:
        source = storage.fetch_archive(URL, "fsdd", name="fsdd.zip") / f"free-spoken-digit-dataset-{VERSION}"
    root = Path(source).resolve()
    found = []
    for path in sorted((root / "recordings").glob("[!.]*.wav")):
        match = re.fullmatch(r"([0-9])_([^_]+)_([0-9]+)", path.stem)
        if not match:
            raise AudiotagError(f"a recording is named DIGIT_SPEAKER_INDEX.wav, received {path.name!r}: rename it")
        found.append((path, *match.groups()))
    folds = {speaker: f"fold{1 + index}" for index, speaker in enumerate(sorted({each[2] for each in found}))}
    clips = []
    for path, digit, speaker, index in found:
        by_index = "test" if int(index) < TESTED else "train"
        name = folds[speaker] if split == "speaker" else by_index
        clips.append(records.Clip(path.stem, f"recordings/{path.name}", (digit,), name, columns={"speaker": speaker}))
    return records.Declaration(
        name="fsdd",
        version=VERSION,
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple("0123456789")),
        clips=tuple(clips),
        seconds=1.0,
        root=root,
        pad="zero",
    )
