"""Common Voice: sentences that volunteers read, in more than a hundred languages; and any folder laid out like it."""

from __future__ import annotations

from pathlib import Path

from audiotag import records, speech, tables
from audiotag.clips.texts import spoken
from audiotag.errors import AudiotagError
from audiotag.speech.text import LETTERS

PAGE = "https://commonvoice.mozilla.org/datasets"
LICENCE = "CC0-1.0"
CITATION = "R. Ardila et al., Common Voice: A Massively-Multilingual Speech Corpus, LREC 2020, arXiv:1912.06670"
TABLES = {"train": "train", "dev": "validation", "test": "test"}


def declare(source: str | Path | None = None, letters: str = LETTERS, seconds: float = 11.0) -> records.Declaration:
    """Declare a language of Common Voice, a sentence a clip, in its splits train, validation (dev) and test.

    A sentence that has other letters, is empty or longer than a clip stands in clips.csv as rejected. The speaker
    (client_id) is a column, and so are gender and age where the table has them.

    Args:
        source: folder with `train.tsv`, `dev.tsv` and `test.tsv`, or some of them (tabs, columns client_id, path,
            sentence), and the recordings in `clips/`.
        letters: of the language, beside the space, in lower case. Default: a to z and the apostrophe.
        seconds: length of a clip, 1 or more.
    """
    if source is None:
        raise AudiotagError(f"Common Voice is not downloaded: get a language from {PAGE} and name it with --source")
    if not seconds >= 1:
        raise AudiotagError(f"a clip of Common Voice is 1 s or more, received {seconds}")
    root, labels = Path(source).resolve(), speech.labels(letters)
    found = [name for name in TABLES if (root / f"{name}.tsv").is_file()]
    if not found:
        raise AudiotagError(f"{root} has no train.tsv, dev.tsv or test.tsv: name the folder of a language")
    clips = []
    for name in found:
        for row in _rows(root / f"{name}.tsv"):
            fault = "" if speech.normalised(row["sentence"]) else "its sentence is empty"
            columns = {"speaker": row["client_id"]} | {key: row[key] for key in ("gender", "age") if key in row}
            path = f"clips/{row['path']}"
            clip = records.Clip(Path(row["path"]).stem, path, (), TABLES[name], columns=columns, fault=fault)
            clips.append(spoken(clip, row["sentence"], labels))
    return records.Declaration(
        name="common_voice",
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


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table by column; a quote in it is a character like others."""
    try:
        header, *lines = tables.text(path).rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} cannot be read ({error}): get it again") from error
    names = header.rstrip("\r").split("\t")
    if missing := {"client_id", "path", "sentence"} - set(names):
        raise AudiotagError(f"{path} lacks the column {', '.join(sorted(missing))}: get the table again")
    rows = []
    for number, line in enumerate(lines, 2):
        cells = line.rstrip("\r").split("\t")
        if len(cells) != len(names):
            raise AudiotagError(f"{path} line {number} has {len(cells)} cells, {len(names)} columns: get it again")
        rows.append(dict(zip(names, cells, strict=True)))
    return rows
