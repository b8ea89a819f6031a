"""Hosts that wait for each other at an address, so that one that does not come is missed by name."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

from audiotag import progress
from audiotag.errors import AudiotagError

WAITS = 300.0
"""Seconds that a host waits for the others."""

_AGAIN_AFTER = 0.2  # seconds


def meet(address: str, port: int, index: int, count: int) -> None:
    """Come back once all hosts are there.

    The first one listens at the port, the others tell it their number and wait for its word. The port is free again
    afterwards.

    Args:
        address: of the first host.
        port: of it.
        index: number of this host, from 0.
        count: of hosts.

    Raises:
        AudiotagError: a host does not come in time, or has the number of another, or of another training.
    """
    if count == 1:
        return
    until = time.monotonic() + WAITS
    if index:
        _report(address, port, f"{index}/{count}", until)
    else:
        progress.say(f"waiting for {count - 1} other hosts at port {port}")
        _gather(port, count, until)


def _gather(port: int, count: int, until: float) -> None:
    """Wait for the others."""
    waiting = {f"{index}/{count}" for index in range(1, count)}
    with ExitStack() as connections:
        try:
            server = connections.enter_context(socket.create_server(("", port), backlog=count))
        except OSError as error:
            raise AudiotagError(f"port {port} of this host is taken or not allowed: choose another") from error
        arrived = []
        while waiting:
            server.settimeout(max(until - time.monotonic(), 0.001))
            try:
                connection = connections.enter_context(server.accept()[0])
                connection.settimeout(max(until - time.monotonic(), 0.001))
                place = connection.makefile(errors="replace").readline().strip()
            except OSError as error:
                missing = ", ".join(sorted(waiting))
                raise AudiotagError(
                    f"hosts {missing} did not come to port {port} within {WAITS:.0f} s: start them, or say a smaller "
                    "COUNT"
                ) from error
            if not place:
                continue
            if place not in waiting:
                refusal = f"host {place!r} came, {', '.join(sorted(waiting))} were waited for: number them 0 to COUNT-1"
                for other in (*arrived, connection):
                    other.sendall(f"{refusal}\n".encode())
                raise AudiotagError(refusal)
            waiting.remove(place)
            arrived.append(connection)
        for connection in arrived:
            connection.sendall(b"go\n")
        for connection in arrived:
            connection.settimeout(10 * _AGAIN_AFTER)
            with suppress(OSError):
                connection.recv(1)  # they hang up first, so that the port is free at once


def _report(address: str, port: int, place: str, until: float) -> None:
    """Wait for the first host's word."""
    word = ""
    while True:
        try:
            with socket.create_connection((address, port), timeout=max(until - time.monotonic(), 0.001)) as connection:
                connection.settimeout(max(until - time.monotonic(), 0.001))
                connection.sendall(f"{place}\n".encode())
                word = connection.makefile(errors="replace").readline().strip()
        except OSError as error:
            if time.monotonic() + _AGAIN_AFTER > until:
                raise AudiotagError(
                    f"the first host does not answer at {address}:{port} within {WAITS:.0f} s ({error}): start it with "
                    "INDEX 0, or mend the address"
                ) from error
        if word == "go":
            return
        if word:
            other = f"{address}:{port} is answered by something else than a first host that waits: start all hosts anew"
            raise AudiotagError(word if word.startswith("host ") else other)
        time.sleep(_AGAIN_AFTER)
