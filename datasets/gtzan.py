"""GTZAN: 1000 excerpts of 30 s, 10 genres of music; in the fault-filtered split, which leaves 70 of them out."""

from __future__ import annotations

from pathlib import Path

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://huggingface.co/datasets/marsyas/gtzan"  # genres.tar.gz, 1.2 GB; marsyas.info is gone
LICENCE = "none stated: excerpts of published music, for research; the rights are their owners'"
CITATION = (
    "G. Tzanetakis, P. Cook, Musical genre classification of audio signals, IEEE TSAP 10(5), 2002, "
    "doi:10.1109/TSA.2002.800560; faults: B. L. Sturm, The GTZAN dataset, arXiv:1306.1461; "
    "split: C. Kereliuk, B. L. Sturm, J. Larsen, Deep Learning and Music Adversaries, arXiv:1507.04761"
)
# The published lists {test,valid}_filtered.txt, and what is in none of the three; every other excerpt is for training.
TEST = {
    "blues": "12-28,61-72,98-99",
    "classical": "11-29,34-41,49,77-79",
    "country": "30-40,43-44,46-48,50-51,53-64",
    "disco": "1,21,58,62-66,69,76-88,91-94,96-97,99",
    "hiphop": "0,26-27,30,40,43-45,51-54,62-75,99",
    "jazz": "73-99",
    "metal": "12-15,22-23,25-33,38-39,67,70,73-75,78,83,85,87-88",
    "pop": "0-1,13-14,43,63-66,69-79,82,88-96",
    "reggae": "34-40,46-48,52-53,64-68,71,79,82-84,87-90",
    "rock": "10-15,27-37,39-48,86-90",
}
VALIDATION = {
    "blues": "0-11,50-60",
    "classical": "0-10,68-76",
    "country": "0-7,9-18,27,41-42,45,49",
    "disco": "0,2-4,6-14,46,48,52,67-68,72,75,90,95",
    "hiphop": "81-98",
    "jazz": "2-10,25-32",
    "metal": "0-1,6-11,16-20,36-37,68,76-77,81-82",
    "pop": "10,53,55,58-62,81,83-86",
    "reggae": "61-62,70,72,74,76-78,85,92-99",
    "rock": "38,49-56,71-85",
}
FAULTY = {
    "classical": "42",
    "country": "8,52",
    "disco": "38,50-51,55,60,71,98",
    "hiphop": "1,39,46-50,76",
    "jazz": "33-40,42-46",
    "metal": "4,34,40-45,58",
    "pop": "15,21-22,30,37,45,47-48,51-52,54,56-57,67-68,87",
    "reggae": "3,5,7-8,10,13,33,41,73,75,80-81,86,91",
}
BROKEN = {"jazz.00054.wav": "known to be broken in the published copies that are WAV"}
FAULT = "left out of the fault-filtered split: a repetition, a distortion or a wrong label (arXiv:1306.1461)"


def _numbers(ranges: str) -> set[int]:
    ends = [[int(end) for end in part.split("-")] for part in ranges.split(",") if part]
    return {number for first, *last in ends for number in range(first, (last or [first])[0] + 1)}


def declare(source: str | Path | None = None) -> records.Declaration:
    """Declare GTZAN in its published fault-filtered split: train 443, validation 197, test 290 excerpts.

    70 excerpts are repetitions, distorted or of a wrong label: clips.csv lists them as rejected, with this reason, and
    so is jazz.00054 where the copy is WAV, which is broken.

    Args:
        source: folder with a folder a genre, `blues/blues.00000.au` or .wav, as genres.tar.gz of
            huggingface.co/datasets/marsyas/gtzan has it.
    """
    if source is None:
        raise AudiotagError(
            f"GTZAN is not downloaded: unpack genres.tar.gz of {PAGE} and name its folder with --source"
        )
    root = Path(source).resolve()
    files = {path.stem: path for path in sorted(root.glob("*/[!.]*.*"), reverse=True)}
    clips = []
    for genre in TEST:
        test, validation, faulty = (_numbers(part.get(genre, "")) for part in (TEST, VALIDATION, FAULTY))
        for number in range(100):
            name = f"{genre}.{number:05d}"
            file = files[name].name if name in files else f"{name}.wav"
            split = "test" if number in test else "validation" if number in validation else "train"
            fault = FAULT if number in faulty else BROKEN.get(file, "")
            clips.append(records.Clip(name, f"{genre}/{file}", (genre,), split, fault=fault))
    return records.Declaration(
        name="gtzan",
        version="2002, fault-filtered 2015",
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(TEST)),
        clips=tuple(clips),
        seconds=30.0,
        root=root,
    )
