"""`tokens`: sound tokens of a data set, learnt from its training clips and written beside their tokenizer."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag import progress, records
from audiotag.errors import AudiotagError
from audiotag.run_folder import TOKENIZER
from audiotag.tokens import data as token_data
from audiotag.tokens import music
from audiotag.tokens.data import TokenData
from audiotag.tokens.tokenizer import Tokenizer, learn
from audiotag.tokens.vectors import LOG_MEL, StepVectors, mean_of_groups

MOST_VECTORS = 200_000
"""Of steps that k-means is given: of longer data sets a random part."""

_BATCH = 32


@dataclass(frozen=True)
class Settings:
    """How tokens are made.

    Args:
        count: number of tokens, 2 to 65,535.
        rate: tokens a second, 10 to 25; the nearest that the frames allow is taken.
        model: make them of what a network gives (a run, a .keras file, a published name). Default: of the log-mel.
        layer: of the network: block1, block2 …, or a layer's name. Default: the last block that is fine enough.
        train: splits that tokens are learnt from. Default: train.
        seed: of k-means.
    """

    count: int = 256
    rate: float = 12.5
    model: str | None = None
    layer: str | None = None
    train: str = "train"
    seed: int = 0


def build(path: Path | str, out: Path | str, settings: Settings | None = None) -> TokenData:
    """Learn sound tokens of a data set, and write those of all its clips; of a data set of notes, those of its notes.

    Args:
        path: the built data set.
        out: new or empty folder: `tokens.json`, `tokens.npz` (`clip_id`, `split`, `tokens`: clips x steps, uint16) and
            `tokenizer.npz`.
        settings: how. Default: 256 tokens of log-mel, 12.5 a second. Of notes there is nothing to choose but `train`.

    Returns:
        The tokens, open.

    Raises:
        AudiotagError: no such data set, split, model or layer, clips too few or too short, or a folder that holds
            files.
    """
    settings, out = settings or Settings(), Path(out)
    if not 2 <= settings.count <= np.iinfo(np.uint16).max:
        raise AudiotagError(f"there are 2 to {np.iinfo(np.uint16).max} tokens, received {settings.count}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise AudiotagError(f"tokens go into a new or empty folder, {out} holds something: choose another")
    data = records.open(path)
    data.select(settings.train)
    if data.speed != 1:
        raise AudiotagError(f"tokens are those of sound at speed 1, {data.name} was built at another: build it again")
    made = _of_notes if data.task.of_notes else _of_sounds
    tokenizer, clip_ids, splits, tokens = made(data, settings)
    _write(out, data, tokenizer, clip_ids, splits, tokens, settings.train)
    return token_data.open(out)


Tokenized = tuple[Tokenizer, list[str], list[str], np.ndarray]
"""A tokenizer, and of every clip its id, its split, and its tokens (clips, steps)."""


def _of_notes(data: records.Data, settings: Settings) -> Tokenized:
    defaults = Settings()
    names = ("count", "rate", "model", "layer", "seed")
    if changed := [name for name in names if getattr(settings, name) != getattr(defaults, name)]:
        raise AudiotagError(
            f"tokens of notes are not learnt, received {', '.join(changed)} for {data.name}: leave it out"
        )
    return music.tokenized(data)


def _of_sounds(data: records.Data, settings: Settings) -> Tokenized:
    made = StepVectors(data.front_end, settings.rate, settings.model or LOG_MEL, settings.layer)
    steps = made.count(data.frames)
    if steps < 2:
        raise AudiotagError(
            f"clips need at least two tokens, those of {data.name} are {data.seconds:g} s, at {made.rate:g} tokens a "
            "second: build it with longer clips"
        )
    vectors = _training_vectors(data, made, settings)
    with progress.bar("Learning tokens", settings.count, "tokens") as advance:
        tokenizer = learn(vectors, settings.count, settings.seed, made, data.clip_format)
        advance(settings.count)
    clip_ids, tokens, log_mels = _tokenized(data, made, tokenizer, settings)
    return tokenizer.with_log_mels(log_mels), clip_ids, data.rows(clip_ids)["split"].tolist(), tokens


def _training_vectors(data: records.Data, made: StepVectors, settings: Settings) -> np.ndarray:
    """Vectors of steps of the training clips: all, or of many an even random part of each clip's."""
    clips, steps = data.count(settings.train, variants=0), made.count(data.frames)
    each = min(steps, max(MOST_VECTORS // max(clips, 1), 1))
    random, parts = np.random.default_rng(settings.seed), []
    with progress.bar("Reading training clips", clips, "clips") as advance:
        for batch in data.batches(settings.train, batch_size=_BATCH):
            for of_clip in made(batch["log_mel"]):
                parts.append(of_clip[np.sort(random.choice(steps, each, replace=False))])
            advance(len(batch["clip_id"]))
    vectors = np.concatenate(parts)
    if not np.isfinite(vectors).all():
        raise AudiotagError(
            f"vectors of steps must be finite, {made.source} gives NaN or infinite ones: train it again"
        )
    return vectors


def _tokenized(
    data: records.Data, made: StepVectors, tokenizer: Tokenizer, settings: Settings
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Clips, their tokens (clips, steps), and the mean log-mel of the steps of each token in the training clips."""
    clip_ids, parts, steps = [], [], made.count(data.frames)
    sums, counts = np.zeros((settings.count, data.front_end.mels)), np.zeros(settings.count, np.int64)
    train = set(data.select(settings.train))
    with progress.bar("Writing tokens", data.count("all", variants=0), "clips") as advance:
        for split in data.splits:
            for batch in data.batches(split, batch_size=_BATCH):
                tokens = tokenizer.tokens(made(batch["log_mel"]))
                clip_ids += batch["clip_id"]
                parts.append(tokens)
                if split in train:
                    frames = mean_of_groups(batch["log_mel"][..., 0], steps, made.distance)
                    np.add.at(sums, tokens.ravel(), frames.reshape(-1, frames.shape[-1]))
                    counts += np.bincount(tokens.ravel(), minlength=settings.count)
                advance(len(tokens))
    return clip_ids, np.concatenate(parts), sums / np.maximum(counts, 1)[:, None]


def _write(
    out: Path,
    data: records.Data,
    tokenizer: Tokenizer,
    clip_ids: list[str],
    splits: list[str],
    tokens: np.ndarray,
    train: str,
) -> None:
    """Write the folder beside its place, then name it: an interruption leaves nothing half done."""
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}.partial")
    try:
        tokenizer.write(partial / TOKENIZER)
        token_data.write(partial, data, tokenizer, clip_ids, splits, tokens, train, Path(os.path.abspath(out)))
        if out.is_dir():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
