"""What is set at the start: TensorFlow's chatter, the settings of a user's `keras.json`, the allocator's."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from audiotag import progress


def import_tensorflow_quietly() -> None:
    """Import TensorFlow and find its devices without the lines that its C++ parts print on the way.

    They are written before TensorFlow's own log level holds. An import that fails still raises.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with no_chatter():
        import tensorflow as tf

        tf.config.list_physical_devices()
        tf.zeros(1)
    tf.get_logger().setLevel("ERROR")
    _override_keras_json()


@contextmanager
def no_chatter() -> Iterator[None]:
    """Nothing is written to standard error, which is turned away at the level of the file descriptor.

    For libraries in C++ that print what nobody asked for and offer no way to stop it.
    """
    with _turning:  # two threads at once would turn it away for good
        sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


_turning = threading.RLock()


def processors() -> int:
    """How many processors this thread may use: in a container or under `taskset` not all there are."""
    if getattr(_of_thread, "one", False):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def have_one_processor() -> None:
    """From now on `processors` says 1 in this thread: it is one of as many as there are processors."""
    _of_thread.one = True


_of_thread = threading.local()


def keep_freed_memory() -> None:
    """Have glibc keep up to 256 MB that were freed, where the environment does not say otherwise.

    It gives large blocks back to the system at once, and a pipeline whose every batch is one then waits a third of its
    time for pages that it had before.
    """
    if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt:
            mallopt(_MMAP_THRESHOLD, 32 << 20)  # glibc's largest
            mallopt(_TRIM_THRESHOLD, 256 << 20)


_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of malloc.h


def _override_keras_json() -> None:
    """Set Keras to what audiotag's networks are made for, and say so where `keras.json` says something else."""
    import keras

    layout, dtype = keras.config.image_data_format(), keras.config.floatx()
    if (layout, dtype) != ("channels_last", "float32"):
        _set()
        progress.say(f"keras.json says {layout} and {dtype}: audiotag's networks are channels_last and float32")


@contextmanager
def keras_defaults() -> Iterator[None]:
    """Keras as audiotag's networks are made for, channels last and float32, and afterwards as it was before.

    A policy that is not the one of `keras.json` stays: mixed precision, for one.
    """
    import keras

    before = keras.config.image_data_format(), keras.config.floatx(), keras.config.dtype_policy()
    _set()
    try:
        yield
    finally:
        keras.config.set_image_data_format(before[0])
        keras.config.set_floatx(before[1])
        keras.config.set_dtype_policy(before[2])


def _set() -> None:
    import keras

    keras.config.set_image_data_format("channels_last")
    if keras.config.dtype_policy().name == keras.config.floatx():  # nobody chose another
        keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
