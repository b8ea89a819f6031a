"""Choose from which scores of a step a note begins and lasts: by F1 of onsets, then of whole notes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import numpy as np

from audiotag import progress
from audiotag.evaluation.note_scores import rolls, true_notes
from audiotag.metrics.transcription import mean_F1
from audiotag.notes import decode
from audiotag.notes.rolls import THRESHOLD
from audiotag.records import Data
from audiotag.tagging.note_decoding import NoteDecoding

TRIED = tuple(np.arange(0.1, 0.91, 0.05).round(2).tolist())
"""Thresholds, those of onsets as those of frames."""


@dataclass(frozen=True)
class TunedNotes:
    """What was chosen.

    Args:
        decoding: of the tagger.
        onset_F1: the mean over the recordings it was chosen on.
        note_F1: the same of onsets with offsets.
        usual: both with the usual thresholds.
    """

    decoding: NoteDecoding
    onset_F1: float
    note_F1: float
    usual: tuple[float, float]


def choose(network: keras.Model, data: Data, split: str, fitted_on: str = "") -> TunedNotes:
    """The threshold of onsets that finds most of them rightly; with it, the threshold of frames likewise for offsets.

    Of equal ones the one nearer to the usual is taken. Few parameters are chosen on purpose, the same for all pitches:
    the rarest have no notes to choose by.

    Args:
        network: log-mel to logits, with the "notes" head.
        data: an open data set of notes.
        split: expression of splits.
        fitted_on: what these clips are, as `calibrating.source` says it.

    Raises:
        AudiotagError: a network that transcribes no notes, no note in any recording, or mir_eval is not there.
    """
    truth, heard = true_notes(data, split), rolls(network, data, split)
    usual = NoteDecoding(fitted_on=fitted_on)

    with progress.bar("Choosing thresholds of notes", 2 * len(TRIED) + 1, "tried") as advance:

        def score(decoding: NoteDecoding, kind: str) -> float:
            thresholds = (decoding.onset_threshold, decoding.frame_threshold)
            found = {name: decode(roll, grid, *thresholds) for name, (roll, grid) in heard.items()}
            advance(1)
            return mean_F1(truth, found, kind)

        def best(decodings: list[NoteDecoding], kind: str) -> tuple[NoteDecoding, float, float]:
            """The best of them, its F1, and that of the usual threshold."""
            scores = [score(decoding, kind) for decoding in decodings]
            place = int(np.argmax(scores))
            return decodings[place], scores[place], scores[0]

        nearest_first = sorted(TRIED, key=lambda threshold: abs(threshold - THRESHOLD))
        of_onsets = [replace(usual, onset_threshold=threshold) for threshold in nearest_first]
        onsets, onset_F1, usual_onset_F1 = best(of_onsets, "onset")
        of_frames = [replace(onsets, frame_threshold=threshold) for threshold in nearest_first]
        chosen, note_F1, _ = best(of_frames, "onset_offset")
        usual_note_F1 = score(usual, "onset_offset")
    return TunedNotes(chosen, onset_F1, note_F1, (usual_onset_F1, usual_note_F1))
