"""Shards of a remote data set for tf.data: fetched ahead of their turn into the local cache, and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import tensorflow as tf

from audiotag import storage
from audiotag.errors import UnreachableError

Fetch = Callable[[bytes], bytes]
"""From the address of a shard to the path of a local file."""

_TOGETHER = 8  # shards fetched at once
_AHEAD = 8  # shards that wait for their turn


def fetcher(shards: Iterable[tuple[Path, int | None, str]]) -> Fetch | None:
    """What fetches shards.

    Args:
        shards: path, bytes (None: unknown) and SHA-256 of each.

    Returns:
        None where they lie on this machine.
    """
    known = {str(path).encode(): (path, size, sha256) for path, size, sha256 in shards if storage.is_remote(path)}
    if not known:
        return None

    def fetch(address: bytes) -> bytes:
        path, size, sha256 = known[address]
        return str(storage.local_file(path, size=size, sha256=sha256)).encode()

    return fetch


def ahead(shards: tf.data.Dataset, fetch: Fetch | None) -> tf.data.Dataset:
    """The same shards in the same order, remote files replaced by local ones.

    Args:
        shards: elements (shard, its files); both are tensors, or tuples of them.
        fetch: what `fetcher` gave.
    """
    if fetch is None:
        return shards

    def local(file: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(fetch, [file], tf.string, stateful=False), [])

    fetched = shards.map(
        lambda shard, files: (shard, tf.nest.map_structure(local, files)),
        num_parallel_calls=_TOGETHER,
        deterministic=True,
    )
    return fetched.prefetch(_AHEAD)


def reason(error: tf.errors.OpError) -> UnreachableError | None:
    """The error of `ahead` inside one of TensorFlow's; None: it is another."""
    message = re.search(r"UnreachableError: (.*)", str(error))
    return UnreachableError(message[1].strip()) if message else None
