"""Transcription: a sound file or waveform of any length in, its notes out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.frontend import log_mel
from audiotag.models.frames import FrameSteps
from audiotag.models.notes import note_level
from audiotag.notes import Grid, Note, decode, labels
from audiotag.notes.rolls import SHORTEST, THRESHOLD, check_options
from audiotag.tagging.waveform_model import WaveformModel, as_waveform, speed_of

if TYPE_CHECKING:
    import keras

MARGIN = 100
"""Frames that a window sees beyond either end of what is taken from it: more than convolutions reach, and 2 s for
recurrent layers to find their way."""

_FRAMES = 1000  # taken from a window
_TOGETHER = 8  # windows
_INSTANT = 1e-3  # seconds: a note that begins with the end of its recording has a length all the same

# Beside the models, not in them: Keras would take an attribute for a part of the model and save it too.
_networks: WeakKeyDictionary[WaveformModel, keras.Model] = WeakKeyDictionary()


@dataclass(frozen=True)
class Transcription:
    """The notes of a recording.

    Args:
        notes: in the order of onset, offset and pitch; those of one pitch do not overlap.
        seconds: length of the recording.
    """

    notes: tuple[Note, ...]
    seconds: float


def network_of(model: WaveformModel) -> keras.Model:
    """The network from log-mel (batch, frames, mels, 1) to scores of notes (batch, frames, 88, 4), made once.

    Raises:
        AudiotagError: it has no network of log-mel, or one that was not trained on notes.
    """
    import keras

    if model not in _networks:
        network = getattr(model, "network", None)
        if network is None or model.front_end is None:
            raise AudiotagError(f"notes are transcribed by a Keras network of log-mel, {model.limits.name} is none")
        steps = note_level(network)
        if model.labels.names != labels().names:
            raise AudiotagError(
                f"notes are transcribed by a network of the 88 pitches, {network.name} has the classes "
                f"{', '.join(model.labels.names[:3])} …: train it on a data set of notes"
            )
        scores = keras.layers.Activation("sigmoid", dtype="float32", name="scores")(steps.output)
        _networks[model] = keras.Model(steps.input, scores, name=steps.name)
        if keras.config.backend() == "tensorflow":
            _networks[model].jit_compile = False  # as of the tagger: XLA would compile at every new length
    return _networks[model]


def transcribe(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    onset_threshold: float = THRESHOLD,
    frame_threshold: float = THRESHOLD,
    shortest: float = SHORTEST,
    sample_rate: int | None = None,
) -> Transcription:
    """Find the notes of a file or waveform of any length.

    The log-mel is that of the whole recording, the network hears it in windows of 24 s, of which the inner 20 s are
    taken. Of a network without recurrent layers the result is exactly that of a single pass.

    Args:
        model: what was trained on notes: an `AudioTagger`, whose method this is, or a scorer of one.
        source: sound file, an `audio.Recording` of it, or mono waveform (samples,) in [-1, 1].
        onset_threshold: from which score a step may begin a note, 0 to 1; see `notes.decode`.
        frame_threshold: from which score a note lasts, 0 to 1.
        shortest: notes that last less, by more than half a step, are left out, seconds.
        sample_rate: rate of the waveform, Hz; None: the model's. A file states its own.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range, or a model that transcribes no notes.

    Example:
        >>> audiotag.load("runs/piano").transcribe("sonata.wav").notes[0]
        Note(onset=0.24, offset=1.02, pitch=60, velocity=71)
    """
    check_options(onset_threshold, frame_threshold, shortest)
    roll, grid, seconds = note_scores(model, source, sample_rate)
    found = decode(roll, grid, onset_threshold, frame_threshold, shortest)
    cut = (replace(note, offset=max(min(note.offset, seconds), note.onset + _INSTANT)) for note in found)
    return Transcription(tuple(sorted(cut)), seconds)


def note_scores(
    model: WaveformModel, source: audio.Source | np.ndarray, sample_rate: int | None = None, frames: int = _FRAMES
) -> tuple[np.ndarray, Grid, float]:
    """What a network says of the notes of every step of a recording; arguments as of `transcribe`.

    Args:
        model: what was trained on notes.
        source: the recording.
        sample_rate: of a waveform.
        frames: that are taken from a window; those of the recording or more: a single pass.

    Returns:
        (steps, 88, 4) float32 in 0 to 1, the last axis as of `notes.rolls`; where the steps lie; and the length of the
        recording, seconds.
    """
    network, front_end, speed = network_of(model), model.front_end, speed_of(model, source)
    waveform = as_waveform(model, source, sample_rate)
    seconds = len(waveform) / front_end.sample_rate * speed
    filled = audio.fit(waveform, max(len(waveform), front_end.minimum_samples), "zero")
    spectrogram = log_mel(filled, front_end)[..., None]
    starts = range(0, len(spectrogram), frames)
    places = [(max(start - MARGIN, 0), min(start + frames + MARGIN, len(spectrogram))) for start in starts]
    roll = np.empty((len(spectrogram), *network.output_shape[2:]), np.float32)
    for group in _alike(places):
        scores = network.predict_on_batch(np.stack([spectrogram[slice(*places[index])] for index in group]))
        for index, of_window in zip(group, scores, strict=True):
            start, before = starts[index], starts[index] - places[index][0]
            kept = of_window[before : before + frames]
            roll[start : start + len(kept)] = kept
    # Frames that lie on the end, and those of what a short recording was filled up with, are none of it.
    distance, first = (length * speed for length in FrameSteps(1, 1).seconds(front_end))
    count = max(min(math.ceil((seconds - first) / distance), len(roll)), 1)
    return roll[:count], Grid(count, distance, first), seconds


def _alike(places: list[tuple[int, int]]) -> list[list[int]]:
    """Indices of windows of one length that follow one another, some at a time."""
    groups: list[list[int]] = []
    for index, (begin, end) in enumerate(places):
        last = groups[-1] if groups else []
        if last and len(last) < _TOGETHER and end - begin == places[last[0]][1] - places[last[0]][0]:
            last.append(index)
        else:
            groups.append([index])
    return groups
