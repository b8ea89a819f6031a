"""Music as tokens of notes: those of a data set, and what comes after a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from audiotag import progress, records
from audiotag.errors import AudiotagError
from audiotag.notes import Note
from audiotag.records.recorded_notes import recorded_notes
from audiotag.task import Task
from audiotag.tokens import note_tokens
from audiotag.tokens.language_model import LanguageModel
from audiotag.tokens.sampling import Sampling, continued
from audiotag.tokens.tokenizer import NOTES, Tokenizer

ROW = 192
"""Tokens of a row: a language model of notes knows no longer past."""

_DRAWN_TOGETHER = 32
_MOST = 10_000  # tokens of a continuation


def tokenized(data: records.Data) -> tuple[Tokenizer, list[str], list[str], np.ndarray]:
    """The notes of all recordings as rows of tokens.

    Args:
        data: an open data set of notes.

    Returns:
        The tokenizer, and of every row its name (recording and first token), split, and tokens (rows, 192). The last
        row of a recording ends with it; a recording with fewer tokens is left out, which is said.

    Raises:
        AudiotagError: no recording is long enough.
    """
    names, splits, rows, seconds, total = [], [], [], 0.0, 0
    for split in data.splits:
        for name, own in recorded_notes(data, split).items():
            tokens = note_tokens.encode(own.notes)
            if len(tokens) < ROW:
                progress.say(f"{name} is left out: {len(own.notes)} notes give {len(tokens)} tokens, fewer than {ROW}")
                continue
            starts = sorted({*range(0, len(tokens) - ROW + 1, ROW), len(tokens) - ROW})
            names += [f"{name}@{start}" for start in starts]
            splits += [split] * len(starts)
            rows += [tokens[start : start + ROW] for start in starts]
            seconds, total = seconds + own.notes[-1].onset, total + len(tokens)
    if not rows:
        raise AudiotagError(
            f"a recording needs {ROW} tokens of notes, none of {data.name} has as many: give longer ones"
        )
    nothing = np.zeros(0, np.float32)
    clip_format = replace(data.clip_format, labels=note_tokens.labels(), task=Task.TOKENS)
    empty = {"mean": nothing, "scale": nothing, "centroids": nothing, "log_mels": nothing}
    tokenizer = Tokenizer(clip_format, total / seconds, ROW, NOTES, "", "", 0, **empty)
    return tokenizer, names, splits, np.stack(rows)


def continue_notes(
    model: LanguageModel, notes: Sequence[Note], seconds: float, sampling: Sampling | None = None
) -> tuple[Note, ...]:
    """Notes that follow a piece.

    Args:
        model: a language model of notes.
        notes: of the piece, in any order.
        seconds: from its last onset on, above 0, at most 600.
        sampling: how tokens are drawn.

    Returns:
        The new notes; times count from the beginning of the piece, rounded to steps of 40 ms.

    Raises:
        AudiotagError: no notes to go on from, a model of sounds, or one that no longer lets time pass.
    """
    from audiotag.tokens.continuing import LONGEST

    if not model.tokenizer.of_notes:
        raise AudiotagError(f"{model.run} is a language model of sounds, notes are continued by one of notes")
    if not 0 < seconds <= LONGEST:
        raise AudiotagError(f"a continuation lasts more than 0 and at most {LONGEST:g} s, received {seconds:g}")
    prompt, sampling = note_tokens.encode(notes), sampling or Sampling()
    if not len(prompt):
        raise AudiotagError("a piece to continue has notes in it, received none")
    begin = note_tokens.decode(prompt)[1]
    tokens, end = prompt, begin
    while end <= begin + seconds:
        if len(tokens) > len(prompt) + _MOST:
            raise AudiotagError(
                f"{_MOST} tokens were drawn and {end - begin:.1f} s have passed: ask for a higher top_p, or train on"
            )
        seed = replace(sampling, seed=sampling.seed + len(tokens) - len(prompt))
        drawn = continued(model.network, tokens[-model.context :], _DRAWN_TOGETHER, model.context, seed)
        tokens = np.concatenate([tokens, drawn])
        end = note_tokens.decode(tokens)[1]
    following = note_tokens.decode(tokens)[0][len(note_tokens.decode(prompt)[0]) :]
    return tuple(note for note in following if note.onset <= begin + seconds)
