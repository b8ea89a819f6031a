"""Randomness of augmentation: one seed a clip and variant, and the global generators lent for a while."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from audiotag import storage

_lock = threading.Lock()


def seed_for(seed: int, clip_id: str, variant: int) -> int:
    """Seed of one variant of one clip: the same in every process, in any order, on any machine.

    Args:
        seed: seed of the data set.
        clip_id: the clip's name in its data set.
        variant: number of the variant.

    Returns:
        A whole number in [0, 2 ** 64): the beginning of the SHA-256 of the three.
    """
    text = f"{seed}\0{variant}\0{clip_id}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def generator_for(*key: object) -> np.random.Generator:
    """Random numbers that depend on a key alone, whichever process draws them and in whatever order: of data set files.

    Args:
        key: what is told apart by how it is written, such as a seed and the name of a clip.
    """
    return np.random.default_rng(int(storage.fingerprint(list(map(str, key)))[:16], 16))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed `random` and `numpy.random`, which audiomentations draws from, and give their states back at the end.

    One thread at a time: the generators are the process's.
    """
    with _lock:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed([seed >> 32, seed & 0xFFFFFFFF])
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
