"""ONNX files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers import exported
from audiotag.scorers.foreign import Foreign, check_one_each, file_size
from audiotag.scorers.scorer import Scorer
from audiotag.startup import processors

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def open(path: Path) -> Foreign | Scorer:
    """An `.onnx` file, by `onnxruntime` on the CPU.

    Returns:
        A scorer of what audiotag exported, which says everything about itself; of anything else what its file says.

    Raises:
        AudiotagError: onnxruntime is not installed; no such file, no ONNX model, several inputs or outputs, or types
            that are not floats.
    """
    session_for = _sessions(path)
    session = session_for(processors())
    takes, gives = session.get_inputs(), session.get_outputs()
    # A size that is a name, or nothing, is free.
    shape = tuple(size if isinstance(size, int) else None for size in takes[0].shape)
    about = {"file": file_size(path)}
    if text := session.get_modelmeta().custom_metadata_map.get(exported.PROPERTY):
        card = exported.Card.from_json(text, path)
        return exported.scorer(card, "ONNX model", path, _by_name(session_for), shape[0], about)
    check_one_each(path.stem, [tensor.name for tensor in takes], [tensor.name for tensor in gives])
    if takes[0].type not in _TYPES or gives[0].type not in _TYPES:
        raise AudiotagError(
            f"an ONNX model that scores sound goes from floats to floats, {path.stem} from {takes[0].type} to "
            f"{gives[0].type}: export it without whole numbers at its ends"
        )
    kind = _TYPES[takes[0].type]

    def run(batch: np.ndarray) -> np.ndarray:
        return session_for(processors()).run(None, {takes[0].name: batch.astype(kind)})[0]

    classes = next((size for size in gives[0].shape[-1:] if isinstance(size, int)), None)
    return Foreign(path.stem, "ONNX model", path, shape, classes, run, about)


def outputs_by_name(path: Path) -> exported.Run:
    """All outputs of an `.onnx` file that audiotag exported."""
    return _by_name(_sessions(path))


def _sessions(path: Path) -> Callable[[int], Any]:
    """A function from a number of threads to the session that computes with them, made where it is first needed."""
    making = threading.Lock()

    @cache
    def make(threads: int) -> Any:
        return _session(path, threads)

    def session_for(threads: int) -> Any:
        with making:
            return make(threads)

    return session_for


def _session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise AudiotagError(f"{path} needs ONNX Runtime, which is not here: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{path} cannot be opened as an ONNX model ({reason}): export it again") from error


def _by_name(session_for: Callable[[int], Any]) -> exported.Run:
    session = session_for(processors())
    (takes,), gives = session.get_inputs(), [tensor.name for tensor in session.get_outputs()]

    def run(batch: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(gives, session_for(processors()).run(gives, {takes.name: batch}), strict=True))

    return run
