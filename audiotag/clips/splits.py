"""Splits: usual spellings of their names, drawn ones, and expressions such as `fold1..4`, `train+fold2`, `all`."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from audiotag.errors import AudiotagError, suggest

_SPELLINGS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "valid", "val"),
    "development": ("development", "devel", "dev"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
    "unlabelled": ("unlabelled", "unlabeled"),
}
UNLABELLED = "unlabelled"
"""The split of clips that nobody has labelled, see `declaration.UNKNOWN`."""

_HELD_OUT = 0.15
_NAMES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}


def recognise(names: Iterable[str]) -> dict[str, str]:
    """The splits that names stand for in any usual spelling: `Train`, `val`, `eval`, `Fold_3`.

    A development set is for validation where there is a training set beside it, else it is for training.

    Args:
        names: as somebody wrote them.

    Returns:
        By name: "train", "validation", "test", "unlabelled", "fold1", "fold2" …; those that stand for none are left
        out.
    """
    recognised = {}
    for name in names:
        folded = name.strip().casefold()
        fold = re.fullmatch(r"fold[ _-]?0*([0-9]+)", folded)
        if fold or folded in _NAMES:
            recognised[name] = f"fold{fold[1]}" if fold else _NAMES[folded]
    development = "validation" if "train" in recognised.values() else "train"
    return {name: development if split == "development" else split for name, split in recognised.items()}


def draw(labels_of: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Draw train, validation and test, class by class, beginning with the rarest.

    Args:
        labels_of: labels by recording; of a recording without any, one that stands for none. What is drawn depends on
            these alone.

    Returns:
        The split of each: of every class about 70 % for training (one at least), 15 % for validation, 15 % for test.
    """
    counts = Counter(label for labels in labels_of.values() for label in labels)
    order = sorted(labels_of, key=lambda recording: hashlib.sha256(recording.encode()).digest())
    split_of: dict[str, str] = {}
    for label in sorted(counts, key=lambda name: (counts[name], name)):
        members = [recording for recording in order if label in labels_of[recording]]
        free = [recording for recording in members if recording not in split_of]
        for split in ("validation", "test"):
            taken = sum(split_of.get(recording) == split for recording in members)
            wanted = max(round(_HELD_OUT * len(members)) - taken, 0)
            split_of.update(dict.fromkeys(free[:wanted], split))
            free = free[wanted:]
        split_of.update(dict.fromkeys(free, "train"))
        if not any(split_of[recording] == "train" for recording in members):
            split_of[members[0]] = "train"
    return split_of


def select(expression: str, known: Sequence[str]) -> list[str]:
    """The splits that an expression names, each once, in the order of the expression.

    Args:
        expression: names joined by `+` or `,`; `fold1..4` is fold1, fold2, fold3, fold4; `all` is every split.
        known: the splits of the data set.

    Raises:
        AudiotagError: an empty expression, a range that runs backwards, or a split that does not exist.
    """
    chosen: dict[str, None] = {}
    for term in re.split(r"[+,]", expression):
        for name in _expand(term.strip(), known):
            if name not in known:
                raise AudiotagError(f"no split is named {name!r}: {suggest(name, known)}")
            chosen[name] = None
    return list(chosen)


def _expand(term: str, known: Sequence[str]) -> Sequence[str]:
    if term == "all":
        return known
    if not term:
        raise AudiotagError(f"splits are named like 'train', 'fold1..4' or 'train+fold2': {suggest(term, known)}")
    span = re.fullmatch(r"(.*?)([0-9]+)\.\.([0-9]+)", term)
    if not span:
        return [term]
    prefix, first, last = span[1], int(span[2]), int(span[3])
    if first > last:
        raise AudiotagError(f"a range of splits runs upwards, received {term!r}: write {prefix}{last}..{first}")
    # A range far past the last fold must not be spelled out before it is refused.
    return [f"{prefix}{number}" for number in range(first, min(last, first + len(known)) + 1)]
