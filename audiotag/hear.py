"""HEAR's common API (https://hearbenchmark.com/hear-api.html), so that its benchmark runs on any tagger.

    python3 -m heareval.embeddings.runner audiotag.hear --model runs/mine --tasks-dir tasks

Tensors are those of Keras' backend: PyTorch with `KERAS_BACKEND=torch`, else TensorFlow. NumPy arrays are taken too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import keras
import numpy as np

from audiotag.errors import AudioError
from audiotag.models.frames import shortest_frames
from audiotag.scorers import load
from audiotag.tagging import AudioTagger
from audiotag.tagging.embeddings import network_of
from audiotag.tagging.waveform_model import pad_of_vectors, window_and_hop
from audiotag.tagging.windows import SECONDS_A_BATCH, windows_of

TIMESTAMP_SECONDS = 0.16
"""Window of a timestamp embedding, as in EfficientAT_HEAR and hear21passt."""

TIMESTAMP_HOP = 50
"""Time from one timestamp to the next, milliseconds: the most that HEAR suggests, for an onset tolerance as large."""


def _module() -> type:
    """What HEAR takes for a model: a module of PyTorch or TensorFlow."""
    if keras.config.backend() == "torch":
        import torch

        return torch.nn.Module
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.Module
    return object


class Model(_module()):
    """A tagger as HEAR sees it: waveforms in, embeddings "mid" of its network out.

    Its attributes `sample_rate` (Hz), `scene_embedding_size` and `timestamp_embedding_size` are those that HEAR reads.

    Args:
        tagger: the tagger.
    """

    def __init__(self, tagger: AudioTagger) -> None:
        super().__init__()
        self.tagger = tagger
        self.network = network_of(tagger)
        self.sample_rate = tagger.sample_rate
        self.scene_embedding_size = self.timestamp_embedding_size = self.network.output_shape[-1]


def load_model(model_file_path: str = "") -> Model:
    """Open a tagger for HEAR.

    Args:
        model_file_path: what `audiotag.load` takes: a published name, a `.keras` file or a run folder. "": mn10_as,
            whose embeddings "mid" are the published ones for HEAR.
    """
    return Model(load(model_file_path or "mn10_as"))


def get_scene_embeddings(audio: Any, model: Model) -> Any:
    """An embedding of every sound: that of `AudioTagger.embed`.

    Args:
        audio: tensor or array (sounds, samples) in [-1, 1], at `model.sample_rate`.
        model: what `load_model` gave.

    Returns:
        (sounds, model.scene_embedding_size), float32, a tensor of the backend.

    Raises:
        AudioError: another shape, or sounds too short for the front end.
    """
    sounds = _sounds(audio)
    samples, step = window_and_hop(model.tagger)
    lengths: list[int] = []

    def rows() -> Iterator[np.ndarray]:
        for sound in sounds:
            for part in windows_of(
                sound, model.sample_rate, window=samples, hop=step, pad=pad_of_vectors(model.tagger)
            ):
                lengths.extend(part.ends - part.starts)
                yield from part.waveforms

    vectors = _embedded(rows(), model).reshape(len(sounds), -1, model.scene_embedding_size)
    weights = np.array(lengths, np.float64).reshape(len(sounds), -1, 1)
    return _tensor((vectors * weights).sum(axis=1) / weights.sum(axis=1))


def get_timestamp_embeddings(audio: Any, model: Model) -> tuple[Any, Any]:
    """Embeddings of every sound at regular moments: of the 0.16 s around 0, 50, 100 … ms.

    The sound is mirrored at both ends, so that the first and the last moment have a whole window too. A network that
    needs more than 0.16 s is given the least that it takes.

    Args:
        audio: tensor or array (sounds, samples) in [-1, 1], at `model.sample_rate`.
        model: what `load_model` gave.

    Returns:
        Embeddings (sounds, timestamps, model.timestamp_embedding_size), and the moments in milliseconds
        (sounds, timestamps), the same for all sounds: float32, tensors of the backend.

    Raises:
        AudioError: another shape.
    """
    sounds = _sounds(audio)
    window = _timestamp_window(model.tagger)
    count = 1000 * sounds.shape[1] // (model.sample_rate * TIMESTAMP_HOP) + 1
    moments = np.arange(count) * TIMESTAMP_HOP
    # Each start is rounded by itself: a rounded hop would drift away from the moments.
    starts = np.round(moments * model.sample_rate / 1000).astype(int)
    before = window // 2

    def rows() -> Iterator[np.ndarray]:
        for sound in sounds:
            mirrored = np.pad(sound, (before, window - before), mode="reflect")
            yield from (mirrored[start : start + window] for start in starts)

    vectors = _embedded(rows(), model).reshape(len(sounds), count, model.timestamp_embedding_size)
    return _tensor(vectors), _tensor(np.tile(moments, (len(sounds), 1)))


def _timestamp_window(tagger: AudioTagger) -> int:
    """Length of the window around a moment, samples."""
    if tagger.network.input_shape[1] is not None:
        return window_and_hop(tagger)[0]
    config = tagger.front_end
    whole = config.window + (shortest_frames(tagger.network) - 1) * config.hop
    least = whole - 2 * config.margin + (config.preemphasis > 0)
    return max(round(TIMESTAMP_SECONDS * tagger.sample_rate), least, config.minimum_samples)


def _sounds(audio: Any) -> np.ndarray:
    sounds = np.asarray(keras.ops.convert_to_numpy(audio), np.float32)
    if sounds.ndim != 2 or 0 in sounds.shape:
        raise AudioError(f"HEAR gives sounds as (sounds, samples), none of them empty, received shape {sounds.shape}")
    return sounds


def _embedded(rows: Iterable[np.ndarray], model: Model) -> np.ndarray:
    """Embeddings of waveforms of one length, a bounded number at once: (rows, dim), float32."""
    batches, rows = [], iter(rows)
    for first in rows:
        count = math.ceil(SECONDS_A_BATCH * model.sample_rate / len(first))
        batches.append(model.network.predict_on_batch(np.stack([first, *islice(rows, max(count - 1, 0))])))
    return np.concatenate(batches)


def _tensor(values: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(values, "float32")
