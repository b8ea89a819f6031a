"""Where the dataset and recipe files that come with audiotag lie."""

from __future__ import annotations

from pathlib import Path

from audiotag.errors import AudiotagError, suggest


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
