"""TensorBoard's event files, written as its own protobufs and without TensorFlow: the same on every Keras backend."""

from __future__ import annotations

import importlib
import math
import os
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from audiotag.records import tfrecord

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

PATTERN = "events.out.tfevents.*"


def class_tag(name: str) -> str:
    """A class name as one component of a tag: no two names give the same tag.

    TensorBoard cuts tags at `/`, so the slash becomes the division slash `∕`, which looks like it. That character
    itself, `%` and unprintable characters are percent-encoded; everything else, emoji included, stays.
    """
    encoded = (
        quote(character, errors="surrogatepass") if character in "∕%" or not character.isprintable() else character
        for character in name
    )
    return "".join(encoded).replace("/", "∕")


class EventFile:
    """A new event file in a folder; a context manager.

    What is added waits for `flush` or `close` and is then one record a step, so that thousands of points cost little;
    pictures and sounds are written at once.

    Args:
        folder: TensorBoard's run, for example `<run>/evaluation`; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        unique = f"{time.time_ns():020d}.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(2)}"
        self.path = folder / f"events.out.tfevents.{unique}"
        self._file = self.path.open("wb")
        self._waiting: dict[int, Any] = {}
        self._described: set[str] = set()
        self._write(file_version="brain.Event:2")

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and close the file."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def flush(self) -> None:
        """Make everything added so far visible to TensorBoard."""
        for step, summary in self._waiting.items():
            self._write(summary=summary, step=step)
        self._waiting.clear()
        self._file.flush()

    def scalar(self, tag: str, value: float, step: int, *, name: str = "", description: str = "") -> None:
        """Add one point of a curve; NaN and infinity are left out, since TensorBoard draws them as points of no height.

        Args:
            tag: the curve's place, `group/name`.
            value: the point.
            step: epoch, from 1.
            name: shown instead of the tag where TensorBoard shows names.
            description: Markdown, shown beside the chart.
        """
        from tensorboard.compat.proto import tensor_pb2, types_pb2
        from tensorboard.plugins.scalar import metadata

        if not math.isfinite(value):
            return
        point = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[value])
        point.tensor_shape.SetInParent()
        # TensorBoard reads what a tag is from its first point.
        about = None if tag in self._described else metadata.create_summary_metadata(name, description)
        self.add(tag, point, step, about, "DATA_CLASS_SCALAR")

    def image(self, tag: str, png: bytes, step: int, *, name: str = "", description: str = "") -> None:
        """Add a PNG picture."""
        width, height = (str(int.from_bytes(png[start : start + 4], "big")).encode() for start in (16, 20))
        self._add("image", tag, [width, height, png], step, name, description)

    def audio(self, tag: str, wav: bytes, step: int, *, name: str = "", description: str = "") -> None:
        """Add a sound, the content of a WAV file."""
        from tensorboard.plugins.audio.metadata import Encoding

        self._add("audio", tag, [wav], step, name, description, Encoding.Value("WAV"))

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Add a text in Markdown, tables included."""
        self._add("text", tag, markdown.encode(), step, "", "")

    def histogram(self, tag: str, buckets: np.ndarray, step: int, *, name: str = "", description: str = "") -> None:
        """Add a histogram, (buckets, 3): left edge, right edge, count."""
        self._add("histogram", tag, buckets.astype(np.float64), step, name, description)

    def curve(self, tag: str, values: np.ndarray, step: int, *, name: str = "", description: str = "") -> None:
        """Add a precision-recall curve, (6, thresholds) as `curves.precision_recall` gives it."""
        self._add("pr_curve", tag, values.astype(np.float32), step, name, description, values.shape[1])

    def _add(self, plugin: str, tag: str, content: np.ndarray | bytes | list[bytes], step: int, *about: Any) -> None:
        """Add what a plugin of TensorBoard's shows; a list of bytes (pictures, sounds) is written at once."""
        from tensorboard.util import tensor_util

        plugin_metadata = importlib.import_module(f"tensorboard.plugins.{plugin}.metadata")
        values = content if isinstance(content, np.ndarray) else np.array(content, dtype=object)
        tensor, blobs = tensor_util.make_tensor_proto(values), isinstance(content, list)
        data_class = "DATA_CLASS_BLOB_SEQUENCE" if blobs else "DATA_CLASS_TENSOR"
        self.add(tag, tensor, step, plugin_metadata.create_summary_metadata(*about), data_class)
        if blobs:
            self.flush()

    def graph(self, definition: bytes) -> None:
        """Add the graph of the run, a serialised `GraphDef`."""
        self._write(graph_def=definition)

    def add(self, tag: str, tensor: TensorProto, step: int, about: SummaryMetadata | None, data_class: str) -> None:
        """Add a value of any plugin.

        Args:
            tag: its place.
            tensor: the value.
            step: where it stands.
            about: metadata of the plugin; None: as before for this tag.
            data_class: name of the data class, which says how TensorBoard keeps the value.
        """
        from tensorboard.compat.proto import summary_pb2

        if about is not None:
            about.data_class = getattr(summary_pb2, data_class)
            self._described.add(tag)
        summary = self._waiting.setdefault(step, summary_pb2.Summary())
        summary.value.add(tag=tag, metadata=about, tensor=tensor)

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto import event_pb2

        event = event_pb2.Event(wall_time=time.time(), **fields)
        self._file.write(tfrecord.frame(event.SerializeToString()))
