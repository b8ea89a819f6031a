"""Files: atomic writes, JSON, checksums, paths that stay inside a folder, and files that come with audiotag."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from audiotag.errors import AudiotagError, suggest
from audiotag.storage.places import is_remote, place
from audiotag.storage.remote import downloaded, read_bytes, upload


@contextmanager
def write_atomically(path: Path, mode: str = "w", *, durable: bool = True) -> Iterator[IO[Any]]:
    """Open a file that appears under `path` only when the block ends well: a torn write is never seen.

    Args:
        path: the file to write; its folder is made if missing. A remote one is sent when the block has ended well.
        mode: "w" (UTF-8 text, newlines as given) or "wb".
        durable: wait until it is on the disk, which takes some milliseconds. Without it a power cut soon after, not a
            killed process, may leave an empty file: for many small ones of which it is known whether they are empty.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    if is_remote(path):
        with upload(path, mode, **text) as file:
            yield file
        return
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with temporary.open(mode, **text) as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        # A full disk is noticed by `write`, which does not know its file.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, keys in the order given, indented."""
    with write_atomically(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def read_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is one clear error."""
    try:
        return json.loads(read_bytes(place(path)).decode())
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not valid JSON ({error}): restore it or make it again") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with downloaded(place(path)) as local, local.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON-able value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def inside(root: Path, relative: str) -> Path:
    """The file `relative` under `root`; an absolute path or one that leaves `root` through `..` is refused."""
    if is_remote(root):
        normal = PurePosixPath(os.path.normpath(relative))
        if not normal.is_absolute() and ".." not in normal.parts:
            return root / normal.as_posix()
        raise _outside(root, relative)
    path = Path(os.path.normpath(Path(root) / relative))
    if Path(relative).is_absolute() or not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):
        raise _outside(root, relative)
    return path


def _outside(root: Path, relative: str) -> AudiotagError:
    return AudiotagError(f"a path must stay inside {root}, received {relative!r}: use a relative path without '..'")


def library(kind: str) -> Path:
    """The folder of `datasets` or `recipes` files: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "_library" / kind
    return packed if packed.is_dir() else package.parent / kind


def find_in_library(kind: str, name: str) -> Path:
    """A dataset or recipe file by path (`my/esc50.py`, `datasets/esc50.py`) or by name (`esc50`)."""
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return path.resolve()
    packed = library(kind) / f"{path.stem}.py"
    if packed.is_file() and path.suffix in ("", ".py") and path.parent.as_posix() in (".", kind):
        return packed
    known = [file.stem for file in library(kind).glob("*.py")]
    raise AudiotagError(f"{name!r} is neither a file nor one of audiotag's {kind}: {suggest(path.stem, known)}")
