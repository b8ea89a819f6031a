"""The house: a room imports from floors below it alone, and no two files import each other."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "audiotag"
FLOORS = (
    "errors registration",
    "progress",
    "startup storage",
    "tables",
    "audio labels task",
    "frontend notes speech",
    "clip_format run_folder",
    "metrics runs",
    "augment",
    "models",
    "clips",
    "records",
    "annotations tagging",
    "scorers listening",
    "tokens",
    "tensorboard",
    "report",
    "distill training export evaluation inspection",
    "sweeps serving",
    "hear",
    "cli",
    "__main__",
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}


def imports(file: Path) -> Iterator[str]:
    """Modules of the package that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "audiotag":
            for name in node.names:
                module = f"{node.module}.{name.name}"
                yield module if located(module) else node.module


def located(module: str) -> Path | None:
    place = PACKAGE.parent / module.replace(".", "/")
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


@cache
def graph() -> dict[Path, set[Path | None]]:
    """The files that each file imports."""
    return {file: {located(module) for module in imports(file)} - {file} for file in PACKAGE.rglob("*.py")}


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_no_import_points_up() -> None:
    upward = [
        f"{file.relative_to(PACKAGE)} imports {target.relative_to(PACKAGE)}"
        for file, targets in graph().items()
        for target in targets - {PACKAGE / "__init__.py"}
        if file != PACKAGE / "__init__.py"
        and room(file) != room(target)
        and FLOOR_OF[room(target)] >= FLOOR_OF[room(file)]
    ]
    assert upward == []


def test_no_two_files_import_each_other() -> None:
    lazy = {file for file in graph() if file.name == "__init__.py"}
    files = {file: {target for target in targets if target not in lazy} for file, targets in graph().items()}
    list(graphlib.TopologicalSorter(files).static_order())  # raises CycleError, which names the files
