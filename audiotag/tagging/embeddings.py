"""Embeddings of recordings of any length, of many files, and the table that they are written to."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError, Stopped
from audiotag.storage import write_atomically
from audiotag.tagging.files import report_failure, results_of, shown_path, speed_of_files
from audiotag.tagging.waveform_model import (
    WaveformModel,
    of_windows,
    on_waveforms,
    pad_of_vectors,
    speed_of,
    whole,
    window_and_hop,
)

if TYPE_CHECKING:
    import keras

Layers = str | Sequence[str]

TIMESTAMP_SECONDS = 1.0
SUFFIXES = (".npz", ".parquet")

# Beside the models, not in them: Keras would take an attribute for a part of the model and save it too.
_networks: WeakKeyDictionary[WaveformModel, dict[tuple[str, ...], keras.Model]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of one recording.

    Args:
        starts: beginning of the part that each one tells of, seconds: (n,), float64.
        ends: end of that part, seconds: (n,), float64.
        vectors: (n, dim), float32.
    """

    starts: np.ndarray
    ends: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class FileEmbeddings:
    """The embeddings of one file, or why there are none.

    Args:
        path: the file.
        embeddings: one for the whole file, or one a window; None where it could not be embedded.
        reason: why it could not; "" where it could.
    """

    path: Path
    embeddings: Embeddings | None = None
    reason: str = ""


class Written(NamedTuple):
    """What a table of embeddings holds: rows, numbers a row, files in it, and files that could not be embedded."""

    rows: int
    dim: int
    files: int
    failed: int


def network_of(model: WaveformModel, layers: Layers = "mid") -> keras.Model:
    """The network from waveforms (batch, samples) to embeddings (batch, dim); made once for a choice of layers.

    Args:
        model: an `AudioTagger`, or a scorer that has a Keras network, whose weights it shares.
        layers: as of `audiotag.models.embedding_network`.

    Raises:
        AudiotagError: there is no network, or no such layers.
    """
    from audiotag.models import embedding_network

    if getattr(model, "network", None) is None:
        raise AudiotagError(
            f"embeddings are those of a Keras network, {model.limits.name} has none: name a .keras file"
        )
    made = _networks.setdefault(model, {})
    key = (layers,) if isinstance(layers, str) else tuple(layers)
    if key not in made:
        made[key] = on_waveforms(model, embedding_network(model.network, key))
    return made[key]


def embed(
    model: WaveformModel,
    source: audio.Source | np.ndarray,
    layers: Layers = "mid",
    window: float | None = None,
    hop: float | None = None,
    sample_rate: int | None = None,
    timestamps: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """What the network hears in a file or waveform of any length, as a vector, for search or another classifier.

    Args:
        model: an `AudioTagger`, whose method this is, or a scorer that has a Keras network.
        source: sound file, an `audio.Recording` of it, or mono waveform (samples,) in [-1, 1].
        layers: which layers: "mid" (what serves other tasks best), "blocks", "features", "logits", a layer's name or a
            list of these, as of `audiotag.models.embedding_network`.
        window: seconds; None: the model's own length; with `timestamps` 1 s to hear, or the model's length where that
            is shorter or the network takes no other. HEAR's practice of 0.16 s every 0.05 s is `audiotag.hear`.
        hop: seconds from window to window; None: the window.
        sample_rate: rate of the waveform, Hz; None: the model's. A file states its own.
        timestamps: give a vector a window, with its time.

    Returns:
        (dim,), float32: the mean over the windows, each counting by how much of the signal it holds. With `timestamps`
        the centres of the windows in seconds (n,), float64, and their vectors (n, dim), float32.

    Raises:
        AudioError: the file or waveform cannot be used.
        AudiotagError: an argument out of range, or no such layers.

    Example:
        >>> audiotag.load("mn10_as").embed("street.wav").shape
        (600,)
    """
    window = _window(model, window, timestamps, speed_of(model, source))
    every = _every_window(model, source, layers, window, hop, sample_rate)
    return ((every.starts + every.ends) / 2, every.vectors) if timestamps else mean(every).vectors[0]


def _window(model: WaveformModel, window: float | None, timestamps: bool, speed: float) -> float | None:
    """Seconds of a window; of one that has a time of its own 1 to hear, or the model's where that is less or fixed."""
    if window is not None or not timestamps:
        return window
    fixed = model.limits.shortest == model.limits.longest
    return speed * (model.seconds if fixed else min(TIMESTAMP_SECONDS, model.seconds))


def _every_window(model: WaveformModel, source: audio.Source | np.ndarray, layers: Layers, *lengths: Any) -> Embeddings:
    run, pad = network_of(model, layers).predict_on_batch, pad_of_vectors(model)
    starts, ends, vectors = whole(of_windows(model, run, source, *lengths, pad=pad))
    rate = model.sample_rate / speed_of(model, source)
    return Embeddings(starts / rate, ends / rate, vectors)


def mean(every: Embeddings) -> Embeddings:
    """One embedding of the whole: the mean over its windows, each counting by how much of the signal it holds."""
    vector = np.average(every.vectors.astype(np.float64), axis=0, weights=every.ends - every.starts)
    return Embeddings(np.zeros(1), every.ends[-1:], vector.astype(np.float32)[None])


def embed_files(
    tagger: WaveformModel,
    paths: Iterable[str | Path],
    layers: Layers = "mid",
    *,
    window: float | None = None,
    hop: float | None = None,
    timestamps: bool = False,
    channel: str | None = None,
    speed: float | None = None,
) -> Iterator[FileEmbeddings]:
    """Embed files and folders one after the other, with a progress bar.

    Args:
        tagger: an `AudioTagger`, or a scorer that has a Keras network.
        paths: files and folders, as of `sound_files`.
        layers: as of `AudioTagger.embed`, and so the others.
        window: seconds; None: as of `AudioTagger.embed`.
        hop: seconds; None: the window.
        timestamps: a vector a window instead of one a file.
        channel: as of `audio.Recording`, and so is the next.
        speed: how fast recordings are played; None: as of `speed_of_files`.

    Yields:
        The embeddings of each file as soon as they are there; for a bad one, the reason.

    Raises:
        AudiotagError: an argument that is wrong whatever the file.
    """
    network_of(tagger, layers)
    speed = speed_of_files(tagger, speed)
    window = _window(tagger, window, timestamps, speed)
    window_and_hop(tagger, *(None if length is None else length / speed for length in (window, hop)))

    def embeddings_of(recording: audio.Recording) -> Embeddings:
        every = _every_window(tagger, recording, layers, window, hop)
        return every if timestamps else mean(every)

    yield from starmap(FileEmbeddings, results_of("Embedding", paths, embeddings_of, channel, speed))


def check_table(path: Path) -> None:
    """Refuse, before any work, a table that could not be written.

    Raises:
        AudiotagError: another suffix than .npz and .parquet, no pyarrow for the latter, or a place that cannot be
            written.
    """
    if path.suffix not in SUFFIXES:
        raise AudiotagError(
            f"embeddings are written as {' or '.join(SUFFIXES)}, received {path.name}: change the suffix"
        )
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise AudiotagError(
            f'Parquet needs pyarrow, which is missing, received {path.name}: pip install "audiotag[parquet]", '
            "or write .npz"
        )
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise AudiotagError(f"embeddings go into a file that can be written, received {path}: choose another place")


def write_embeddings(
    results: Iterable[FileEmbeddings], path: Path, *, model: str, layers: Layers, errors: IO[str] | None = None
) -> Written:
    """Write embeddings as one table, a row each, whole or not at all.

    Args:
        results: what `embed_files` yields; all of it is held in memory until the end.
        path: `.npz`: arrays `file` (text), `start` and `end` (seconds, float64), `embedding` (rows, dim; float32),
            `model` and `layers` (text, no axes), none of which needs pickle. `.parquet`: the columns file, start, end
            and embedding (a list); model and layers are attributes of the data frame.
        model: name of the model, written beside them.
        layers: the layers chosen, written beside them.
        errors: where the reasons of bad files go, a line each; None: standard error.

    Returns:
        What was written. No row at all: the file is not written.

    Raises:
        AudiotagError: as of `check_table`.
    """
    check_table(path)
    good, failed = [], 0
    try:
        for result in results:
            if result.embeddings is not None:
                good.append((shown_path(result.path), result.embeddings))
                continue
            failed += 1
            report_failure(result.path, result.reason, errors)
    except KeyboardInterrupt as stop:
        raise Stopped(
            f"stopped; {path.name} would be written at the end, nothing is kept: the same command begins anew"
        ) from stop
    if not good:
        return Written(0, 0, 0, failed)
    columns = {
        "file": np.array([name for name, embedded in good for _ in embedded.starts]),
        "start": np.concatenate([embedded.starts for _, embedded in good]),
        "end": np.concatenate([embedded.ends for _, embedded in good]),
        "embedding": np.concatenate([embedded.vectors for _, embedded in good]),
    }
    about = {"model": model, "layers": layers if isinstance(layers, str) else ",".join(layers)}
    with write_atomically(path, "wb") as file:
        (_write_npz if path.suffix == ".npz" else _write_parquet)(file, columns, about)
    return Written(*columns["embedding"].shape, len(good), failed)


def _write_npz(file: IO[bytes], columns: dict[str, np.ndarray], about: dict[str, str]) -> None:
    # `numpy.savez` has a parameter called `file` and so cannot write an array of that name.
    with zipfile.ZipFile(file, "w") as archive:
        for name, values in {**columns, **{key: np.array(text) for key, text in about.items()}}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)


def _write_parquet(file: IO[bytes], columns: dict[str, Any], about: dict[str, str]) -> None:
    import pandas as pd

    frame = pd.DataFrame({**columns, "embedding": list(columns["embedding"])})
    frame.attrs = about
    frame.to_parquet(file, engine="pyarrow", index=False)
