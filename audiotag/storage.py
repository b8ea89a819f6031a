"""Files: atomic writes, checksums, the download cache, and where dataset and recipe files lie."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from audiotag import progress
from audiotag.errors import AudiotagError, suggest

CACHE_VARIABLE = "AUDIOTAG_CACHE"


@contextmanager
def write_atomically(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears under `path` only when the block ends well: a torn write is never seen.

    Args:
        path: the file to write; its folder is made if missing.
        mode: "w" (UTF-8 text, newlines as given) or "wb".
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with temporary.open(mode, **text) as file:
            yield file
            file.flush()
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
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not valid JSON ({error}): restore it or make it again") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON-able value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def inside(root: Path, relative: str) -> Path:
    """The file `relative` under `root`; an absolute path or one that leaves `root` through `..` is refused."""
    path = Path(os.path.normpath(Path(root) / relative))
    if Path(relative).is_absolute() or not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):
        raise AudiotagError(f"a path must stay inside {root}, received {relative!r}: use a relative path without '..'")
    return path


def cache_folder() -> Path:
    """Where downloads are kept: `AUDIOTAG_CACHE`, else the platform's user cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("audiotag"))


def fetch(url: str, *, sha256_hex: str | None = None, name: str | None = None) -> Path:
    """A published file, from the cache or downloaded into it.

    A file that already lies in the cache under its published name is used once its checksum holds. Where no
    checksum is published, the one of the first download is recorded beside the file and held to from then on.

    Args:
        url: address of the file.
        sha256_hex: the published checksum, if known.
        name: name in the cache. Default: the last part of the address.

    Raises:
        AudiotagError: no network and not in the cache, or the checksum does not hold.
    """
    import pooch

    name = name or url.rsplit("/", 1)[-1]
    folder = cache_folder()
    record = folder / f"{name}.sha256"
    expected = sha256_hex or (record.read_text(encoding="utf-8").split()[0] if record.exists() else None)
    target = folder / name
    if expected and target.exists() and sha256(target) != expected:
        raise AudiotagError(
            f"{target} does not have the expected SHA-256 {expected[:12]}… (received {sha256(target)[:12]}…): "
            "the file is damaged or another one; delete it and try again"
        )
    known = f"sha256:{expected}" if expected else None
    downloader = pooch.HTTPDownloader(progressbar=_DownloadBar(name), timeout=30)
    logger = pooch.get_logger()
    level, _ = logger.level, logger.setLevel("ERROR")
    try:
        path = Path(pooch.retrieve(url, known, fname=name, path=folder, downloader=downloader))
    except ValueError as error:
        raise AudiotagError(f"{url} does not have the expected SHA-256 {expected}: try the download again") from error
    except OSError as error:
        raise AudiotagError(
            f"{name} is not in the cache {folder} and cannot be downloaded ({type(error).__name__}): "
            f"connect to the network, or fetch {url} elsewhere and put it there"
        ) from error
    finally:
        logger.setLevel(level)
    if expected is None:
        with write_atomically(record) as file:
            file.write(f"{sha256(path)}  {name}\n")
        progress.say(f"{name} has no published checksum: SHA-256 {sha256(path)} is recorded and held to from now on")
    return path


class _DownloadBar:
    """What pooch tells about a download (as tqdm would be told), as one of our bars in megabytes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = 0
        self._bytes = self._shown = 0
        self._bar = ExitStack()
        self._advance: Callable[[int], None] | None = None

    def update(self, amount: int) -> None:
        if self._advance is None:
            megabytes = -(-self.total // 10**6)
            self._advance = self._bar.enter_context(progress.bar(f"Fetching {self.name}", megabytes, "MB"))
        self._bytes = min(self._bytes + amount, self.total)
        megabytes = -(-self._bytes // 10**6)
        self._advance(megabytes - self._shown)
        self._shown = megabytes

    def reset(self) -> None:
        """What has been counted stays: pooch fills the bar up right after."""

    def close(self) -> None:
        self._bar.close()


def library(kind: str) -> Path:
    """The folder of `datasets` or `recipes` files: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
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
