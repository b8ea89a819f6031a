"""The page and the API as an application of ASGI."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from audiotag import __version__
from audiotag.errors import AudiotagError
from audiotag.serving import routes, surprise
from audiotag.serving.limits import Refusal
from audiotag.serving.security import SameSite
from audiotag.serving.service import Service
from audiotag.serving.uploads import ID
from audiotag.serving.work import RETRY_AFTER

FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript")
        for name in ("page", "drawing", "elements", "player", "recorder", "server", "surprise")
    },
}
"""All files that are given out, by their addresses."""


def application(service: Service, host: str = "127.0.0.1") -> FastAPI:
    """The application of ASGI.

    Args:
        service: what it serves.
        host: that the server listens at.
    """
    app = FastAPI(
        title="audiotag",
        version=__version__,
        description="Names sounds. The body of a POST about a recording is the bytes of a sound file, or empty where "
        "`sound` names one that was sent. Times are seconds of the recording, scores 0 to 1. An error is one reason.",
        docs_url=None,  # their pages load files from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.add_middleware(SameSite, host=host)
    app.include_router(routes.router)
    app.include_router(surprise.router)
    for address, (name, kind) in FILES.items():
        content = (Path(__file__).parent / "page" / name).read_bytes()
        app.add_api_route(address, _sender(content, kind), include_in_schema=False)
    app.add_exception_handler(AudiotagError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(OSError, _disk)
    return app


def _sender(content: bytes, kind: str) -> object:
    async def send() -> Response:
        return Response(content, media_type=kind)

    return send


def _error(status: int, reason: str) -> JSONResponse:
    headers = {"retry-after": str(RETRY_AFTER)} if status == 503 else None
    return JSONResponse({"error": ID.sub("the recording", reason)}, status, headers)


async def _refused(request: Request, error: AudiotagError) -> Response:
    return _error(error.status if isinstance(error, Refusal) else 422, str(error))


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"][1:]))
    return _error(422, f"{place or 'the body'}: {first['msg']}")


async def _unknown(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=499)  # which nobody reads


async def _disk(request: Request, error: OSError) -> Response:
    return _error(507, f"the server cannot read or write ({error.strerror or error}): look at its disk")
