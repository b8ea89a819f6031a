"""Characters from what a network says of every step: the likeliest of each, or the likeliest text by beam search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.speech.word_list import ROOT, WordList

BLANK = 0
"""Column of "no character here"; class c has column c + 1."""

WIDTH = 16
_NEVER = -math.inf
_LEAST = math.log(1e-6)  # what is less likely in a step is not looked at there
_ROOM = 4096  # beginnings held before those that lead nowhere are let go


@dataclass(frozen=True)
class Spelling:
    """Characters with the steps in which they are told.

    Args:
        characters: class indices.
        steps: of each character, ascending.
        scores: probability of each character in its step, 0 to 1.
    """

    characters: tuple[int, ...]
    steps: tuple[int, ...]
    scores: tuple[float, ...]


def greedy(logarithms: np.ndarray) -> Spelling:
    """The likeliest character of every step; repeated ones are one, blanks none.

    A character's step is the one in which it is likeliest, among those in a row that tell it.

    Args:
        logarithms: (steps, 1 + classes), of probabilities, blank first.
    """
    if not len(logarithms):
        return Spelling((), (), ())
    best = np.argmax(logarithms, axis=1)
    runs = np.split(np.arange(len(best)), np.flatnonzero(np.diff(best)) + 1)
    told = [(int(best[run[0]]), run) for run in runs if best[run[0]] != BLANK]
    steps = [int(run[np.argmax(logarithms[run, column])]) for column, run in told]
    return _spelling([column - 1 for column, _ in told], steps, logarithms)


@dataclass
class _Prefix:
    """A text so far, by what it adds to a shorter one.

    Args:
        shorter: None: it is empty.
        character: column of what it adds.
        state: of the word list.
        step: in which the character is entered at its likeliest, and how likely that was.
    """

    shorter: _Prefix | None = None
    character: int = BLANK
    state: int = ROOT
    step: int = 0
    entered: float = _NEVER


def beam_search(logarithms: np.ndarray, width: int = WIDTH, words: WordList | None = None) -> Spelling:
    """The likeliest text: the one whose ways to be told have the largest sum of probabilities.

    Prefix beam search (Hannun et al., arXiv 1408.2873) without a language model: after every step the likeliest
    beginnings of texts are kept, those that end in a blank and those that do not counted apart. Characters less likely
    than a millionth are not looked at in their step. Where there are fewer texts than `width`, it is exact.

    Args:
        logarithms: (steps, 1 + classes), of probabilities, blank first.
        width: how many beginnings are kept, at least 1. Default 16.
        words: of which the text must consist, with single spaces between them. Default: any characters.

    Raises:
        AudiotagError: a width below 1.
    """
    check_width(width)
    # Of every beginning the logarithms of what ends in a blank, and of what does not.
    beams: dict[int, tuple[_Prefix, float, float]] = {}
    root = _Prefix()
    children: dict[tuple[int, int], _Prefix] = {}
    beams[id(root)] = (root, 0.0, _NEVER)
    room = _ROOM
    for step, row in enumerate(np.asarray(logarithms, np.float64)):
        told = [(int(column), float(row[column])) for column in np.flatnonzero(row > _LEAST) if column != BLANK]
        blank = float(row[BLANK])
        after: dict[int, tuple[_Prefix, float, float]] = {}
        for prefix, ending, open_ in beams.values():
            whole = _sum(ending, open_)
            repeated = open_ + float(row[prefix.character]) if prefix.shorter is not None else _NEVER
            _add(after, prefix, whole + blank, repeated)
            for column, logarithm in told:
                likelihood = (ending if column == prefix.character else whole) + logarithm
                if likelihood == _NEVER:
                    continue
                longer = children.get((id(prefix), column))
                if longer is None:
                    state = ROOT if words is None else words.after(prefix.state, column - 1)
                    if state is None:
                        continue
                    longer = children[id(prefix), column] = _Prefix(prefix, column, state)
                if likelihood > longer.entered:
                    longer.step, longer.entered = step, likelihood
                _add(after, longer, _NEVER, likelihood)
        kept = sorted(after.values(), key=lambda beam: -_sum(beam[1], beam[2]))[:width]
        beams = {id(beam[0]): beam for beam in kept}
        if len(children) > room:
            alive = _alive(kept)  # no kept text goes on from the others
            children = {key: child for key, child in children.items() if id(child) in alive}
            room = max(_ROOM, 2 * len(children))
    ranked = sorted(beams.values(), key=lambda beam: -_sum(beam[1], beam[2]))
    return _read_back(_complete([beam[0] for beam in ranked], words), logarithms)


def check_width(width: int) -> None:
    """Refuse a beam of no beginnings."""
    if width < 1:
        raise AudiotagError(f"a beam keeps at least 1 beginning of a text, received {width}: 16 is usual")


def _add(beams: dict[int, tuple[_Prefix, float, float]], prefix: _Prefix, ending: float, open_: float) -> None:
    there = beams.get(id(prefix))
    if there is not None:
        ending, open_ = _sum(there[1], ending), _sum(there[2], open_)
    beams[id(prefix)] = (prefix, ending, open_)


def _sum(one: float, other: float) -> float:
    """Logarithm of the sum of two numbers, of their logarithms."""
    more, less = (one, other) if one > other else (other, one)
    return more if less == _NEVER else more + math.log1p(math.exp(less - more))


def _alive(beams: list[tuple[_Prefix, float, float]]) -> set[int]:
    alive: set[int] = set()
    for prefix, _, _ in beams:
        while prefix is not None and id(prefix) not in alive:
            alive.add(id(prefix))
            prefix = prefix.shorter
    return alive


def _complete(ranked: list[_Prefix], words: WordList | None) -> _Prefix:
    """The likeliest text of whole words; where every one ends inside a word, the first without that piece."""
    if words is None:
        return ranked[0]
    for prefix in ranked:
        if prefix.shorter is None or words.completes(prefix.state):
            return prefix
    prefix = ranked[0]
    while prefix.shorter is not None and not words.completes(prefix.state):
        prefix = prefix.shorter
    return prefix


def _read_back(prefix: _Prefix, logarithms: np.ndarray) -> Spelling:
    characters, steps = [], []
    while prefix.shorter is not None:
        characters.append(prefix.character - 1)
        steps.append(prefix.step)
        prefix = prefix.shorter
    # A beginning may have been entered anew after what follows it was.
    ordered = np.maximum.accumulate(steps[::-1]).tolist() if steps else []
    return _spelling(characters[::-1], ordered, logarithms)


def _spelling(characters: list[int], steps: list[int], logarithms: np.ndarray) -> Spelling:
    scores = (math.exp(min(float(logarithms[step, c + 1]), 0.0)) for c, step in zip(characters, steps, strict=True))
    return Spelling(tuple(characters), tuple(steps), tuple(scores))
