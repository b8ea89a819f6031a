"""A real S3 server on loopback, and a proxy before it that fails when it is told to."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

READ_TIMEOUT = 0.5  # seconds that a client waits for an answer


class Faults:
    """What goes wrong, once each: (method, part of the path, how): "503", "timeout", "cut" in the middle of a body."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str, str]] = []
        self.met: list[tuple[str, str, str]] = []
        self._lock = threading.Lock()

    def add(self, method: str, part: str, *kinds: str) -> None:
        self.waiting += [(method, part, kind) for kind in kinds]

    def take(self, method: str, path: str) -> str:
        with self._lock:
            for fault in self.waiting:
                if fault[0] == method and fault[1] in path:
                    self.waiting.remove(fault)
                    self.met.append(fault)
                    return fault[2]
        return ""


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _forward(self) -> None:
        fault = self.server.faults.take(self.command, self.path)
        size = int(self.headers.get("Content-Length", 0))
        if fault == "cut" and size:  # the way there
            self.rfile.read(size // 2)
            return self._hang_up()
        body = self.rfile.read(size)
        if fault == "timeout":
            self.connection.settimeout(10 * READ_TIMEOUT)
            self.connection.recv(1)  # until the client gives up
            return self._hang_up()
        if fault == "503":
            return self._answer(503, {}, b"<Error><Code>ServiceUnavailable</Code><Message>later</Message></Error>")
        connection = http.client.HTTPConnection(*self.server.behind)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self._answer(answer.status, dict(answer.getheaders()), content, cut=fault == "cut")
        connection.close()
        return None

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward

    def _answer(self, status: int, headers: dict[str, str], content: bytes, cut: bool = False) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length", str(len(content))) if self.command == "HEAD" else str(len(content))
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    """An S3 server with an empty bucket `s3://bucket`; gives the faults of the proxy that clients meet."""
    fsspec = pytest.importorskip("fsspec")
    for package in ("s3fs", "upath"):
        pytest.importorskip(package, reason='needs pip install "audiotag[cloud]"')
    server = pytest.importorskip("moto.server", reason='needs pip install "audiotag[test]"')
    moto = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    reset = http.client.HTTPConnection(host, port)
    reset.request("POST", "/moto-api/reset")  # buckets are those of the process
    reset.getresponse().read()
    reset.close()
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    proxy.faults, proxy.behind = Faults(), (host, port)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    options = {"config_kwargs": {"read_timeout": READ_TIMEOUT, "connect_timeout": 5, "retries": {"max_attempts": 0}}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.server_port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-nobody")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("FSSPEC_S3", json.dumps(options))  # of worker processes
        patch.setitem(fsspec.config.conf, "s3", options)
        patch.setenv("AUDIOTAG_CACHE", str(tmp_path_factory.mktemp("cache")))
        store = fsspec.filesystem("s3")
        store.mkdir("bucket")
        yield proxy.faults
        store.clear_instance_cache()
    proxy.shutdown()
    proxy.server_close()
    moto.stop()
