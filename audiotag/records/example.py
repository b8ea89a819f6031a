"""What one record holds, a `tf.train.Example`, written without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.records.stored import FLOAT16, StoredLogMel
from audiotag.records.top_logits import TopLogits

# Field numbers of tensorflow/core/example/feature.proto.
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
EventRow = tuple[float, float, int]
"""A strong label: onset and offset in seconds of the waveform that the network hears, class index."""
FULL_SCALE = 32_767
"""The stored sample of a waveform's peak."""


def encode_example(
    clip_id: str,
    variant: int,
    log_mel: np.ndarray,
    labels: Iterable[int],
    events: Sequence[EventRow] = (),
    waveform: np.ndarray | None = None,
    stored: StoredLogMel = FLOAT16,
    judged: np.ndarray | None = None,
    velocities: Sequence[int] = (),
) -> bytes:
    """Serialise one view of one clip; the same arguments give the same bytes on every machine.

    Args:
        clip_id: name of the clip.
        variant: 0 for the untouched clip, 1, 2 … for its augmented views.
        log_mel: (frames, mels), stored frame-major.
        labels: class indices.
        events: strong labels; where there are none, the features `event_*` are left out.
        waveform: (samples,), stored as int16 of its peak; None: the features `waveform*` are left out.
        stored: how the log-mel is stored; where it is not, the feature `log_mel` is left out. Default: as float16.
        judged: (classes,) bool, stored as `weights` of the labels, 0 where nobody judged whether a class sounds; None:
            the feature is left out, all were.
        velocities: of the events where they are notes, stored as `event_velocity`; else the feature is left out.

    Raises:
        ValueError: a value that float16 cannot hold, NaN and infinities included.
    """
    values = stored.encode(log_mel)
    features: dict[str, bytes] = {
        "clip_id": _bytes_feature(clip_id.encode()),
        "variant": _int64_feature([variant]),
        "frames": _int64_feature([len(log_mel)]),
        "labels": _int64_feature(sorted(set(labels))),
    }
    if values is not None:
        features["log_mel"] = _bytes_feature(values.tobytes())
    if events:
        onsets, offsets, classes = zip(*events, strict=True)
        features |= {
            "event_onset": _float_feature(onsets),
            "event_offset": _float_feature(offsets),
            "event_class": _int64_feature(classes),
        }
    if velocities:
        features["event_velocity"] = _int64_feature(velocities)
    if judged is not None:
        features["weights"] = _float_feature(judged)
    if waveform is not None:
        steps, peak = quantize(waveform)
        features |= {"waveform": _bytes_feature(steps.tobytes()), "waveform_peak": _float_feature([peak])}
    return _example(features)


def quantize(waveform: np.ndarray) -> tuple[np.ndarray, float]:
    """A waveform in 16 bits, full scale being its own peak: nothing is clipped, and quiet clips lose no more than loud.

    Args:
        waveform: (samples,), finite.

    Returns:
        (samples,), int16, little-endian, and the peak: a sample is `stored / 32767 * peak`.
    """
    peak = float(np.float32(np.abs(waveform).max(initial=0.0)))
    steps = np.rint(np.asarray(waveform, np.float64) * (FULL_SCALE / peak)) if peak else np.zeros(len(waveform))
    return steps.astype("<i2"), peak


def encode_teacher(
    clip_id: str, variant: int, logits: np.ndarray | TopLogits | None, steps: np.ndarray | None = None
) -> bytes:
    """Serialise a teacher's outputs for one record.

    Args:
        clip_id: name of the clip, as in the record.
        variant: as in the record.
        logits: (classes,), stored as float32, NaN for a class that the teacher does not know; or the largest of them,
            stored as float16 with their classes; None: the teacher has none for this clip. Where there is no logit, the
            label is kept.
        steps: (steps, classes), stored as float16, NaN for a class that the teacher does not know; None: the feature
            `step_logits` is left out.

    Raises:
        AudiotagError: one of the largest logits, or one of a step, is too large for float16.
    """
    features = {"clip_id": _bytes_feature(clip_id.encode()), "variant": _int64_feature([variant])}
    if isinstance(logits, TopLogits):
        with np.errstate(over="ignore"):
            values = logits.logits.astype("<f2")
        if not np.isfinite(values).all():
            raise AudiotagError(
                f"the largest logits are stored as float16, from -65504 to 65504, clip {clip_id!r}, variant {variant}, "
                f"has {logits.logits[~np.isfinite(values)][0]:g}: store all logits (leave out top), or scale them"
            )
        features["top_classes"] = _int64_feature(logits.classes)
        features["top_logits"] = _bytes_feature(values.tobytes())
        features["rest"] = _float_feature([logits.rest])
    else:
        stored = b"" if logits is None else np.ascontiguousarray(logits, dtype="<f4").tobytes()
        features["logits"] = _bytes_feature(stored)
    if steps is not None:
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(steps, dtype="<f2")
        if np.isinf(values).any():
            raise AudiotagError(
                f"logits of steps are stored as float16, from -65504 to 65504, clip {clip_id!r}, variant {variant}, "
                f"has {steps[np.isinf(values)][0]:g}: scale them, or teach without frames"
            )
        features["step_logits"] = _bytes_feature(values.tobytes())
    return _example(features)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _bytes_feature(value: bytes) -> bytes:
    return _field(_BYTES_LIST, _field(1, value))


def _int64_feature(values: Iterable[int]) -> bytes:
    packed = b"".join(_varint(int(value)) for value in values)
    return _field(_INT64_LIST, _field(1, packed) if packed else b"")


def _float_feature(values: Iterable[float]) -> bytes:
    return _field(_FLOAT_LIST, _field(1, b"".join(struct.pack("<f", value) for value in values)))


def _example(features: dict[str, bytes]) -> bytes:
    """An Example whose map entries lie in the order of their keys, as protobuf's deterministic mode writes them."""
    entries = (_field(1, _field(1, key.encode()) + _field(2, features[key])) for key in sorted(features))
    return _field(1, b"".join(entries))
