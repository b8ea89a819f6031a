"""OpenMIC-2018: 20,000 excerpts of 10 s of music, 20 instruments, of which two or three were judged in each excerpt."""

from __future__ import annotations

from pathlib import Path

from audiotag import records, tables
from audiotag.errors import AudiotagError
from audiotag.labels import Labels, join_cell

PAGE = "https://zenodo.org/records/1432913"  # 2.6 GB, fetched by hand
LICENCE = "CC BY 4.0; each excerpt as openmic-2018-metadata.csv says, most CC BY, some NC or SA"
CITATION = (
    "E. J. Humphrey, S. Durand, B. McFee, OpenMIC-2018: An Open Data-set for Multiple Instrument Recognition, "
    "ISMIR 2018"
)
SPLITS = {"train": "split01_train.csv", "test": "split01_test.csv"}


def declare(source: str | Path | None = None) -> records.Declaration:
    """Declare OpenMIC-2018; its splits are the published train and test.

    An instrument sounds where its relevance is 0.5 or more. Instruments that nobody judged in an excerpt are neither
    learnt nor measured there.

    Args:
        source: folder with `openmic-2018-aggregated-labels.csv`, `partitions/split01_train.csv` and `split01_test.csv`,
            and `audio/000/000046_3840.ogg` …, unpacked from zenodo.org/records/1432913.
    """
    if source is None:
        raise AudiotagError(f"OpenMIC-2018 is not downloaded: unpack {PAGE} and name its folder with --source")
    root = Path(source).resolve()
    path = root / "openmic-2018-aggregated-labels.csv"
    table = tables.read(path, ("sample_key", "instrument", "relevance"))
    relevances = tables.numbers(path, table, "relevance")
    instruments = sorted(set(table["instrument"]))
    judged: dict[str, dict[str, bool]] = {}
    for key, instrument, relevance in zip(table["sample_key"], table["instrument"], relevances, strict=True):
        judged.setdefault(key, {})[instrument] = relevance >= 0.5
    split_of = {
        key: split
        for split, file in SPLITS.items()
        for key in tables.read(root / "partitions" / file, header=("sample_key",), key="sample_key")["sample_key"]
    }
    if missing := [key for key in judged if key not in split_of]:
        raise AudiotagError(
            f"every excerpt is in a partition, {len(missing)} of {path} are in none of {root / 'partitions'}, "
            f"{missing[0]!r} for one: unpack the archive again"
        )

    def clip(key: str, flags: dict[str, bool]) -> records.Clip:
        unknown = join_cell([name for name in instruments if name not in flags])
        labels = tuple(name for name in instruments if flags.get(name))
        return records.Clip(key, f"audio/{key[:3]}/{key}.ogg", labels, split_of[key], columns={"unknown": unknown})

    return records.Declaration(
        name="openmic",
        version="1.0.0",
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(instruments)),
        clips=tuple(clip(key, flags) for key, flags in judged.items()),
        seconds=10.0,
        root=root,
    )
