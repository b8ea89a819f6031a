"""What is served, and what requests about a recording have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Query, Request

from audiotag.errors import AudioWarning, suggest
from audiotag.serving import answers
from audiotag.serving.corrections import Corrections
from audiotag.serving.limits import Limits, Refusal
from audiotag.serving.served import Served
from audiotag.serving.similar import Collection
from audiotag.serving.uploads import ID, Sound, Uploads, measure
from audiotag.serving.work import RETRY_AFTER, Stop, Work

if TYPE_CHECKING:
    from audiotag.tokens import LanguageModel

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": answers.Error, "description": reason}
    for status, reason in {
        400: "No sound, or two.",
        403: "Another site asks.",
        404: "Not known.",
        408: "The upload is too slow.",
        413: "Too large, too long, or too much work.",
        422: "It cannot be read, or what is asked is out of range.",
        503: f"Too many requests at once; Retry-After says when to come again ({RETRY_AFTER} s).",
    }.items()
}
"""How a request may be refused."""

BODY = {
    "description": "The bytes of a sound file; nothing where `sound` names one that was sent.",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}

ABOUT_SOUND: dict[str, Any] = {"responses": ERRORS, "openapi_extra": {"requestBody": BODY}}
"""Of the description of every POST about a recording."""


@dataclass
class Service:
    """What is served.

    Args:
        models: by name, the usual one first.
        uploads: recordings that were sent.
        corrections: of them.
        collection: the clips that are searched; None: there are none.
        language_model: that measures surprise; None: there is none.
        limits: of requests.
    """

    models: dict[str, Served]
    uploads: Uploads
    corrections: Corrections
    collection: Collection | None
    language_model: LanguageModel | None
    limits: Limits
    work: Work = field(init=False)

    def __post_init__(self) -> None:
        self.work = Work(self.limits)

    @property
    def searching(self) -> Served:
        """The model by whose embeddings clips are searched: the usual one."""
        return next(iter(self.models.values()))

    @property
    def labels(self) -> list[str]:
        """Classes by which recordings may be corrected: those of the models and of the data set."""
        vocabularies = [model.scorer.labels for model in self.models.values()]
        vocabularies += [] if self.collection is None else [self.collection.data.labels]
        return list(dict.fromkeys(name for labels in vocabularies for name in labels))

    async def answer(
        self, request: Request, sound_id: str | None, work: Callable[[Sound, Stop], dict[str, Any]]
    ) -> dict[str, Any]:
        """The answer to a request about a recording, which is sent or named.

        Args:
            request: its body is a sound file, or empty.
            sound_id: of one that was sent.
            work: gives the answer's own fields, in the thread that computes.
        """
        async with self.work.place(), self.uploads.held(request, sound_id) as sound:

            def answer(stop: Stop) -> dict[str, Any]:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", AudioWarning)
                    measure(sound, self.limits, stop)
                    fields = work(sound, stop)
                about = (str(each.message) for each in caught if issubclass(each.category, AudioWarning))
                notes = list(dict.fromkeys(ID.sub("the recording", note) for note in about))
                return {"sound": sound.id, "seconds": sound.seconds, "notes": notes} | fields

            return await self.work.done(request, answer)


def _service(request: Request) -> Service:
    return request.app.state.service


ServiceOfApp = Annotated[Service, Depends(_service)]


def _model(
    service: ServiceOfApp, model: Annotated[str | None, Query(description="Its name. Default: the first.")] = None
) -> Served:
    if model is None:
        return service.searching
    if model not in service.models:
        raise Refusal(404, f"no model is named {model[:100]!r}: {suggest(model, service.models)}")
    return service.models[model]


Model = Annotated[Served, Depends(_model)]
SoundId = Annotated[str | None, Query(description="Id of a recording that was sent; then the body is empty.")]
