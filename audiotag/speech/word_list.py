"""A list of the words that may be spelled, as a tree of their letters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.speech import text

ROOT = 0


class WordList:
    """Words of which a text may consist.

    A state is how much of a word has been spelled; `ROOT`: nothing of it.

    Args:
        words: each is normalised as texts are.
        labels: the characters.

    Raises:
        AudiotagError: no word, one that is several or none, or one with letters that are no classes.
    """

    def __init__(self, words: Iterable[str], labels: Labels) -> None:
        self.space = labels.index(text.SPACE)
        self._next: list[dict[int, int]] = [{}]
        self._ends: set[int] = set()
        for word in words:
            self._add(word, labels)
        if not self._ends:
            raise AudiotagError("a list of words holds at least one, received none: write a word a line")

    def _add(self, word: str, labels: Labels) -> None:
        normalised = text.normalised(word)
        if not normalised or " " in normalised:
            raise AudiotagError(
                f"a list holds single words, received {word!r} ({normalised!r} as texts are compared): correct it"
            )
        if unknown := text.outside(normalised, labels):
            raise AudiotagError(
                f"words are spelled with the letters of the model, {word!r} has {unknown!r} too: leave it out"
            )
        state = ROOT
        for name in text.names_of(normalised):
            if labels.index(name) not in self._next[state]:
                self._next[state][labels.index(name)] = len(self._next)
                self._next.append({})
            state = self._next[state][labels.index(name)]
        self._ends.add(state)

    def after(self, state: int, character: int) -> int | None:
        """The state after a further character; None: no word goes on so."""
        if character == self.space:
            return ROOT if state in self._ends else None
        return self._next[state].get(character)

    def completes(self, state: int) -> bool:
        """Whether a word ends here."""
        return state in self._ends

    @classmethod
    def read(cls, path: Path, labels: Labels) -> WordList:
        """The words of a file of UTF-8 text, one a line; empty lines are left out.

        Raises:
            AudiotagError: it cannot be read, or does not hold such words.
        """
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AudiotagError(f"a list of words is a file of UTF-8 text, {path} cannot be read: {error}") from error
        try:
            return cls(filter(str.strip, lines), labels)
        except AudiotagError as error:
            raise AudiotagError(f"{path}: {error}") from error
