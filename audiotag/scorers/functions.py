"""Python functions that score sound: `module:function`, from waveforms to logits, whatever computes them."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError, suggest
from audiotag.scorers import vocabulary
from audiotag.scorers.foreign import Foreign
from audiotag.scorers.scorer import Outputs

_NAMED = re.compile(r"(?P<module>[^\W\d][\w.]*):(?P<attribute>[^\W\d][\w.]*)")


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
        target: Any = importlib.import_module(parts["module"])
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{parts['module']}.".startswith(f"{error.name}."):
            raise AudiotagError(
                f"{source} is an object of a module, there is none named {error.name!r} in {Path.cwd()} or "
                "among the installed ones: write module:function"
            ) from error
        raise AudiotagError(f"the module of {source} cannot be imported: {_reason(error)}") from error
    for part in parts["attribute"].split("."):
        if not hasattr(target, part):
            known = [name for name in dir(target) if name[0] != "_"]
            raise AudiotagError(f"{source} is not there: {suggest(part, known)}")
        target = getattr(target, part)
    return target


def open(function: Any, source: str | None = None, outputs: Outputs | None = None) -> Foreign:
    """A function, a class or an object with `__call__`.

    Its attributes say what it needs: `sample_rate` (Hz; default: the data set's), `labels` (a `Labels`, a path of a
    `labels.csv` or names; default: the data set's), `name`, and `sha256` or `version`, which tell it from others
    (default: its name and a checksum of its module's file). A class is made into an object first.

    Args:
        function: waveforms (batch, samples) float32 to logits (batch, classes).
        source: `module:function`, where it was named so.
        outputs: "scores" where it gives those instead of logits.

    Raises:
        AudiotagError: no function, or an attribute that makes no sense.
    """
    described = function if hasattr(function, "__qualname__") else type(function)
    path = f"{described.__module__}.{described.__qualname__}" if source is None else source.replace(":", ".")
    whose = f"function {source or path}"
    if source is not None:
        module = sys.modules[source.partition(":")[0]]
    else:
        module = inspect.getmodule(described) if described is function and "<" not in path else None
    if isinstance(function, type):
        try:
            function = function()
        except Exception as error:
            raise AudiotagError(f"{whose} is a class and cannot be made without arguments: {_reason(error)}") from error
    if not callable(function):
        raise AudiotagError(
            f"sound is scored by a function of waveforms, {whose} is {type(function).__name__}: name one"
        )
    rate = getattr(function, "sample_rate", None)
    whole = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    if rate is not None and not (whole and 1 <= rate <= audio.MAX_SAMPLE_RATE):
        raise AudiotagError(f"sample_rate of {whose} is a whole number of Hz, received {rate!r}")
    labels = getattr(function, "labels", None)
    return Foreign(
        name=str(getattr(function, "name", path)),
        kind="function",
        path=Path(source or path),
        shape=(None, None),
        classes=None,
        run=_checked(function, whose),
        labels=None if labels is None else vocabulary.read(labels, whose),
        sample_rate=None if rate is None else int(rate),
        outputs="logits" if outputs is None else None,
        checksum=lambda: _identity(function, path, whose, module),
    )


def _checked(function: Callable[[np.ndarray], Any], whose: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function with its failures as our errors."""

    def run(inputs: np.ndarray) -> np.ndarray:
        try:
            outputs = np.asarray(function(np.array(inputs, np.float32)))
        except Exception as error:  # whatever somebody else's code does is that function's fault, and one line
            raise AudiotagError(f"{whose} failed on waveforms of shape {inputs.shape}: {_reason(error)}") from error
        if outputs.ndim != 2 or len(outputs) != len(inputs) or not np.issubdtype(outputs.dtype, np.floating):
            raise AudiotagError(
                f"{whose} must give logits of shape (batch, classes), ({len(inputs)}, …), and a float type, it gives "
                f"{outputs.dtype} of shape {outputs.shape}: correct it"
            )
        return outputs

    return run


def _identity(function: Any, name: str, whose: str, module: Any) -> str:
    """What tells one function from another: its own checksum or version, else the bytes of its module."""
    if isinstance(own := getattr(function, "sha256", None), str):
        return own
    if (version := getattr(function, "version", None)) is not None:
        return hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        raise AudiotagError(
            f"nothing tells {whose} from other functions: give it an attribute version (a text or number that changes "
            "whenever it does)"
        )
    return hashlib.sha256(name.encode() + b"\n" + Path(file).read_bytes()).hexdigest()


def _reason(error: Exception) -> str:
    """The error's kind and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
