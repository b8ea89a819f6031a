"""Python functions as teachers: `module:function`, from waveforms to logits, whatever computes them."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import audio
from audiotag.distill import mapping
from audiotag.errors import AudiotagError, suggest
from audiotag.labels import Labels

if TYPE_CHECKING:
    from audiotag.records import Data

_NAMED = re.compile(r"(?P<module>[^\W\d][\w.]*):(?P<attribute>[^\W\d][\w.]*)")


@dataclass(frozen=True)
class Function:
    """A function with what is needed to trust it.

    Args:
        name: what it is called.
        source: where the outputs come from, for people.
        function: waveforms (batch, samples) float32 to logits (batch, classes).
        labels: classes in the order of the logits.
        hears: sample rate of the waveforms that it takes, Hz.
        sha256: what it is known by.
        notes: what was assumed about it.
    """

    name: str
    source: str
    function: Callable[[np.ndarray], Any]
    labels: Labels
    hears: int
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> None:
        """Samples that it takes: any."""
        return

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Logits (batch, classes), float32, of waveforms (batch, samples).

        Raises:
            AudiotagError: the function fails, or gives something else than logits.
        """
        try:
            given = np.asarray(self.function(np.array(inputs, np.float32)))
        except Exception as error:  # whatever somebody else's code does is that teacher's fault, and one line
            raise AudiotagError(
                f"{self.source} failed on waveforms of shape {inputs.shape}: {_reason(error)}"
            ) from error
        wanted = (len(inputs), len(self.labels))
        if given.shape != wanted or not np.issubdtype(given.dtype, np.floating):
            raise AudiotagError(
                f"{self.source} must give logits of shape (batch, classes) {wanted} and a float type, it gives "
                f"{given.dtype} of shape {given.shape}: correct it, or state its classes (labels)"
            )
        return given.astype(np.float32)


def is_named(source: str) -> bool:
    """Whether a text has the form `module:function`."""
    return _NAMED.fullmatch(source) is not None


def find(source: str) -> Any:
    """What `module:function` names; the current folder is searched first.

    Raises:
        AudiotagError: there is no such module, it cannot be imported, or it holds no such thing.
    """
    parts = _NAMED.fullmatch(source)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()
    try:
        found: Any = importlib.import_module(parts["module"])
    except ModuleNotFoundError as error:
        if f"{parts['module']}.".startswith(f"{error.name}."):
            raise AudiotagError(
                f"a teacher {source} is an object of a module, there is none named {error.name!r} in {Path.cwd()} or "
                "among the installed ones: write module:function"
            ) from error
        raise AudiotagError(f"the module of teacher {source} cannot be imported: {_reason(error)}") from error
    except Exception as error:
        raise AudiotagError(f"the module of teacher {source} cannot be imported: {_reason(error)}") from error
    for part in parts["attribute"].split("."):
        if not hasattr(found, part):
            raise AudiotagError(
                f"teacher {source} is not there: {suggest(part, [name for name in dir(found) if name[0] != '_'])}"
            )
        found = getattr(found, part)
    return found


def named(source: str, found: Any, labels: Labels | None, data: Data) -> Function:
    """What `module:function` names, as a teacher; see `function`.

    Args:
        source: `module:function`.
        found: what `find` found.
        labels: classes, where it does not state them.
        data: the data set.
    """
    module = sys.modules[source.partition(":")[0]]
    return _function(found, source.replace(":", "."), f"function {source}", module, labels, data)


def function(given: Callable[[np.ndarray], Any], labels: Labels | None, data: Data) -> Function:
    """A function, a class or an object with `__call__` as a teacher.

    Its attributes say what it needs: `sample_rate` (Hz; default: the data set's), `labels` (a `Labels`, a path of a
    `labels.csv` or names; default: the data set's), `name`, and `sha256` or `version`, which tell it from other
    teachers (default: its name and a checksum of its module's file). A class is made into an object first.

    Raises:
        AudiotagError: an attribute that makes no sense, or no way to tell it from other teachers.
    """
    described = given if hasattr(given, "__qualname__") else type(given)
    name = f"{described.__module__}.{described.__qualname__}"
    module = inspect.getmodule(described) if described is given and "<" not in name else None
    return _function(given, name, f"function {name}", module, labels, data)


def _function(given: Any, name: str, source: str, module: Any, labels: Labels | None, data: Data) -> Function:
    if isinstance(given, type):
        try:
            given = given()
        except Exception as error:
            raise AudiotagError(
                f"{source} is a class and cannot be made without arguments: {_reason(error)}"
            ) from error
    if not callable(given):
        raise AudiotagError(
            f"a teacher is a function of waveforms, {source} is {type(given).__name__}: name a function"
        )
    rate = getattr(given, "sample_rate", data.front_end.sample_rate)
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or not 1 <= rate <= audio.MAX_SAMPLE_RATE:
        raise AudiotagError(f"sample_rate of {source} is a whole number of Hz, received {rate!r}")
    stated = getattr(given, "labels", None)
    stated = None if stated is None else mapping.vocabulary(stated, source)
    chosen = str(getattr(given, "name", name))
    settled, notes = mapping.settle(chosen, stated, labels, None, data)
    return Function(chosen, source, given, settled, int(rate), _identity(given, name, source, module), notes)


def _identity(given: Any, name: str, source: str, module: Any) -> str:
    """What tells one teacher from another: its own checksum or version, else the bytes of its module."""
    if isinstance(own := getattr(given, "sha256", None), str):
        return own
    if (version := getattr(given, "version", None)) is not None:
        return hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        raise AudiotagError(
            f"nothing tells {source} from other teachers: give it an attribute version (a text or number that changes "
            "whenever it does)"
        )
    return hashlib.sha256(name.encode() + b"\n" + Path(file).read_bytes()).hexdigest()


def _reason(error: Exception) -> str:
    """The error's kind and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
