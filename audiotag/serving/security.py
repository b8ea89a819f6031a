"""Who may ask: pages of other sites may not, whatever name they give this machine."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import TYPE_CHECKING

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    # Nothing from elsewhere, nothing that is not a file of the page.
    "content-security-policy": "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Of every answer."""


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach an address.

    Raises:
        AudiotagError: it is neither an IP address nor a known name.
    """
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        raise AudiotagError(
            f"--host is an address of this machine, received {host!r}: 127.0.0.1 is the usual"
        ) from error
    return all(ipaddress.ip_address(address.split("%")[0]).is_loopback for address in found)


class SameSite:
    """Lets only requests through that name this machine and come from its own page or from no page.

    A page of another site reaches a server of this machine by a name of its own that it lets point here (DNS
    rebinding), or sends what it likes without reading the answer (cross-site request forgery). So the Host must be an
    IP address, which no site can take for a name, `localhost`, or a name of this machine, and a request that may change
    something must come from the same origin.

    Args:
        app: what is guarded.
        host: that the server listens at.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        name = socket.gethostname().lower()
        self._names = {"localhost", host.lower(), name, f"{name}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 in place of the application, or add the headers to what it answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        if reason := self._refused(scope["method"], headers):
            body = json.dumps({"error": reason}).encode()
            about = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send_guarded({"type": "http.response.start", "status": 403, "headers": about})
            await send_guarded({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send_guarded)

    def _refused(self, method: str, headers: dict[str, str]) -> str:
        host = headers.get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else host
        if name not in self._names and not _is_address(name.strip("[]")):
            return f"this machine is not called {name[:100]!r}: take its address, or localhost"
        if method in ("GET", "HEAD"):
            return ""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        if (origin is not None and origin.lower() != f"http://{host}") or site not in ("same-origin", "none"):
            return f"requests come from the page of this server, received one of {(origin or 'another site')[:100]!r}"
        return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
