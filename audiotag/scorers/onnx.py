"""ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers.foreign import Foreign, check_one_each, file_size

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def open(path: Path) -> Foreign:
    """An `.onnx` file, by `onnxruntime` on the CPU.

    Raises:
        AudiotagError: onnxruntime is not installed; no such file, no ONNX model, several inputs or outputs, or types
            that are not floats.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise AudiotagError(f"{path} needs ONNX Runtime, which is not here: pip install onnxruntime") from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{path} cannot be opened as an ONNX model ({reason}): export it again") from error
    takes, gives = session.get_inputs(), session.get_outputs()
    check_one_each(path.stem, [tensor.name for tensor in takes], [tensor.name for tensor in gives])
    if takes[0].type not in _TYPES or gives[0].type not in _TYPES:
        raise AudiotagError(
            f"an ONNX model that scores sound goes from floats to floats, {path.stem} from {takes[0].type} to "
            f"{gives[0].type}: export it without whole numbers at its ends"
        )
    kind = _TYPES[takes[0].type]

    def run(batch: np.ndarray) -> np.ndarray:
        return session.run(None, {takes[0].name: batch.astype(kind)})[0]

    # A size that is a name, or nothing, is free.
    shape = tuple(size if isinstance(size, int) else None for size in takes[0].shape)
    classes = next((size for size in gives[0].shape[-1:] if isinstance(size, int)), None)
    return Foreign(path.stem, "ONNX model", path, shape, classes, run, {"file": file_size(path)})
