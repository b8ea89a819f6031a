"""A language model of tokens, opened with its tokenizer: how many bits every token is worth to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import audio, models, run_folder
from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend import log_mel
from audiotag.scorers.inputs import of_size
from audiotag.tokens import data as token_data
from audiotag.tokens.data import TokenData
from audiotag.tokens.tokenizer import Tokenizer
from audiotag.tokens.vectors import StepVectors

if TYPE_CHECKING:
    import keras

_BATCH = 32


def bits_of(
    network: keras.Model, tokens: np.ndarray, batch_size: int = _BATCH, check: Callable[[], object] = lambda: None
) -> np.ndarray:
    """How many bits a network needs for every token, given those before it in its row: -log2 of its probability.

    Args:
        network: tokens (batch, steps) to logits of the next (batch, steps, classes).
        tokens: (rows, steps) int.
        batch_size: rows at a time.
        check: called before each batch; what it raises ends the work.

    Returns:
        (rows, steps) float64, in bits.
    """
    tokens = np.asarray(tokens, np.int32)
    begin = np.full((len(tokens), 1), network.output_shape[-1], np.int32)
    run = of_size(network.predict_on_batch, min(batch_size, len(tokens)))

    def bits(rows: np.ndarray, before: np.ndarray) -> np.ndarray:
        check()
        logits = run(before).astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(logits, rows[..., None], axis=-1)[..., 0]
        return (np.log(np.exp(logits).sum(axis=-1)) - chosen) / np.log(2)

    inputs = np.concatenate([begin, tokens[:, :-1]], axis=1)
    starts = range(0, len(tokens), batch_size)  # logits of all at once may not fit into memory
    return np.concatenate(
        [bits(tokens[start : start + batch_size], inputs[start : start + batch_size]) for start in starts]
    )


def is_language_model(path: Path | str) -> bool:
    """Whether a folder is the run of a language model."""
    return (Path(path) / run_folder.TOKENIZER).is_file() and (Path(path) / run_folder.STUDENT).is_file()


def open_model(run: Path | str) -> LanguageModel:
    """Open the run of a language model.

    Raises:
        AudiotagError: a run of something else, or a tokenizer that is not the model's.
    """
    run = Path(run)
    if not is_language_model(run):
        raise AudiotagError(
            f"tokens are predicted by a language model, {run} is none: give the --out of `audiotag train` on the "
            "folder of `audiotag tokens`"
        )
    network, card = models.load(run / run_folder.STUDENT)
    tokenizer = Tokenizer.read(run / run_folder.TOKENIZER)
    if not card.task.of_tokens or card.labels.names != tokenizer.clip_format.labels.names:
        raise AudiotagError(
            f"{run / run_folder.TOKENIZER} is not the tokenizer of {run_folder.STUDENT} beside it: restore both"
        )
    return LanguageModel(run, network, tokenizer)


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A trained language model.

    Args:
        run: its folder.
        network: tokens to logits of the next.
        tokenizer: of the tokens.
    """

    run: Path
    network: keras.Model
    tokenizer: Tokenizer

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.run.resolve().name

    @cached_property
    def vectors(self) -> StepVectors:
        """What makes the tokenizer's vectors."""
        return self.tokenizer.vectors()

    @property
    def context(self) -> int:
        """Tokens of the clips that it was trained on: it knows no longer past."""
        return self.tokenizer.steps

    @property
    def samples_a_token(self) -> int:
        """Samples from one token to the next, at the front end's rate."""
        return self.vectors.distance * self.tokenizer.clip_format.front_end.hop

    def data(self, path: Path | str | None = None) -> TokenData:
        """Tokens of this model's tokenizer.

        Args:
            path: a folder of tokens. Default: that of the training.

        Raises:
            AudiotagError: they are not there, or of another tokenizer.
        """
        data = token_data.open(run_folder.data_folder(self.run) if path is None else path)
        self.check(data)
        return data

    def check(self, data: TokenData) -> None:
        """Refuse tokens of another tokenizer."""
        ours, theirs = self.tokenizer.fingerprint, data.tokenizer.fingerprint
        if ours != theirs:
            raise AudiotagError(
                f"{data.path} holds tokens of another tokenizer ({theirs[:12]}…) than {self.run} was trained on "
                f"({ours[:12]}…): name tokens of its own"
            )

    def waveform(self, source: audio.Source) -> np.ndarray:
        """A recording as the front end hears it, (samples,) float32."""
        return audio.read(source, self.tokenizer.clip_format.front_end.sample_rate)

    def tokens_of(self, waveform: np.ndarray, check: Callable[[], object] = lambda: None) -> np.ndarray:
        """The tokens of a sound of any length, (tokens,) int32.

        It is cut into clips as long as those of the training, so that every token is made as theirs were; what fills
        no token at its end is left out.

        Args:
            waveform: (samples,) float32, at the front end's rate.
            check: called before each clip; what it raises ends the work.

        Raises:
            AudioError: NaN or infinite samples, or a sound shorter than a token.
        """
        clip_format, front_end = self.tokenizer.clip_format, self.tokenizer.clip_format.front_end
        if not np.isfinite(waveform).all():
            raise AudioError("a waveform must be finite, received NaN or infinite samples: repair it")
        whole = self.context * self.samples_a_token
        parts = []
        for start in range(0, len(waveform), whole):
            check()
            clip = waveform[start : start + clip_format.samples]
            least = max(front_end.minimum_samples, self.samples_a_token)
            spectrogram = log_mel(clip, front_end)[None, ..., None] if len(clip) >= least else None
            if spectrogram is not None and self.vectors.count(spectrogram.shape[1]):
                parts.append(self.tokenizer.tokens(self.vectors(spectrogram)[0]))
        if not parts:
            raise AudioError(
                f"a token is {1 / self.tokenizer.rate:.3g} s of sound, received "
                f"{len(waveform) / front_end.sample_rate:.3g} s: give a longer recording"
            )
        return np.concatenate(parts)
