"""The server: opens what is served, listens, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotag import progress
from audiotag.errors import AudiotagError, AudioWarning, Stopped
from audiotag.scorers import Scorer
from audiotag.serving.limits import Limits
from audiotag.serving.security import is_loopback


def check_installed() -> None:
    """Refuse to begin without the packages that a server needs.

    Raises:
        AudiotagError: one is missing.
    """
    for name in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise AudiotagError(f'the page needs {name}, which is missing: pip install "audiotag[serve]"')


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: an address of this machine.
        port: 0: any that is free.

    Raises:
        AudiotagError: another program listens there, or it is no port or address of this machine.
    """
    if not 0 <= port <= 65535:
        raise AudiotagError(f"--port is a number from 0 to 65535, received {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise AudiotagError(
            f"nobody can listen at {host} port {port} ({error.strerror or error}): choose another --port"
        ) from error


@dataclass(frozen=True, eq=False)
class Contents:
    """What is served.

    Args:
        scorers: the models, the usual one first.
        data: a built data set that is searched for similar clips. None: there is none.
        surprise: run of a language model of sounds that measures surprise. None: there is none.
        corrections: folder of the labels that are corrected.
    """

    scorers: Sequence[Scorer]
    data: str | None
    surprise: str | None
    corrections: Path


def serve(contents: Contents, host: str, port: int, limits: Limits) -> None:
    """Serve the page and the API until Ctrl-C.

    Args:
        contents: what is served.
        host: address to listen at.
        port: 0: any that is free.
        limits: of requests.

    Raises:
        AudiotagError: what cannot be served.
        Stopped: by Ctrl-C.
    """
    import uvicorn

    from audiotag.serving.app import Service, application
    from audiotag.serving.corrections import Corrections
    from audiotag.serving.served import Served
    from audiotag.serving.similar import collect
    from audiotag.serving.surprise import open_language_model
    from audiotag.serving.uploads import Uploads

    models: dict[str, Served] = {}
    for scorer in contents.scorers:
        if scorer.name in models:
            raise AudiotagError(f"models are told apart by their names, two are named {scorer.name!r}: rename one")
        models[scorer.name] = Served(scorer, limits)
        _ = models[scorer.name].step  # the network of steps is made before anybody asks
    table, local = Corrections(contents.corrections), is_loopback(host)
    language_model = None if contents.surprise is None else open_language_model(contents.surprise)
    with ExitStack() as stack:
        opened = stack.enter_context(listening(host, port))
        collection = None if contents.data is None else collect(contents.data, next(iter(models.values())))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="audiotag-"))
        service = Service(models, Uploads(Path(folder), limits), table, collection, language_model, limits)

        class Server(uvicorn.Server):
            interrupted = False

            def handle_exit(self, sig: int, frame: Any) -> None:
                self.interrupted |= sig == signal.SIGINT
                service.work.end()
                super().handle_exit(sig, frame)

        settings = {"log_level": "critical", "server_header": False, "timeout_graceful_shutdown": 1, "ws": "none"}
        server = Server(uvicorn.Config(application(service, host), loop="asyncio", http="h11", **settings))
        # After an orderly end uvicorn raises the signal again, which would leave the folder behind.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        name = f"[{host}]" if ":" in host else host
        shown = ", ".join(models) + (f" and surprise by {language_model.name}" if language_model else "")
        progress.say(f"http://{name}:{opened.getsockname()[1]} shows {shown}; Ctrl-C ends it")
        if not local:
            progress.say(f"{host} is open to the network: whoever reaches it may send sounds and correct labels")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AudioWarning)  # answers say them
                server.run(sockets=[opened])
            # Uvicorn raises the signal again, which comes to nothing where whoever has started us ignores it.
            if server.interrupted:
                raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise Stopped(
                f"stopped; corrections are in {table.folder}" if table.table.exists() else "stopped"
            ) from stop
        finally:
            signal.signal(signal.SIGTERM, before)
