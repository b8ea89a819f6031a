"""Published files and archives: fetched into the cache, checked, unpacked."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.storage.cache import cache_folder
from audiotag.storage.files import inside, sha256, write_atomically


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
            shown = progress.bar(f"Fetching {self.name}", -(-self.total // 10**6), "MB")
            self._advance = self._bar.enter_context(shown)
        self._bytes = min(self._bytes + amount, self.total)
        megabytes = -(-self._bytes // 10**6)
        self._advance(megabytes - self._shown)
        self._shown = megabytes

    def reset(self) -> None:
        """What has been counted stays: pooch fills the bar up right after."""

    def close(self) -> None:
        self._bar.close()


def fetch_archive(url: str, folder: str, *, sha256_hex: str | None = None, name: str | None = None) -> Path:
    """The contents of a published zip or tar archive, downloaded and unpacked into the cache once.

    Args:
        url: address of the archive.
        folder: name of the folder in the cache; it appears once everything is unpacked.
        sha256_hex: the published checksum, if known.
        name: name of the archive in the cache. Default: the last part of the address.

    Raises:
        AudiotagError: see `fetch`; also no whole archive, or one with files that would lie outside the folder.
    """
    target = cache_folder() / folder
    if not target.is_dir():
        _unpack(fetch(url, sha256_hex=sha256_hex, name=name), target)
    return target


def _unpack(archive: Path, folder: Path) -> None:
    incomplete = folder.with_name(f".{folder.name}.incomplete")
    shutil.rmtree(incomplete, ignore_errors=True)
    is_tar = ".tar" in archive.suffixes or archive.suffix == ".tgz"
    try:
        for name, packed in _tar_members(archive) if is_tar else _zip_members(archive):
            target = inside(incomplete, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = "tar" if is_tar else "zip"
        raise AudiotagError(f"{archive} is not a whole {kind} archive ({error}): delete it and try again") from error
    incomplete.rename(folder)


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        for member in members:
            inside(Path("archive"), member.filename)  # refused before anything is written
        with progress.bar(f"Unpacking {archive.name}", len(members), "files") as advance:
            for member in members:
                with packed.open(member) as file:
                    yield member.filename, file
                advance(1)


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Files of a tar, in one pass; links and devices in it are left out."""
    with (
        progress.bar(f"Unpacking {archive.name}", -(-archive.stat().st_size // 10**6), "MB") as advance,
        archive.open("rb") as compressed,
        tarfile.open(fileobj=compressed, mode="r:*") as packed,
    ):
        shown = 0
        for member in packed:
            if member.isfile() and (file := packed.extractfile(member)):
                with file:
                    yield member.name, file
            megabytes = compressed.tell() // 10**6
            advance(megabytes - shown)
            shown = megabytes
