"""Texts as they are learnt and compared: normalised, their characters the classes of a data set."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

from audiotag.errors import AudiotagError
from audiotag.labels import Labels

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SPACE = "space"
"""Name of the class of a space, which no name of a class may be."""

NORMALISATION = "Unicode NFC, lower case, an apostrophe inside words alone, other punctuation a space, single spaces"

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u0060\u00b4", "'"))
_EDGE = re.compile(r"(?<!\w)'|'(?!\w)")


def normalised(text: str) -> str:
    """A text as it is learnt and compared, as `NORMALISATION` says; "" where nothing is left of it.

    Example:
        >>> normalised("“Don’t!”  -- CAFÉ")
        "don't café"
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower()).translate(_APOSTROPHES)
    text = "".join(" " if _separates(character) else character for character in text)
    return " ".join(_EDGE.sub(" ", text).split())


def _separates(character: str) -> bool:
    return character != "'" and unicodedata.category(character).startswith("P")


def labels(letters: str = LETTERS) -> Labels:
    """The space and letters as classes.

    Args:
        letters: each once, as `normalised` leaves them. Default: a to z and the apostrophe.

    Raises:
        AudiotagError: a letter that no normalised text has, or one that is there twice.
    """
    for letter in letters:
        if normalised(f"a{letter}a") != f"a{letter}a" or letter.isspace():
            raise AudiotagError(
                f"letters are those of normalised texts ({NORMALISATION}), received {letter!r}: leave it out; the "
                "space is a class anyway"
            )
    return Labels((SPACE, *letters))


def outside(text: str, known: Labels) -> str:
    """The characters of a text that are no classes, each once."""
    return "".join(character for character in dict.fromkeys(text) if _name(character) not in known.names)


def names_of(text: str) -> tuple[str, ...]:
    """Names of the classes of a text's characters, in their order."""
    return tuple(map(_name, text))


def spelled(characters: Iterable[int], known: Labels) -> str:
    """The text of characters, by their index."""
    return "".join(" " if known.names[index] == SPACE else known.names[index] for index in characters)


def steps_needed(characters: Sequence[object]) -> int:
    """The fewest steps in which characters can be told, a step each, and one between two that are the same.

    It is what connectionist temporal classification needs (Graves et al., ICML 2006): between two characters that are
    the same it has a blank.
    """
    return len(characters) + sum(one == other for one, other in pairwise(characters))


def _name(character: str) -> str:
    return SPACE if character == " " else character
