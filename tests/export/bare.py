"""Python with one package and what it requires, and nothing else: no TensorFlow, no Keras, no audiotag."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement


def environment(package: str, folder: Path) -> Path:
    """A folder that holds links to the installed package, NumPy, and all that they require."""
    folder.mkdir()
    for name in required(package) | required("numpy"):
        for top in {file.parts[0] for file in importlib.metadata.files(name) or () if file.parts[0] not in ("..",)}:
            installed = Path(importlib.metadata.distribution(name).locate_file(top))
            if top != "__pycache__" and installed.exists() and not (folder / top).exists():
                (folder / top).symlink_to(installed)
    return folder


def required(package: str) -> set[str]:
    """Names of a package's distribution and of all that it requires without extras."""
    names, left = set(), [package]
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name not in names:
            names.add(name)
            wanted = map(Requirement, importlib.metadata.requires(name) or ())
            left += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return names


def run(script: str, packages: Path, folder: Path) -> str:
    """What a script prints that finds the packages alone, with `folder` as its current one."""
    begin = f"import sys; sys.path.insert(0, {str(packages)!r})\n"
    command = [sys.executable, "-I", "-S", "-c", begin + script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
