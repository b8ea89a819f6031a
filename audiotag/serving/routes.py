"""The API: what is served, scores of recordings, corrections of their labels."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from audiotag import __version__
from audiotag.errors import AudiotagError, suggest
from audiotag.serving import answers, pictures
from audiotag.serving.corrections import Correction
from audiotag.serving.limits import Refusal
from audiotag.serving.service import ABOUT_SOUND, ERRORS, Model, Service, ServiceOfApp, SoundId
from audiotag.serving.similar import wav
from audiotag.serving.uploads import Sound, measure, receive
from audiotag.serving.work import Stop

_HIGHEST_RATE = 48_000  # Hz, of what a browser is given to play

_MOST_OF_A_CORRECTION = 1.0  # megabytes, which FastAPI would read whole whatever they are
_CORRECTION = {"required": True, "content": {"application/json": {"schema": answers.NewCorrection.model_json_schema()}}}

_WAV: dict[str, Any] = {"responses": ERRORS | {200: {"content": {"audio/wav": {}}}}, "response_class": Response}

Seconds = Annotated[float | None, Query(description="Seconds. Default: the model's own.")]
Top = Annotated[int, Query(ge=1, le=100_000, description="How many.")]

router = APIRouter()


@router.get("/health")
async def health(service: ServiceOfApp) -> answers.Health:
    """That the server is there."""
    return answers.Health(status="ok", version=__version__, requests=service.work.taken)


@router.get("/models")
def models(service: ServiceOfApp) -> answers.Models:
    """The models that are served, the usual one first, and the limits of requests."""
    collection, language_model = service.collection, service.language_model
    return answers.Models(
        models=[_described(name, service) for name in service.models],
        clips=0 if collection is None else len(collection.clip_ids),
        data=None if collection is None else collection.data.name,
        surprise=None if language_model is None else language_model.name,
        labels=service.labels,
        megabytes=service.limits.megabytes,
        minutes=service.limits.minutes,
    )


def _described(name: str, service: Service) -> answers.Model:
    model = service.models[name]
    scorer, keeps_time = model.scorer, model.step is not None
    abilities = {"tag": True, "steps": keeps_time, "events": keeps_time, "embed": model.embeds}
    abilities["similar"] = service.collection is not None and model is service.searching
    return answers.Model(
        name=name,
        kind=scorer.kind,
        labels=list(scorer.labels),
        task=str(scorer.task),
        sample_rate=scorer.sample_rate,
        window=scorer.seconds * model.speed,
        speed=model.speed,
        step=model.step,
        can=[ability for ability, able in abilities.items() if able],
    )


@router.post("/tag", **ABOUT_SOUND)
async def tag(
    request: Request,
    service: ServiceOfApp,
    model: Model,
    label: Annotated[list[str], Query(description="This class alone; repeat it. Default: the best.")] = [],  # noqa: B006
    sound: SoundId = None,
    top: Top = 5,
    window: Seconds = None,
    hop: Seconds = None,
    steps: Annotated[bool, Query(description="Scores of the steps of time, where the model keeps time.")] = False,
) -> answers.Tags:
    """Scores of the windows of a recording, or of its steps."""
    if steps and not (window is hop is None):
        raise Refusal(422, "steps have no window and no hop: leave them out")

    def work(recording: Sound, stop: Stop) -> dict[str, Any]:
        chosen = model.classes(label)
        scores = model.steps(recording, stop) if steps else model.windows(recording, stop, window, hop)
        chosen = chosen or scores.best(top)
        return {
            "model": model.scorer.name,
            "starts": scores.starts.round(4).tolist(),
            "ends": scores.ends.round(4).tolist(),
            "labels": [model.scorer.labels.names[index] for index in chosen],
            "thresholds": scores.thresholds[chosen].tolist(),
            "scores": scores.scores[:, chosen].astype(np.float64).round(5).tolist(),
        }

    return await service.answer(request, sound, work)


@router.post("/events", **ABOUT_SOUND)
async def events(
    request: Request,
    service: ServiceOfApp,
    model: Model,
    sound: SoundId = None,
    threshold: Annotated[float | None, Query(description="0 to 1. Default: the model's, else 0.25.")] = None,
    smooth: Annotated[float | None, Query(description="Running median, seconds. Default: the model's, else 0.")] = None,
    min_duration: Annotated[float, Query(description="Shortest event, seconds.")] = 0.0,
    gap: Annotated[float, Query(description="Events this near become one, seconds.")] = 0.0,
    top: Annotated[int | None, Query(ge=1, description="Labels that are kept. Default: all.")] = None,
) -> answers.Events:
    """When each sound begins and ends, by a model that keeps time."""
    options = {"threshold": threshold, "smooth": smooth, "min_duration": min_duration, "gap": gap, "top": top}

    def work(recording: Sound, stop: Stop) -> dict[str, Any]:
        found = model.events(recording, stop, **options)
        rows = [{"label": each.label, "onset": each.start, "offset": each.end, "score": each.score} for each in found]
        return {"model": model.scorer.name, "events": rows}

    return await service.answer(request, sound, work)


@router.post("/embed", **ABOUT_SOUND)
async def embed(request: Request, service: ServiceOfApp, model: Model, sound: SoundId = None) -> answers.Embedding:
    """One vector of a recording, as `audiotag embed` gives it."""

    def work(recording: Sound, stop: Stop) -> dict[str, Any]:
        return {"model": model.scorer.name, "embedding": model.embedding(recording, stop).tolist()}

    return await service.answer(request, sound, work)


@router.post("/picture", **ABOUT_SOUND)
async def picture(request: Request, service: ServiceOfApp, model: Model, sound: SoundId = None) -> answers.Picture:
    """The waveform's outline and the log-mel of a recording."""

    def work(recording: Sound, stop: Stop) -> dict[str, Any]:
        front_end, speed = model.picture, model.speed
        drawn = pictures.draw(recording, front_end, stop, speed)
        mels, columns = drawn.log_mel.shape
        return {
            "peaks": drawn.peaks.astype(np.float64).round(4).tolist(),
            "log_mel": base64.b64encode(drawn.log_mel.tobytes()).decode(),
            "mels": mels,
            "columns": columns,
            "lowest": front_end.fmin / speed,
            "highest": front_end.fmax / speed,
        }

    return await service.answer(request, sound, work)


@router.post("/similar", **ABOUT_SOUND)
async def similar(
    request: Request,
    service: ServiceOfApp,
    sound: SoundId = None,
    top: Top = 8,
    start: Annotated[float, Query(description="Of the part that is searched for, seconds.")] = 0.0,
    end: Annotated[float | None, Query(description="Of that part, seconds. Default: the end.")] = None,
) -> answers.Similar:
    """The clips of the data set that sound most like a recording, or a part of it."""
    if (collection := service.collection) is None:
        raise Refusal(404, "no data set is searched: start audiotag serve with one")

    def work(recording: Sound, stop: Stop) -> dict[str, Any]:
        vector = service.searching.embedding(recording, stop, start, end)
        return {"clips": [vars(each) for each in collection.nearest(vector, top)]}

    return await service.answer(request, sound, work)


@router.get("/sounds/{sound}", **_WAV)
async def sounds(request: Request, service: ServiceOfApp, sound: str) -> Response:
    """A recording that was sent as WAV, mono, for browsers that cannot play it as it is."""
    async with service.work.place(), service.uploads.using(sound) as held:

        def decoded(stop: Stop) -> bytes:
            measure(held, service.limits, stop)
            rate = min(held.sample_rate, _HIGHEST_RATE)
            return wav(np.concatenate(list(held.blocks(stop, rate))), rate)

        return Response(await service.work.done(request, decoded), media_type="audio/wav")


@router.get("/clips/{number}", **_WAV)
async def clips(request: Request, service: ServiceOfApp, number: int) -> Response:
    """A clip of the data set as WAV, mono."""
    collection = service.collection
    if collection is None or not 0 <= number < len(collection.clip_ids):
        raise Refusal(404, f"clips are numbered as POST /similar gives them, received {number}")

    def read(stop: Stop) -> bytes:
        try:
            return collection.wav(number)
        except AudiotagError as error:  # its message names folders of this machine
            raise Refusal(404, f"clip {number} cannot be read any more: look at the data set's recordings") from error

    async with service.work.place():
        content = await service.work.done(request, read)
    return Response(content, media_type="audio/wav")


@router.get("/corrections/{sound}", responses=ERRORS)
async def corrections(request: Request, service: ServiceOfApp, sound: str) -> answers.Corrections:
    """What was saved of a recording that was sent."""
    async with service.work.place(), service.uploads.using(sound) as held:
        return _saved(service, await service.work.done(request, lambda stop: service.corrections.of(held)))


@router.post("/corrections", responses=ERRORS, openapi_extra={"requestBody": _CORRECTION})
async def correct(request: Request, service: ServiceOfApp) -> answers.Corrections:
    """Save what sounds in a recording that was sent, or in a span of it, in place of what was saved before."""
    content, known = bytearray(), service.labels
    await receive(request, _MOST_OF_A_CORRECTION, service.limits, content.extend)
    try:
        new = answers.NewCorrection.model_validate_json(bytes(content))
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error
    for name in new.labels or []:
        if name not in known:
            raise Refusal(422, f"no class is named {name[:100]!r}: {suggest(name, known)}")
    async with service.work.place(), service.uploads.using(new.sound) as held:

        def save(stop: Stop) -> list[Correction]:
            measure(held, service.limits, stop)
            return service.corrections.save(held, new.labels, new.onset, new.offset, stop)

        return _saved(service, await service.work.done(request, save))


def _saved(service: Service, rows: list[Correction]) -> answers.Corrections:
    shown = [answers.Correction(label=each.label, onset=each.onset, offset=each.offset) for each in rows]
    return answers.Corrections(table=service.corrections.table.name, corrections=shown)
