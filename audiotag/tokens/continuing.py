"""`continue`: what a language model expects after a recording, as sound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from audiotag import audio
from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend import waveform as heard
from audiotag.tokens.data import TokenData
from audiotag.tokens.language_model import LanguageModel
from audiotag.tokens.retrieval import FADE, Piece, Store, joined, sounds
from audiotag.tokens.sampling import Sampling, continued

LONGEST = 600.0
"""Seconds."""


@dataclass(frozen=True)
class Continuation:
    """A recording and how it goes on.

    Args:
        waveform: the recording, then the continuation: (samples,) float32.
        sample_rate: Hz.
        prompt: samples of the recording.
        prompt_tokens: its tokens, (tokens,) int32.
        tokens: those that were drawn, (tokens,) int32.
        pieces: of stored clips that sound; none of a preview.
        longest: most tokens in a row that a stored clip has in the same order.
        rate: tokens a second.
    """

    waveform: np.ndarray
    sample_rate: int
    prompt: int
    prompt_tokens: np.ndarray
    tokens: np.ndarray
    pieces: tuple[Piece, ...]
    longest: int
    rate: float

    @property
    def continuation(self) -> np.ndarray:
        """What follows the recording, (samples,) float32."""
        return self.waveform[self.prompt :]


def continue_sound(
    model: LanguageModel,
    source: audio.Source | np.ndarray,
    seconds: float,
    *,
    data: TokenData | None = None,
    recordings: str | None = None,
    sampling: Sampling | None = None,
    preview: bool = False,
) -> Continuation:
    """Continue a recording: tokens are drawn, then put together of pieces of training clips that have them.

    Args:
        model: the language model.
        source: sound file, `audio.Recording`, or waveform (samples,) float32 at the front end's rate.
        seconds: length of the continuation, above 0, at most 600.
        data: tokens of the clips that pieces are cut from. Default: those of the training, whose training clips are
            taken.
        recordings: root folder of their recordings. Default: where the data set found them.
        sampling: how tokens are drawn.
        preview: no pieces, but the mean log-mel of every token with made-up phases (Griffin-Lim): what the tokens say
            and nothing else.

    Raises:
        AudioError: a recording that cannot be read, is not finite, shorter than a token, or silent.
        AudiotagError: seconds out of range, tokens of another tokenizer, or no recordings.
    """
    if not 0 < seconds <= LONGEST:
        raise AudiotagError(f"a continuation lasts more than 0 and at most {LONGEST:g} s, received {seconds:g}")
    start = model.waveform(source) if isinstance(source, audio.Source) else np.asarray(source, np.float32)
    before = model.tokens_of(start)
    if not np.ptp(start):
        raise AudioError("a recording to continue has sound in it, received silence: every sample is the same")
    data = model.data() if data is None else data
    model.check(data)
    store = Store(data, data.card["learnt_from"])
    rate, each = model.tokenizer.clip_format.front_end.sample_rate, model.samples_a_token
    wanted = round(seconds * rate)
    tokens = continued(model.network, before, math.ceil(wanted / each), model.context, sampling)
    pieces: list[Piece] = []
    if preview:
        following = _preview(model, tokens, start)
        whole = np.concatenate([start, following])
    else:
        pieces = store.pieces(tokens, before)
        whole = joined(start, pieces, sounds(data, recordings), each, round(FADE * rate))
    return Continuation(
        waveform=whole[: len(start) + wanted],
        sample_rate=rate,
        prompt=len(start),
        prompt_tokens=before,
        tokens=tokens,
        pieces=tuple(pieces),
        longest=store.longest_run(tokens),
        rate=model.tokenizer.rate,
    )


def _preview(model: LanguageModel, tokens: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The mean log-mels of tokens as a sound, as loud as the recording."""
    frames = np.repeat(model.tokenizer.log_mels[tokens], model.vectors.distance, axis=0)
    sound = heard(frames, model.tokenizer.clip_format.front_end)
    sound = audio.fit(sound, len(tokens) * model.samples_a_token, "zero")
    loudness = float(np.sqrt(np.mean(sound**2)))
    return sound * np.float32(np.sqrt(np.mean(start**2)) / loudness) if loudness else sound
