"""Words with their times, of characters with their steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audiotag.labels import Labels
from audiotag.speech.decoding import Spelling
from audiotag.speech.text import SPACE, spelled


@dataclass(frozen=True)
class Word:
    """A word of a recording.

    Args:
        text: its letters.
        start: when the step begins in which its first letter is told, seconds.
        end: when that of its last letter ends, seconds. Networks tell a letter once they are sure of it, by and large
            within a tenth of a second of when it sounds.
        score: geometric mean of the probabilities of its letters, 0 to 1.
    """

    text: str
    start: float
    end: float
    score: float


def words_of(spelling: Spelling, labels: Labels, distance: float, first: float) -> tuple[Word, ...]:
    """The words of characters, which spaces separate.

    Args:
        spelling: of the decoder.
        labels: the characters.
        distance: from one step to the next, seconds.
        first: centre of the first step, seconds.
    """
    words, begin = [], 0
    ends = [place for place, index in enumerate(spelling.characters) if labels.names[index] == SPACE]
    for end in (*ends, len(spelling.characters)):
        if end > begin:
            start, stop = (first + spelling.steps[place] * distance for place in (begin, end - 1))
            score = math.exp(sum(math.log(max(each, 1e-9)) for each in spelling.scores[begin:end]) / (end - begin))
            text = spelled(spelling.characters[begin:end], labels)
            words.append(Word(text, max(start - distance / 2, 0.0), stop + distance / 2, score))
        begin = end + 1
    return tuple(words)
