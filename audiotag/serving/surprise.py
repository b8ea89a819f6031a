"""Surprise over time: what a language model of sounds did not expect in a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from audiotag.serving import answers
from audiotag.serving.limits import Refusal
from audiotag.serving.service import ABOUT_SOUND, ServiceOfApp, SoundId
from audiotag.serving.uploads import Sound
from audiotag.serving.work import Stop
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from audiotag.tokens import LanguageModel

router = APIRouter()


def open_language_model(run: str) -> LanguageModel:
    """Open the run of a language model, and what its tokens are made of.

    Raises:
        AudiotagError: no such run, one of notes, or a tokenizer whose model has changed or is gone.
    """
    import_tensorflow_quietly()
    from audiotag import tokens

    model = tokens.open_model(run)
    _ = model.vectors  # opened, or refused, before anybody asks
    return model


@router.post("/surprise", **ABOUT_SOUND)
async def surprise(request: Request, service: ServiceOfApp, sound: SoundId = None) -> answers.Surprise:
    """How surprising every moment of a recording is to a language model, as `audiotag surprise` measures it."""
    if (model := service.language_model) is None:
        raise Refusal(404, "surprise is that of a language model, and none is served: start audiotag serve --surprise")

    def work(recording: Sound, stop: Stop) -> dict[str, Any]:
        from audiotag.tokens.surprise import surprise as measure

        result = measure(model, recording.played(stop), stop.check)
        middles = result.starts + result.distance / 2
        return {
            "model": model.name,
            "starts": result.starts.round(4).tolist(),
            "ends": (result.starts + result.distance).round(4).tolist(),
            "bits": result.bits.round(4).tolist(),
            "smoothed": result.smoothed.round(4).tolist(),
            "peak": round(result.highest, 4),
            "moments": [
                {"time": round(float(middles[token]), 4), "bits": round(float(result.smoothed[token]), 4)}
                for token in result.moments
            ],
        }

    return await service.answer(request, sound, work)
