"""Groups of labels that count as one label more: birds, whatever their species."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag import tables
from audiotag.errors import AudiotagError, suggest
from audiotag.labels import Labels

COLUMNS = ("label", "group")


@dataclass(frozen=True)
class Groups:
    """Labels behind those of a model, each the largest of some of them.

    The largest, not the probability that any of them sounds if they were independent (1 - Π(1 - p)): labels of one
    group are mostly names for the same sound, as Bird, Chirp and Owl are in AudioSet, and a hundred scores of 0.02
    would be 0.87. A group's score is that of a label, and may be compared with the same threshold.

    Args:
        names: of the groups.
        members: indices of the labels of each.
    """

    names: tuple[str, ...] = ()
    members: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, groups: Mapping[str, Sequence[str]], labels: Labels) -> Groups:
        """Groups by the names of their labels.

        Raises:
            AudiotagError: a label that the model does not have, a group without labels or of a label's name.
        """
        for group, members in groups.items():
            if group in labels.names:
                raise AudiotagError(f"a group needs a name of its own, {group!r} is a label: rename the group")
            if not members:
                raise AudiotagError(f"a group has at least one label, {group!r} has none: name some")
            for name in members:
                if name not in labels.names:
                    raise AudiotagError(f"group {group!r}: no label is named {name!r}: {suggest(name, labels.names)}")
        return cls(tuple(groups), tuple(tuple(map(labels.index, dict.fromkeys(each))) for each in groups.values()))

    def labels(self, labels: Labels) -> Labels:
        """The model's labels, and the groups behind them."""
        return Labels((*labels.names, *self.names), (*labels.ids, *self.names)) if self.names else labels

    def joined(self, values: np.ndarray, of: Callable[..., np.ndarray]) -> np.ndarray:
        """Values of labels, (…, classes), and behind them those of groups: `numpy.max` or `numpy.min` of theirs."""
        if not self.names:
            return values
        columns = [of(values[..., list(members)], axis=-1) for members in self.members]
        return np.concatenate([values, np.stack(columns, axis=-1)], axis=-1)


NONE = Groups()


def read(texts: Sequence[str]) -> dict[str, list[str]]:
    """Names of labels by the name of their group.

    Args:
        texts: `NAME=FILE` of a text file with a label a line, or a table (CSV, Parquet) with the columns label, group.

    Raises:
        AudiotagError: no such file, or one that is neither.
    """
    groups: dict[str, list[str]] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if equals and not Path(text).is_file():
            if not name.strip() or not Path(file).is_file():
                raise AudiotagError(
                    f"a group is NAME=FILE, a file of labels, or a table of them, received {text}: no such file"
                )
            groups.setdefault(name.strip(), []).extend(names_in(Path(file)))
            continue
        for row in tables.read(Path(text), required=COLUMNS).to_dict("records"):
            groups.setdefault(row["group"].strip(), []).append(row["label"].strip())
    return groups


def names_in(path: Path) -> list[str]:
    """The lines of a text file that are not empty.

    Raises:
        AudiotagError: it is no text in UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AudiotagError(f"a list of labels is text in UTF-8, {path} is none: save it as such") from error
    return [line.strip() for line in lines if line.strip()]
