"""What a network gives for every step of a recording of any length, computed in windows that overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.frontend import log_mel
from audiotag.models.frames import FrameSteps, frame_steps
from audiotag.tagging.waveform_model import WaveformModel, as_waveform, speed_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

WINDOW_SECONDS = 20.0
"""What is taken from a window."""

MARGIN_SECONDS = 2.0
"""What a window hears beyond either end of that: more than convolutions reach, and enough for recurrent layers to find
their way."""

_TOGETHER = 8  # windows

# Beside the models, not in them: Keras would take an attribute for a part of the model and save it too.
_networks: WeakKeyDictionary[WaveformModel, tuple[keras.Model, FrameSteps]] = WeakKeyDictionary()


@dataclass(frozen=True)
class StepOutputs:
    """What a network gives for the steps of a recording.

    Args:
        values: (steps, …), float32.
        distance: from one step to the next, seconds of the recording.
        first: centre of the first step, seconds.
        seconds: length of the recording.
    """

    values: np.ndarray
    distance: float
    first: float
    seconds: float


def network_of(
    model: WaveformModel, what: str, level: Callable[[keras.Model], keras.Model]
) -> tuple[keras.Model, FrameSteps]:
    """A model's network from log-mel to the scores of every step, and where its steps lie; made once.

    Args:
        model: an `AudioTagger`, or a scorer.
        what: is transcribed, for messages: "notes".
        level: from the network to the one up to logits of steps.

    Raises:
        AudiotagError: it has no network of log-mel, or one that says no such thing.
    """
    import keras

    if model not in _networks:
        network = getattr(model, "network", None)
        if network is None or model.front_end is None:
            raise AudiotagError(f"{what} are transcribed by a Keras network of log-mel, {model.limits.name} is none")
        logits = level(network)
        scores = keras.layers.Activation(model.task.step_activation, dtype="float32", name="scores")(logits.output)
        network = keras.Model(logits.input, scores, name=logits.name)
        if keras.config.backend() == "tensorflow":
            network.jit_compile = False  # as of the tagger: XLA would compile at every new length
        _networks[model] = network, frame_steps(network)
    return _networks[model]


def step_outputs(
    model: WaveformModel,
    network: keras.Model,
    steps: FrameSteps,
    source: audio.Source | np.ndarray,
    sample_rate: int | None = None,
    window: int | None = None,
) -> StepOutputs:
    """What a network gives for every step of a recording; arguments as of `AudioTagger.transcribe`.

    The log-mel is that of the whole recording; of each window the inner part is taken. Of a network without recurrent
    layers the result is exactly that of a single pass.

    Args:
        model: whose network it is.
        network: log-mel (batch, frames, mels, 1) to (batch, steps, …).
        steps: where its steps lie.
        source: the recording.
        sample_rate: of a waveform, Hz.
        window: steps that are taken from a window; those of the recording or more: a single pass. Default: 20 s.
    """
    front_end, speed = model.front_end, speed_of(model, source)
    waveform = as_waveform(model, source, sample_rate)
    seconds = len(waveform) / front_end.sample_rate * speed
    least = front_end.minimum_samples + (steps.length - 1) * front_end.hop
    spectrogram = log_mel(audio.fit(waveform, max(len(waveform), least), "zero"), front_end)[..., None]
    a_second = front_end.sample_rate / front_end.hop / steps.distance
    kept = steps.distance * (round(WINDOW_SECONDS * a_second) if window is None else window)
    margin = steps.distance * math.ceil(MARGIN_SECONDS * a_second)
    values = np.empty((steps.count(len(spectrogram)), *network.output_shape[2:]), np.float32)
    starts = range(0, len(values) * steps.distance, kept)
    places = [(max(start - margin, 0), min(start + kept + margin, len(spectrogram))) for start in starts]
    for group in _alike(places):
        outputs = network.predict_on_batch(np.stack([spectrogram[slice(*places[index])] for index in group]))
        for index, of_window in zip(group, outputs, strict=True):
            place, before = starts[index] // steps.distance, (starts[index] - places[index][0]) // steps.distance
            taken = of_window[before : before + kept // steps.distance]
            values[place : place + len(taken)] = taken
    # Steps that lie on the end, and those of what a short recording was filled up with, are none of it.
    distance, first = (length * speed for length in steps.seconds(front_end))
    count = max(min(math.ceil((seconds - first) / distance), len(values)), 1)
    return StepOutputs(values[:count], distance, first, seconds)


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
