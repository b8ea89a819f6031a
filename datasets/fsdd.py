"""Free Spoken Digit Dataset: 3000 recordings of the digits 0 to 9 by six speakers, 8 kHz, under a second each."""

from __future__ import annotations

import re
from pathlib import Path

from audiotag import records, storage
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

VERSION = "1.0.10"
URL = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v{VERSION}.zip"  # about 15 MB
LICENCE = "CC BY-SA 4.0"
CITATION = "Z. Jackson et al., Free Spoken Digit Dataset (FSDD), github.com/Jakobovski/free-spoken-digit-dataset"
TESTED = 5  # recordings 0 to 4 of each speaker and digit


def declare(source: str | Path | None = None) -> records.Declaration:
    """Declare Free Spoken Digit; of each speaker and digit, recordings 0 to 4 are the split test, all others train.

    The speaker is a column of clips.csv.

    Args:
        source: folder with `recordings/7_jackson_32.wav` … (digit, speaker, index). Default: download it (15 MB).
    """
    if source is None:
        source = storage.fetch_archive(URL, "fsdd", name="fsdd.zip") / f"free-spoken-digit-dataset-{VERSION}"
    root = Path(source).resolve()
    clips = []
    for path in sorted((root / "recordings").glob("[!.]*.wav")):
        match = re.fullmatch(r"([0-9])_([^_]+)_([0-9]+)", path.stem)
        if not match:
            raise AudiotagError(f"a recording is named DIGIT_SPEAKER_INDEX.wav, received {path.name!r}: rename it")
        split = "test" if int(match[3]) < TESTED else "train"
        clips.append(
            records.Clip(path.stem, f"recordings/{path.name}", (match[1],), split, columns={"speaker": match[2]})
        )
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
