"""Several hosts that train one network together: how they meet, and how they stay in step (JAX)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.training import rendezvous

Result = TypeVar("Result")

AUTO = "auto"
MEET_EVERY = 5.0
"""Seconds from one meeting of the hosts to the next: to ask the others is to wait for the last step."""

_FORM = re.compile(r"(?P<address>\S+):(?P<port>\d+),(?P<index>\d+)/(?P<count>\d+)")
_LEAVE_WITHIN = 60  # seconds that a host waits for the others at its end
_JAX_WAITS = 300  # seconds, where JAX finds the hosts


def join(text: str | None) -> None:
    """Join the other hosts, before anything else is computed.

    Args:
        text: "ADDRESS:PORT,INDEX/COUNT": where the first host can be reached, the number of this one from 0, and how
            many there are; or "auto": what JAX finds in the environment of Slurm, Open MPI or a TPU. None: this host
            alone, or whichever the process has joined already by `jax.distributed.initialize`.

    Raises:
        AudiotagError: another backend than JAX, something else than an address, an index out of range, hosts that do
            not come, or a process that has computed already.
    """
    if text is None:
        return
    if keras.backend.backend() != "jax":
        raise AudiotagError(
            f"several hosts train on JAX, the backend here is {keras.backend.backend()}: set KERAS_BACKEND=jax"
        )
    import jax

    if jax.distributed.is_initialized():
        raise AudiotagError("this process has joined its hosts already: leave hosts out")
    where = {} if text == AUTO else _where(text)
    # JAX would take SIGTERM for itself.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(**where, initialization_timeout=_JAX_WAITS, shutdown_timeout_seconds=_LEAVE_WITHIN)
    except ValueError as error:
        raise AudiotagError(
            f"nothing in the environment says which hosts there are ({error}): say hosts='ADDRESS:PORT,INDEX/COUNT'"
        ) from error
    except RuntimeError as error:
        raise AudiotagError(f"this host could not join the others ({error}): start a new process on each") from error


def _where(text: str) -> dict[str, Any]:
    """JAX's arguments, once all hosts are there: it ends a process that waits in vain."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise AudiotagError(f"hosts is ADDRESS:PORT,INDEX/COUNT, such as 10.0.0.1:8476,0/2, received {text!r}")
    port, index, count = (int(match[name]) for name in ("port", "index", "count"))
    if not 0 <= index < count:
        raise AudiotagError(f"hosts are numbered from 0 to COUNT - 1, received {index} of {count}")
    if not 0 < port < 1 << 16:
        raise AudiotagError(f"a port lies in 1 to 65535, received {port}")
    rendezvous.meet(match["address"], port, index, count)
    return {"coordinator_address": f"{match['address']}:{port}", "num_processes": count, "process_id": index}


def position() -> tuple[int, int]:
    """Which host this is, from 0, and of how many."""
    if keras.backend.backend() != "jax":
        return 0, 1
    import jax

    return (jax.process_index(), jax.process_count()) if jax.distributed.is_initialized() else (0, 1)


def is_first() -> bool:
    """Whether this is the host that writes files and prints lines."""
    return position()[0] == 0


def are_several() -> bool:
    """Whether there is more than one host."""
    return position()[1] > 1


def most(*values: float) -> list[float]:
    """The largest of each value over all hosts; every host must ask at the same point of its work."""
    if not are_several():
        return list(values)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.array(values, np.float32)).max(axis=0).tolist()


def on_first(function: Callable[[], Result]) -> Result | None:
    """What a function gives on the first host; the others wait for it and give None.

    Raises:
        AudiotagError: it raised one on the first host.
    """
    result = refusal = None
    if is_first():
        try:
            result = function()
        except AudiotagError as error:
            refusal = error
    (refused,) = most(refusal is not None)
    if refused:
        raise refusal or AudiotagError("the first host went no further: its message says why")
    return result


def check_same(described: Mapping[str, Any]) -> None:
    """Refuse hosts that were asked for different trainings.

    Args:
        described: what is the same on all of them.
    """
    if not are_several():
        return
    from audiotag import storage

    digest = storage.fingerprint(dict(described))
    parts = [int(digest[start : start + 4], 16) for start in range(0, 16, 4)]
    if most(*parts) != [-part for part in most(*(-part for part in parts))]:
        raise AudiotagError(
            "the hosts were started with different recipes, data sets or versions: give all of them the same command"
        )


def from_first(
    arrays: Mapping[str, np.ndarray] | None, text: str, variables: Mapping[str, keras.Variable]
) -> tuple[dict[str, np.ndarray], str] | None:
    """What the first host has read, on all of them; None where that is nothing.

    Args:
        arrays: values of the variables, on the first host.
        text: what belongs to them; "" for nothing.
        variables: whose values the arrays are, by the same names.
    """
    content = np.frombuffer(text.encode(), np.uint8)
    (length,) = most(len(content))
    if not length:
        return None
    if not are_several():
        return dict(arrays or {}), text
    from jax.experimental import multihost_utils

    if arrays is None:
        content = np.zeros(int(length), np.uint8)
        arrays = {name: np.zeros(variable.shape, variable.dtype) for name, variable in variables.items()}
    arrays = {name: np.asarray(array, variables[name].dtype) for name, array in arrays.items()}
    values, content = multihost_utils.broadcast_one_to_all((arrays, content))
    return dict(values), content.tobytes().decode()


class Meetings:
    """The steps before which all hosts tell each other what one of them alone knows: about every five seconds.

    They are the same on all hosts, since they follow from what all hosts have been told at the last one.
    """

    def __init__(self) -> None:
        self._last, self._next, self._gap, self._met = 0, 0, 1, time.monotonic()

    def begin(self, step: int) -> None:
        """Count from the first step of an epoch."""
        self._last, self._next, self._met = step, step + self._gap, time.monotonic()

    def are_due(self, step: int) -> bool:
        """Whether the hosts meet before a step."""
        return step >= self._next

    def agree(self, step: int, *values: float) -> list[float]:
        """The largest of each value over all hosts."""
        seconds, *agreed = most(time.monotonic() - self._met, *values)
        self._gap = max(1, round((step - self._last) * MEET_EVERY / max(seconds, 1e-3)))
        self.begin(step)
        return agreed
