"""Transcription of speech: a sound file or waveform of any length in, its words with their times out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag import audio
from audiotag.models.characters import character_level
from audiotag.speech import Word, WordList, beam_search, greedy, words_of
from audiotag.speech.decoding import WIDTH, check_width
from audiotag.tagging.step_outputs import StepOutputs, network_of, step_outputs
from audiotag.tagging.waveform_model import WaveformModel

_TINY = 1e-30  # has a logarithm


@dataclass(frozen=True)
class Transcript:
    """What is said in a recording.

    Args:
        words: in the order of their beginnings.
        seconds: length of the recording.
    """

    words: tuple[Word, ...]
    seconds: float

    @property
    def text(self) -> str:
        """The words, with single spaces between them; "" where nothing is said."""
        return " ".join(word.text for word in self.words)


def words(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    beam: int | None = None,
    word_list: Path | None = None,
    sample_rate: int | None = None,
) -> Transcript:
    """Find the words of a file or waveform of any length.

    The log-mel is that of the whole recording, the network hears it in windows of 24 s, of which the inner 20 s are
    taken; what it says of all steps is decoded at once, so that no word ends at the edge of a window.

    Args:
        model: what was trained on speech: an `AudioTagger`, whose method this is, or a scorer of one.
        source: sound file, an `audio.Recording` of it, or mono waveform (samples,) in [-1, 1].
        beam: how many beginnings of texts are kept while the likeliest text is looked for. Default: none are, every
            step tells what is likeliest in it; with a word list 16.
        word_list: file of the words that may be said, one a line. Default: any.
        sample_rate: rate of the waveform, Hz; None: the model's. A file states its own.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range, words that the model has no letters for, or a model that was trained
            on no speech.

    Example:
        >>> audiotag.load("runs/digits").words("call.wav").text
        'three one four'
    """
    if beam is not None:
        check_width(beam)
    found = character_scores(model, source, sample_rate)
    listed = None if word_list is None else WordList.read(Path(word_list), model.labels)
    logarithms = np.log(np.maximum(found.values, _TINY))
    is_greedy = beam is None and listed is None
    spelling = greedy(logarithms) if is_greedy else beam_search(logarithms, beam or WIDTH, listed)
    return Transcript(words_of(spelling, model.labels, found.distance, found.first), found.seconds)


def character_scores(
    model: WaveformModel, source: audio.Source | np.ndarray, sample_rate: int | None = None, window: int | None = None
) -> StepOutputs:
    """Which character every step of a recording tells; arguments as of `words`.

    Args:
        model: what was trained on speech.
        source: the recording.
        sample_rate: of a waveform.
        window: steps that are taken from a window; those of the recording or more: a single pass. Default: 20 s.

    Returns:
        Probabilities (steps, 1 + classes), the blank first.

    Raises:
        AudiotagError: the model has no network of log-mel, or one that was not trained on speech.
    """
    network, steps = network_of(model, "texts", character_level)
    return step_outputs(model, network, steps, source, sample_rate, window)
