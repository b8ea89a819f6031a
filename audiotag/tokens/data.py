"""A folder of tokens, opened: what the trainer of the house reads, and the clips that the tokens are of."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import records, storage
from audiotag.clip_format import HoldsClipFormat
from audiotag.clips import splits
from audiotag.errors import AudiotagError
from audiotag.run_folder import TOKENIZER
from audiotag.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    import tensorflow as tf

CARD, TOKENS = "tokens.json", "tokens.npz"
_KIND = "audiotag tokens"
_ARRAYS = ("clip_id", "split", "tokens")
_FACTS = ("name", "tokens", "tokenizer", "learnt_from", "data", "data_relative", "data_fingerprint")


def is_tokens(path: Path | str) -> bool:
    """Whether a folder is one of tokens."""
    return not storage.is_remote(storage.place(path)) and (Path(path) / CARD).is_file()


def open(path: Path | str) -> TokenData:
    """Open a folder that `audiotag tokens` wrote.

    Raises:
        AudiotagError: there is none, a damaged file, or tokens of another tokenizer than the one beside them.
    """
    return TokenData(Path(path))


def open_data(path: Path | str) -> TokenData | records.Data:
    """Open what a network is trained on: a folder of tokens, or a data set.

    Raises:
        AudiotagError: as of `open`, and of `records.open`.
    """
    return open(path) if is_tokens(path) else records.open(path)


class TokenData(HoldsClipFormat):
    """Tokens of the clips of a data set: of each clip a row, all of one length.

    Its classes are the tokens; it has no views, no teachers, and of no token is it unknown.

    Args:
        path: the folder.
    """

    takes = "tokens"
    travels_as = "int32"
    masked = False
    teachers: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / CARD).is_file():
            raise AudiotagError(
                f"there are no tokens in {path} ({CARD}): give the --out of a finished `audiotag tokens`"
            )
        self.card = storage.read_json(path / CARD)
        if not isinstance(self.card, dict) or self.card.get("kind") != _KIND:
            raise AudiotagError(f"{path / CARD} is no card of tokens: learn tokens again")
        self.tokenizer = Tokenizer.read(path / TOKENIZER)
        if missing := [name for name in _FACTS if name not in self.card]:
            raise AudiotagError(f"{path / CARD} does not say {', '.join(missing)}: restore it, or learn tokens again")
        if self.card["tokenizer"] != self.tokenizer.fingerprint:
            raise AudiotagError(
                f"the tokens in {path} are those of tokenizer {self.card['tokenizer'][:12]}…, beside them lies "
                f"{self.tokenizer.fingerprint[:12]}…: restore {TOKENIZER}, or learn tokens again"
            )
        self.clip_format = self.tokenizer.clip_format
        self.name: str = self.card["name"]
        self.fingerprint = storage.fingerprint({name: self.card[name] for name in ("tokens", "tokenizer")})

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        file = self.path / TOKENS
        if not file.is_file() or storage.sha256(file) != self.card["tokens"]:
            raise AudiotagError(f"{file} is missing or damaged: restore it, or learn tokens again")
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in _ARRAYS}
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            raise AudiotagError(f"{file} holds no tokens ({error}): learn tokens again") from error

    @property
    def steps_a_clip(self) -> int:
        """Tokens of a clip."""
        return self._arrays["tokens"].shape[1]

    @cached_property
    def splits(self) -> dict[str, int]:
        """Number of clips by split."""
        names, first, counts = np.unique(self._arrays["split"], return_index=True, return_counts=True)
        ordered = sorted(zip(first.tolist(), names.tolist(), counts.tolist(), strict=True))
        return {name: count for _, name, count in ordered}

    def select(self, expression: str) -> list[str]:
        """The splits that an expression names, as of `records.Data`."""
        return splits.select(expression, list(self.splits))

    def rows(self, expression: str) -> tuple[np.ndarray, np.ndarray]:
        """Clips of some splits and their tokens: (clips,) text and (clips, steps) int32."""
        chosen = np.isin(self._arrays["split"], self.select(expression))
        return self._arrays["clip_id"][chosen], self._arrays["tokens"][chosen].astype(np.int32)

    def count(self, expression: str) -> int:
        """Number of clips in splits."""
        return sum(self.splits[split] for split in self.select(expression))

    def steps(self, expression: str, batch_size: int, drop_remainder: bool = False, hosts: int = 1) -> int:
        """Number of batches of an epoch; of several hosts, that of the one with the fewest clips."""
        clips = self.count(expression) // hosts
        return clips // batch_size if drop_remainder else -(-clips // batch_size)

    def source(self) -> records.Data:
        """The data set that the tokens are of, where it lay or where it moved together with them.

        Raises:
            AudiotagError: it is not there, or another one is.
        """
        place = storage.place(self.card["data"])
        if not storage.is_remote(place) and not place.is_dir():
            moved = self.path / self.card["data_relative"]
            if not moved.is_dir():
                raise AudiotagError(
                    f"the data set of {self.path} is not there (looked at {place}, {moved}): restore it"
                )
            place = moved
        data = records.open(place)
        if data.fingerprint != self.card["data_fingerprint"]:
            raise AudiotagError(
                f"the tokens in {self.path} are those of another data set than {place}: learn them again"
            )
        return data

    def read(
        self,
        expression: str,
        *,
        batch_size: int,
        shuffle: bool = False,
        drop_remainder: bool = False,
        seed: int = 0,
        first_epoch: int = 0,
        first_step: int = 0,
        epoch_steps: int | None = None,
        dtype: str = "int32",
        host: tuple[int, int] = (0, 1),
    ) -> tf.data.Dataset:
        """The endless stream of batches from a step of an epoch on, as of `records.Data`.

        Args:
            expression: splits.
            batch_size: clips a batch, at most all of them.
            shuffle: in another order every epoch.
            drop_remainder: leave out the last batch of an epoch where it is not full.
            seed: of the order.
            first_epoch: where it begins.
            first_step: of that epoch.
            epoch_steps: batches an epoch. Default: all clips once.
            dtype: of the tokens.
            host: which of how many readers this is.

        Returns:
            Elements (inputs (batch, steps), targets (batch, steps, tokens) float32, one-hot): inputs are the tokens
            before the targets, the first of them `tokens`, the beginning of a sequence.
        """
        import tensorflow as tf

        tokens = self.rows(expression)[1][host[0] :: host[1]]
        size, begin = len(self.labels), np.full((len(tokens), 1), len(self.labels), np.int32)
        inputs = np.concatenate([begin, tokens[:, :-1]], axis=1)
        batches = _Order(len(tokens), batch_size, shuffle, drop_remainder, seed, epoch_steps)

        def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for chosen in batches.from_step(first_epoch, first_step):
                yield inputs[chosen], tokens[chosen]

        shape = tf.TensorSpec((batch_size if drop_remainder else None, tokens.shape[1]), tf.int32)
        dataset = tf.data.Dataset.from_generator(rows, output_signature=(shape, shape))
        return dataset.map(lambda before, after: (tf.cast(before, dtype), tf.one_hot(after, size)))


class _Order:
    """Which clips a batch holds: pass after pass, each in an order of its own."""

    def __init__(self, clips: int, size: int, shuffle: bool, drop: bool, seed: int, epoch_steps: int | None) -> None:
        self.clips, self.size, self.shuffle, self.seed = clips, size, shuffle, seed
        self.of_pass = clips // size if drop else -(-clips // size)
        self.of_epoch = epoch_steps or self.of_pass

    def from_step(self, epoch: int, step: int) -> Iterator[np.ndarray]:
        number = epoch * self.of_epoch + step
        while True:
            done, place = divmod(number, self.of_pass)
            order = np.random.default_rng((self.seed, done)).permutation(self.clips)
            order = order if self.shuffle else np.arange(self.clips)
            for part in range(place, self.of_pass):
                yield order[part * self.size : (part + 1) * self.size]
                number += 1


def write(
    folder: Path,
    data: records.Data,
    tokenizer: Tokenizer,
    clip_ids: list[str],
    splits_of_clips: list[str],
    tokens: np.ndarray,
    train: str,
    place: Path,
) -> None:
    """Write the tokens of clips and their card; a tokenizer lies there already.

    Args:
        folder: where to.
        data: the data set of the clips.
        tokenizer: that made the tokens.
        clip_ids: of the clips, and so the next.
        splits_of_clips: the split of each.
        tokens: (clips, steps).
        train: splits that the tokenizer was learnt from.
        place: where the folder will lie.
    """
    remote = storage.is_remote(data.path)
    arrays = (np.array(clip_ids), np.array(splits_of_clips), tokens.astype(np.uint16))
    with storage.write_atomically(folder / TOKENS, "wb") as file:
        np.savez(file, **dict(zip(_ARRAYS, arrays, strict=True)))
    card = {
        "kind": _KIND,
        "name": place.name,
        "tokens": storage.sha256(folder / TOKENS),
        "tokenizer": tokenizer.fingerprint,
        "learnt_from": train,
        "clips": len(clip_ids),
        "steps": tokens.shape[1],
        "data": str(data.path if remote else data.path.resolve()),
        "data_relative": "" if remote else Path(os.path.relpath(data.path.resolve(), place)).as_posix(),
        "data_name": data.name,
        "data_fingerprint": data.fingerprint,
    }
    storage.write_json(folder / CARD, card)
