"""The clips of a data set that sound most like a recording: nearest neighbours among embeddings."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import progress, storage
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.serving.served import Served

if TYPE_CHECKING:
    from audiotag.records import Data


@dataclass(frozen=True)
class Neighbour:
    """A clip that is near.

    Args:
        number: of the clip in the collection.
        clip_id: its name in the data set.
        labels: its classes.
        split: its split.
        similarity: cosine of the angle between the embeddings, at most 1.
    """

    number: int
    clip_id: str
    labels: tuple[str, ...]
    split: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Collection:
    """The clips of a data set with their embeddings.

    Args:
        data: the data set.
        clip_ids: of the clips that could be embedded; a clip's number is its place here.
        vectors: (clips, dim), float32.
        read: from a clip id to its waveform at `sample_rate`.
        sample_rate: Hz.
    """

    data: Data
    clip_ids: list[str]
    vectors: np.ndarray
    read: Callable[[str], np.ndarray] = field(repr=False)
    sample_rate: int

    def nearest(self, vector: np.ndarray, top: int) -> list[Neighbour]:
        """The clips whose embeddings point most nearly where a vector does, nearest first."""
        distances, places = self._tree.kneighbors(vector[None], min(top, len(self.clip_ids)))
        rows = self.data.rows([self.clip_ids[place] for place in places[0]])
        about = zip(places[0].tolist(), rows["clip_id"], rows["labels"], rows["split"], distances[0], strict=True)
        return [
            Neighbour(place, clip_id, split_cell(labels), split, float(1 - distance))
            for place, clip_id, labels, split, distance in about
        ]

    @cached_property
    def _tree(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(metric="cosine").fit(self.vectors)

    def wav(self, number: int) -> bytes:
        """A clip as a WAV file of 16 bits."""
        return wav(self.read(self.clip_ids[number]), self.sample_rate)


def wav(waveform: np.ndarray, sample_rate: int) -> bytes:
    """A waveform (samples,) in [-1, 1] as a WAV file of 16 bits; what is louder is clipped."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def collect(path: str, model: Served) -> Collection:
    """The clips of a data set with their embeddings, which are computed once and kept in the cache.

    Args:
        path: of a built data set, or its address.
        model: whose embeddings they are.

    Raises:
        AudiotagError: no data set, no embeddings, no sounds, or not one that can be read.
    """
    from audiotag import records
    from audiotag.records.clips import recorded

    data, rate = records.open(path), model.scorer.sample_rate
    if not model.embeds:
        raise AudiotagError(
            f"similar clips are found by embeddings, which {model.scorer.name} does not give: name a .keras file, a "
            "run or a published model first, or leave the data set out"
        )
    if data.recordings is None:
        raise AudiotagError(f"the recordings that {data.name} was built from are not there: leave the data set out")
    read = recorded(data, data.recordings, rate)
    file = _kept(data, model)
    clip_ids, vectors = _load(file) if file.is_file() else _embed(data, model, read, file)
    return Collection(data, clip_ids, vectors, read, rate)


def _kept(data: Data, model: Served) -> Path:
    """Where embeddings are kept: by what they are made of, so that none is taken for another's."""
    made_of = [data.fingerprint, [shard.sha256 for shard in data.manifest.shards]]
    made_of += [model.scorer.sha256, model.scorer.seconds, model.scorer.sample_rate]
    return storage.cache_folder() / "embeddings" / f"{storage.fingerprint(made_of)[:32]}.npz"


def _load(file: Path) -> tuple[list[str], np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as held:
            return held["clip_id"].tolist(), held["embedding"]
    except (OSError, ValueError, KeyError) as error:
        raise AudiotagError(f"the embeddings kept in {file} are damaged ({error}): remove the file") from error


def _embed(data: Data, model: Served, read: Callable[[str], np.ndarray], file: Path) -> tuple[list[str], np.ndarray]:
    wanted = data.clips[data.clips["status"] == "ok"]["clip_id"].tolist()
    clip_ids, vectors, reasons = [], [], []
    with progress.bar(f"Embedding the clips of {data.name}", len(wanted), "clips") as advance:
        for clip_id in wanted:
            try:
                vectors.append(model.vector(read(clip_id)))
                clip_ids.append(clip_id)
            except AudiotagError as error:
                reasons.append(str(error))
            advance(1)
    if not clip_ids:
        raise AudiotagError(f"no clip of {data.name} can be embedded: {reasons[0] if reasons else 'it has none'}")
    if reasons:
        progress.say(f"{data.name}: {len(reasons)} clips are left out of the search ({reasons[0]})")
    else:  # what may be mended is tried again
        with storage.write_atomically(file, "wb") as opened:
            np.savez(opened, clip_id=np.array(clip_ids), embedding=np.stack(vectors))
    return clip_ids, np.stack(vectors)
