"""Files appear whole or not at all; downloads are checked; paths stay inside."""

from __future__ import annotations

import hashlib
import http.server
import sys
import threading
from pathlib import Path

import pytest

from audiotag import storage
from audiotag.errors import AudiotagError


@pytest.fixture
def server(tmp_path):
    """Serve `tmp_path/published` over HTTP on this machine; gives the address."""
    (tmp_path / "published").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=tmp_path / "published")

        def log_message(self, *_):
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(storage.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "folder" / "file.txt"
    with storage.write_atomically(target) as file:
        file.write("old")
    with pytest.raises(RuntimeError), storage.write_atomically(target) as file:
        file.write("new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_sha256_is_the_hash_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 1000)
    assert storage.sha256(tmp_path / "file") == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_a_fingerprint_does_not_depend_on_the_order_of_keys():
    assert storage.fingerprint({"a": 1, "b": [2]}) == storage.fingerprint({"b": [2], "a": 1})
    assert storage.fingerprint({"a": 1}) != storage.fingerprint({"a": 2})


@pytest.mark.parametrize("relative", ["../x", "a/../../x", "/etc/passwd", "a/b/../../../x"])
def test_paths_that_leave_the_root_are_refused(tmp_path, relative):
    with pytest.raises(AudiotagError, match="inside"):
        storage.inside(tmp_path, relative)


@pytest.mark.parametrize("relative", ["../x", "a/../../x"])
def test_paths_that_leave_a_relative_root_are_refused(tmp_path, monkeypatch, relative):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AudiotagError, match="inside"):
        storage.inside(Path(), relative)


def test_paths_that_stay_inside_are_joined(tmp_path):
    assert storage.inside(tmp_path, "a/../b/c.wav") == tmp_path / "b" / "c.wav"
    assert storage.inside(tmp_path, "..hidden/c.wav") == tmp_path / "..hidden" / "c.wav"


@pytest.mark.parametrize("text", ["{", "\xff\xfe"])
def test_broken_json_is_one_clear_error(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text.encode("latin1"))
    with pytest.raises(AudiotagError, match="not valid JSON"):
        storage.read_json(tmp_path / "x.json")


def test_a_download_is_kept_and_used_again_without_the_server(server, cache, tmp_path):
    published = tmp_path / "published" / "weights.pt"
    published.write_bytes(b"weights")
    checksum = hashlib.sha256(b"weights").hexdigest()
    assert storage.fetch(f"{server}/weights.pt", sha256_hex=checksum).read_bytes() == b"weights"
    published.unlink()
    assert storage.fetch(f"{server}/weights.pt", sha256_hex=checksum).read_bytes() == b"weights"


def test_a_file_put_into_the_cache_by_hand_is_used(cache):
    cache.mkdir()
    (cache / "weights.pt").write_bytes(b"weights")
    checksum = hashlib.sha256(b"weights").hexdigest()
    assert storage.fetch("http://127.0.0.1:9/weights.pt", sha256_hex=checksum) == cache / "weights.pt"


def test_a_damaged_file_in_the_cache_is_refused(cache):
    cache.mkdir()
    (cache / "weights.pt").write_bytes(b"wei")
    with pytest.raises(AudiotagError, match="damaged"):
        storage.fetch("http://127.0.0.1:9/weights.pt", sha256_hex=hashlib.sha256(b"weights").hexdigest())


def test_a_download_with_the_wrong_checksum_is_refused_and_not_kept(server, cache, tmp_path):
    (tmp_path / "published" / "weights.pt").write_bytes(b"evil")
    with pytest.raises(AudiotagError, match="SHA-256"):
        storage.fetch(f"{server}/weights.pt", sha256_hex="0" * 64)
    assert not (cache / "weights.pt").exists()


def test_without_a_published_checksum_the_first_download_is_recorded_and_held_to(server, cache, tmp_path):
    (tmp_path / "published" / "weights.pt").write_bytes(b"first")
    path = storage.fetch(f"{server}/weights.pt")
    path.write_bytes(b"changed later")
    with pytest.raises(AudiotagError, match="damaged"):
        storage.fetch(f"{server}/weights.pt")


def test_the_recorded_checksum_is_said(server, cache, tmp_path, capsys):
    (tmp_path / "published" / "weights.pt").write_bytes(b"first")
    storage.fetch(f"{server}/weights.pt")
    said = capsys.readouterr().err
    assert f"SHA-256 {hashlib.sha256(b'first').hexdigest()} is recorded" in said
    storage.fetch(f"{server}/weights.pt")
    assert "SHA-256" not in capsys.readouterr().err


def test_a_download_that_breaks_off_is_refused_and_not_kept(cache):
    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Liar) as liar:
        thread = threading.Thread(target=liar.handle_request)
        thread.start()
        with pytest.raises(AudiotagError, match="cannot be downloaded") as raised:
            storage.fetch(f"http://127.0.0.1:{liar.server_port}/weights.pt")
        thread.join()
    assert "\n" not in str(raised.value)
    assert list(cache.glob("weights*")) == []


def test_offline_with_an_empty_cache_is_one_line_that_says_what_to_do(cache):
    with pytest.raises(AudiotagError, match="connect to the network, or fetch") as caught:
        storage.fetch("http://127.0.0.1:9/weights.pt", sha256_hex="0" * 64)
    assert "\n" not in str(caught.value)


def test_library_files_are_found_by_name_and_by_path(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("")
    assert storage.find_in_library("datasets", str(own)) == own
    assert storage.find_in_library("datasets", "folder").name == "folder.py"
    assert storage.find_in_library("datasets", "datasets/folder.py").name == "folder.py"
    with pytest.raises(AudiotagError, match="did you mean 'folder'"):
        storage.find_in_library("datasets", "fodler")


@pytest.mark.parametrize(
    ("typed", "path"),
    [("a/b", "a/b"), ("file:///a/b", "/a/b"), ("C://sounds", "C:/sounds"), ("a:b/c", "a:b/c"), (Path("x"), "x")],
)
def test_what_is_no_address_is_a_path_of_this_machine(typed: str | Path, path: str) -> None:
    assert storage.place(typed) == Path(path)
    assert not storage.is_remote(storage.place(typed))


def test_an_address_without_what_opens_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(AudiotagError, match=r'^s3:// needs a package .*: pip install "audiotag\[cloud\]"$'):
        storage.place("s3://bucket/data")


@pytest.mark.parametrize("relative", ["../other", "/etc", "a/../../b"])
def test_paths_stay_inside_a_remote_folder(relative: str) -> None:
    pytest.importorskip("upath", reason='needs pip install "audiotag[cloud]"')
    root = storage.place("memory://sounds")
    assert str(storage.inside(root, "a/./b.wav")) == "memory://sounds/a/b.wav"
    with pytest.raises(AudiotagError, match="a path must stay inside memory://sounds"):
        storage.inside(root, relative)
