"""LibriSpeech: 1,000 hours of read English books, 16 kHz, with what is said in every utterance."""

from __future__ import annotations

from pathlib import Path

from audiotag import records, speech, tables
from audiotag.clips.texts import spoken
from audiotag.errors import AudiotagError

PAGE = "https://www.openslr.org/12"
LICENCE = "CC BY 4.0"
CITATION = (
    "V. Panayotov, G. Chen, D. Povey, S. Khudanpur, Librispeech: an ASR corpus based on public domain audio books, "
    "ICASSP 2015, doi:10.1109/ICASSP.2015.7178964"
)
SPLITS = {"train": "train", "dev": "validation", "test": "test"}  # by the first part of a subset's name


def declare(source: str | Path | None = None, seconds: float = 17.0) -> records.Declaration:
    """Declare LibriSpeech, an utterance a clip: its train-… are the split train, dev-… validation, test-… test.

    No speaker is in two splits. Subset and speaker are columns of clips.csv. What is longer than a clip, an utterance
    without a text and a text without its recording stand in clips.csv as rejected.

    Args:
        source: folder with `train-clean-100/19/198/19-198.trans.txt` and the FLAC files beside it, whichever subsets
            there are.
        seconds: length of a clip, 1 or more; 17 holds nearly all.
    """
    if source is None:
        raise AudiotagError(f"LibriSpeech is not downloaded: unpack some of {PAGE} and name the folder with --source")
    if not seconds >= 1:
        raise AudiotagError(f"a clip of LibriSpeech is 1 s or more, received {seconds}")
    root = Path(source).resolve()
    texts: dict[str, str] = {}
    for table in sorted(root.glob("*-*/*/*/*.trans.txt")):
        try:
            lines = tables.text(table).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AudiotagError(f"{table} cannot be read ({error}): unpack its subset again") from error
        for line in lines:
            name, _, text = line.strip().partition(" ")
            if name:
                texts[(table.parent / name).relative_to(root).as_posix()] = text
    found = {path.relative_to(root).with_suffix("").as_posix() for path in root.glob("*-*/*/*/*.flac")}
    if not texts:
        raise AudiotagError(f"{root} has no SUBSET/SPEAKER/CHAPTER/….trans.txt: name the unpacked folder LibriSpeech")
    labels = speech.labels()
    clips = []
    for path in sorted(texts.keys() | found):
        subset, speaker, _, name = path.split("/")
        split = SPLITS.get(subset.split("-")[0])
        if split is None:
            raise AudiotagError(f"a subset is named train-…, dev-… or test-…, received {subset!r}: move it away")
        fault = "" if speech.normalised(texts.get(path, "")) else "it has no text in its chapter's .trans.txt"
        clip = records.Clip(
            name, f"{path}.flac", (), split, columns={"subset": subset, "speaker": speaker}, fault=fault
        )
        clips.append(spoken(clip, texts.get(path, ""), labels))
    return records.Declaration(
        name="librispeech",
        version="1",
        task="speech",
        licence=LICENCE,
        citation=CITATION,
        labels=labels,
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad="zero",
    )
