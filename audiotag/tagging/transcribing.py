"""Transcription of notes: a sound file or waveform of any length in, its notes out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.models.notes import note_level
from audiotag.notes import Grid, Note, decode, labels
from audiotag.notes.rolls import SHORTEST, check_options
from audiotag.tagging.note_decoding import NoteDecoding
from audiotag.tagging.step_outputs import network_of, step_outputs
from audiotag.tagging.waveform_model import WaveformModel

_INSTANT = 1e-3  # seconds: a note that begins with the end of its recording has a length all the same


@dataclass(frozen=True)
class Transcription:
    """The notes of a recording.

    Args:
        notes: in the order of onset, offset and pitch; those of one pitch do not overlap.
        seconds: length of the recording.
    """

    notes: tuple[Note, ...]
    seconds: float


def transcribe(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    onset_threshold: float | None = None,
    frame_threshold: float | None = None,
    shortest: float = SHORTEST,
    sample_rate: int | None = None,
) -> Transcription:
    """Find the notes of a file or waveform of any length.

    The log-mel is that of the whole recording, the network hears it in windows of 24 s, of which the inner 20 s are
    taken. Of a network without recurrent layers the result is exactly that of a single pass.

    Args:
        model: what was trained on notes: an `AudioTagger`, whose method this is, or a scorer of one.
        source: sound file, an `audio.Recording` of it, or mono waveform (samples,) in [-1, 1].
        onset_threshold: from which score a step may begin a note, 0 to 1; see `notes.decode`. Default: as calibrated,
            else 0.5.
        frame_threshold: from which score a note lasts, 0 to 1. Default: likewise.
        shortest: notes that last less, by more than half a step, are left out, seconds.
        sample_rate: rate of the waveform, Hz; None: the model's. A file states its own.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range, or a model that transcribes no notes.

    Example:
        >>> audiotag.load("runs/piano").transcribe("sonata.wav").notes[0]
        Note(onset=0.24, offset=1.02, pitch=60, velocity=71)
    """
    own = getattr(getattr(model, "tagger", model), "step_decoding", None) or NoteDecoding()
    onset_threshold = own.onset_threshold if onset_threshold is None else onset_threshold
    frame_threshold = own.frame_threshold if frame_threshold is None else frame_threshold
    check_options(onset_threshold, frame_threshold, shortest)
    roll, grid, seconds = note_scores(model, source, sample_rate)
    found = decode(roll, grid, onset_threshold, frame_threshold, shortest)
    cut = (replace(note, offset=max(min(note.offset, seconds), note.onset + _INSTANT)) for note in found)
    return Transcription(tuple(sorted(cut)), seconds)


def note_scores(
    model: WaveformModel, source: audio.Source | np.ndarray, sample_rate: int | None = None, frames: int | None = None
) -> tuple[np.ndarray, Grid, float]:
    """What a network says of the notes of every step of a recording; arguments as of `transcribe`.

    Args:
        model: what was trained on notes.
        source: the recording.
        sample_rate: of a waveform.
        frames: that are taken from a window; those of the recording or more: a single pass. Default: 20 s.

    Returns:
        (steps, 88, 4) float32 in 0 to 1, the last axis as of `notes.rolls`; where the steps lie; and the length of the
        recording, seconds.

    Raises:
        AudiotagError: the model has no network of log-mel, or one that was not trained on notes.
    """
    network, steps = network_of(model, "notes", note_level)
    if model.labels.names != labels().names:
        raise AudiotagError(
            f"notes are transcribed by a network of the 88 pitches, {network.name} has the classes "
            f"{', '.join(model.labels.names[:3])} …: train it on a data set of notes"
        )
    found = step_outputs(model, network, steps, source, sample_rate, frames)
    return found.values, Grid(len(found.values), found.distance, found.first), found.seconds
