"""A real server in a process of its own: limits, clients that lie or hang up, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from audiotag import cli, export, models
from audiotag.cli.app import app
from audiotag.serving.security import is_loopback
from tests.serving.conftest import tone, wav
from tests.small_data import RATE

# A model that takes a minute over a second of what is loud; its server starts without Keras.
SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from audiotag import cli, scorers
from audiotag.cli import sources
from audiotag.cli.app import app
from audiotag.serving.security import is_loopback
from audiotag.labels import Labels
from audiotag.scorers.inputs import WaveformInput
from audiotag.task import Task

def run(waveforms):
    if np.abs(waveforms).max() > 0.5:
        print("working", flush=True)
        time.sleep(60)
    return np.full((len(waveforms), 1), 0.5)

slow = scorers.Scorer("slow", "function", Path("slow"), WaveformInput(8000), run, Labels(("a",)),
                      Task("multilabel"), outputs="scores", seconds=1.0)
sources.open_model = lambda *_, **__: slow
sys.exit(cli.run(app, sys.argv[1:]))
"""
LOUD = wav(np.full(2 * RATE, 0.9, np.float32))


class Server:
    """A process that serves, and a folder for its temporary files.

    Args:
        command: what is started; the address to listen at is added.
        folder: that it is started in.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self.folder, self.temporary = folder, folder / "temporary"
        self.temporary.mkdir()
        environment = os.environ | {"TMPDIR": str(self.temporary)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*command, "--port", "0"], cwd=folder, env=environment, **pipes)
        self.said = self.process.stderr.readline()
        self.address = urlsplit(self.said.split()[0])

    def send(self, path: str, body: bytes = b"", *headers: str, method: str = "POST") -> socket.socket:
        """Send a request as it is; the socket that the answer comes from."""
        connection = socket.create_connection((self.address.hostname, self.address.port), timeout=20)
        lines = (f"{method} {path} HTTP/1.1", f"host: {self.address.netloc}", "connection: close", *headers, "", "")
        connection.sendall("\r\n".join(lines).encode() + body)
        return connection

    def ask(self, path: str, body: bytes = b"", *headers: str, method: str = "POST") -> tuple[int, dict]:
        """Status and JSON of the answer to a request, whose length is stated unless headers are given."""
        with self.send(path, body, *(headers or (f"content-length: {len(body)}",)), method=method) as connection:
            return answer(connection)

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so, at most 20 s."""
        end = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.02)

    def is_idle(self) -> bool:
        return self.ask("/health", method="GET")[1]["requests"] == 0

    def partial(self) -> list[Path]:
        """Uploads that were not received whole."""
        return list(self.temporary.glob("*/.*"))

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; exit code and what was said since the start."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20), self.process.stderr.read()


def answer(connection: socket.socket) -> tuple[int, dict]:
    received = b""
    try:
        while piece := connection.recv(1 << 16):
            received += piece
    except ConnectionResetError:  # what was sent beyond the answer is not read
        pass
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.fixture(scope="module")
def exported(tagger, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export.export(models.save(tagger, folder / "tones.keras"), export.Form("litert"), folder / "tones.tflite")
    return folder / "tones.tflite"


def start(command: list[str], folder: Path) -> Iterator[Server]:
    server = Server(command, folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


LIMITS = ["--max-megabytes", "1", "--max-minutes", "0.1"]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    yield from start([sys.executable, "-c", SLOW, "serve", *LIMITS], tmp_path_factory.mktemp("slow"))


@pytest.fixture
def own_server(tmp_path) -> Iterator[Server]:
    yield from start([sys.executable, "-c", SLOW, "serve", *LIMITS], tmp_path)


def test_an_exported_file_is_served_without_tensorflow_and_ends_at_ctrl_c(exported, tmp_path):
    command = [sys.executable, "-m", "audiotag", "serve", "--model", str(exported)]
    for server in start(command, tmp_path):
        assert server.said == f"http://127.0.0.1:{server.address.port} shows tones; Ctrl-C ends it\n"
        status, tags = server.ask("/tag?top=1", wav(tone("middle")))
        assert (status, tags["labels"]) == (200, ["middle"]) and tags["scores"][0][0] > 0.9
        if Path("/proc/self/maps").exists():
            maps = Path(f"/proc/{server.process.pid}/maps").read_text()
            assert "litert" in maps and "site-packages/tensorflow/" not in maps
        assert server.end(signal.SIGINT) == (130, "audiotag: stopped\n")
        assert list(server.temporary.iterdir()) == []


def test_a_stated_length_that_is_too_large_is_refused_unread(server):
    status, refusal = server.ask("/tag", b"", "content-length: 2000000000")
    assert (status, refusal) == (413, {"error": "an upload has at most 1 MB: send a part of it, or compress it"})


def test_more_than_is_taken_is_cut_off_where_no_length_is_stated(server):
    connection = server.send("/tag", b"", "transfer-encoding: chunked")
    sent = 0
    with connection:
        try:
            for _ in range(100):
                connection.sendall(b"100000\r\n" + b"\0" * (1 << 20) + b"\r\n")
                sent += 1
        except OSError:  # the server has hung up
            pass
        assert sent < 50
        server.wait(lambda: server.is_idle() and not server.partial())


def test_a_length_that_lies_is_not_believed(server):
    body = wav(tone("low"))
    status, refusal = server.ask("/tag", body, "content-length: 100")  # the rest is not taken for more of it
    assert status == 422 and "the recording" in refusal["error"]
    with server.send("/tag", body, f"content-length: {len(body) + 100}"):
        pass  # hangs up before it has sent what it promised
    server.wait(lambda: server.is_idle() and not server.partial())
    assert server.ask("/tag", body)[0] == 200


def test_who_hangs_up_costs_nothing_further(own_server):
    """Of twenty who wait behind work of a minute none is computed once they are gone."""
    working = own_server.send("/tag", LOUD, f"content-length: {len(LOUD)}")
    assert own_server.process.stdout.readline() == "working\n"
    waiting = [own_server.send("/tag", LOUD, f"content-length: {len(LOUD)}") for _ in range(20)]
    own_server.wait(lambda: own_server.ask("/health", method="GET")[1]["requests"] == 21)
    for connection in waiting:
        connection.close()
    own_server.wait(lambda: own_server.ask("/health", method="GET")[1]["requests"] == 1)
    working.close()
    own_server.wait(own_server.is_idle)
    code, said = own_server.end(signal.SIGINT)
    assert (code, said) == (130, "audiotag: stopped\n")
    assert own_server.process.stdout.read() == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_at_once_in_the_middle_of_work(own_server, number, code):
    with own_server.send("/tag", LOUD, f"content-length: {len(LOUD)}") as connection:
        assert own_server.process.stdout.readline() == "working\n"
        begun = time.monotonic()
        assert own_server.end(number)[0] == code
        assert time.monotonic() - begun < 20  # of the minute that it would take
        assert answer(connection) == (503, {"error": "the server ends"})
    assert list(own_server.temporary.iterdir()) == []


def test_a_full_queue_sends_away_and_says_when_to_come_again(make_service, tmp_path, scorer):
    import threading

    from fastapi.testclient import TestClient

    from audiotag.serving.app import application
    from audiotag.serving.served import Served

    service, windows = make_service(tmp_path, requests=1), Served.windows
    client, go_on, statuses = TestClient(application(service), base_url="http://localhost"), threading.Event(), []
    body = wav(tone("low"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Served, "windows", lambda *arguments: go_on.wait(20) and windows(*arguments))
        first = threading.Thread(target=lambda: statuses.append(client.post("/tag", content=body).status_code))
        first.start()
        while not service.work.taken:
            time.sleep(0.01)
        assert client.post("/embed", content=b"x").status_code == 503
        answer = client.post("/tag", content=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["error"] == "as many requests as are taken at once are being served (1): come again in 2 s"
        assert client.get("/health").json()["requests"] == 1
        go_on.set()
        first.join()
    assert statuses == [200]
    assert client.post("/tag", content=body).status_code == 200


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--port", "70000"], "--port is a number from 0 to 65535, received 70000"),
        (["--host", "no.such.host.invalid"], "--host is an address of this machine"),
        (["--max-minutes", "-1"], "the most minutes must be a positive number, received -1.0"),
        (["--max-megabytes", "nan"], "the most megabytes must be a positive number, received nan"),
        (["nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_served_is_one_line(exported, options, why, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(app, ["serve", "--model", str(exported), "--port", "0", *options]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1) and err.startswith("audiotag: ") and why in err


def test_a_port_that_is_taken_and_a_missing_package_are_one_line(exported, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.run(app, ["serve", "--model", str(exported), "--port", port]) == 2
    assert f"nobody can listen at 127.0.0.1 port {port}" in capfd.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.run(app, ["serve"]) == 2
    assert 'missing: pip install "audiotag[serve]"' in capfd.readouterr().err


def test_a_data_set_needs_a_model_that_embeds(exported, data, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(app, ["serve", str(data.path), "--model", str(exported), "--port", "0"]) == 2
    assert "similar clips are found by embeddings, which tones does not give" in capfd.readouterr().err
    assert cli.run(app, ["serve", "--model", str(exported), "--model", str(exported), "--port", "0"]) == 2
    assert "two are named 'tones'" in capfd.readouterr().err


def test_another_address_is_said_to_be_open_to_the_network(tmp_path):
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "0.0.0.0")] == [True, True, False]
    for server in start([sys.executable, "-c", SLOW, "serve", "--host", "0.0.0.0"], tmp_path):
        said = "0.0.0.0 is open to the network: whoever reaches it may send sounds and correct labels\n"
        assert server.process.stderr.readline() == said
        assert server.ask("/health", method="GET")[1]["status"] == "ok"
