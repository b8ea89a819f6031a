"""FSD50K: 51,197 recordings of 0.3 to 30 s from Freesound, 200 classes of AudioSet's ontology, several a recording."""

from __future__ import annotations

from pathlib import Path

from audiotag import records, tables
from audiotag.clips.cutting import cut
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

PAGE = "https://zenodo.org/records/4060432"  # 24 GB in split archives, which only zip itself joins
LICENCE = "CC BY 4.0; each recording CC0, CC BY, CC BY-NC or CC Sampling+, as FSD50K.metadata lists"
CITATION = (
    "E. Fonseca, X. Favory, J. Pons, F. Font, X. Serra, FSD50K: An Open Dataset of Human-Labeled Sound Events, "
    "IEEE/ACM TASLP 30, 2022, doi:10.1109/TASLP.2021.3133208"
)
SPLITS = {"train": "train", "val": "validation"}


def declare(source: str | Path | None = None, seconds: float = 10.0) -> records.Declaration:
    """Declare FSD50K; its splits are train and validation (both of dev) and test (eval).

    Recordings longer than a clip are cut into consecutive clips that have their labels and stay in their split, shorter
    ones are filled with zeros. Published systems train on a random 10 s of a recording and test on one or all of it.

    Args:
        source: folder with `FSD50K.ground_truth/vocabulary.csv`, `dev.csv` and `eval.csv`, `FSD50K.dev_audio` and
            `FSD50K.eval_audio`, unpacked from zenodo.org/records/4060432.
        seconds: length of a clip; 30 keeps every recording whole.
    """
    if source is None:
        raise AudiotagError(
            f"FSD50K is not downloaded: join and unpack the archives of {PAGE} (zip -s 0 FSD50K.dev_audio.zip --out "
            "dev.zip) and name their folder with --source"
        )
    if not 0.3 <= seconds <= 30:
        raise AudiotagError(f"seconds must lie between 0.3 and 30, as the recordings do, received {seconds}")
    root = Path(source).resolve()
    path = root / "FSD50K.ground_truth" / "vocabulary.csv"
    vocabulary = tables.read(path, header=("index", "name", "mid"))
    order = tables.whole_numbers(path, vocabulary, "index")
    rows = sorted(zip(order, vocabulary["name"], vocabulary["mid"], strict=True))
    labels = Labels(tuple(name for _, name, _ in rows), tuple(mid for *_, mid in rows))
    known, clips = set(labels.names), []
    for part, required in (("dev", ("fname", "labels", "split")), ("eval", ("fname", "labels"))):
        path = root / "FSD50K.ground_truth" / f"{part}.csv"
        table = tables.read(path, required, key="fname")
        splits = table["split"] if part == "dev" else ["test"] * len(table)
        for position, (name, cell, split) in enumerate(zip(table["fname"], table["labels"], splits, strict=True)):
            names = tuple(cell.split(","))
            if not known.issuperset(names) or (part == "dev" and split not in SPLITS):
                raise AudiotagError(
                    f"{path} {tables.place(table, position)}: labels are separated by commas and stand in "
                    f"vocabulary.csv, the split is train or val, received {cell!r} and {split!r}: fetch both again"
                )
            file = f"FSD50K.{part}_audio/{name}.wav"
            clip = records.Clip(name, file, names, SPLITS.get(split, split), columns={"recording": name})
            clips.extend(cut(root, clip, seconds))
    return records.Declaration(
        name="fsd50k",
        version="1.0",
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=labels,
        clips=tuple(clips),
        seconds=seconds,
        root=root,
        pad="zero",
    )
