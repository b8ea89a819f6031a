"""Raw samples of every format, a file at its own pace, and a microphone that is overrun, unplugged and back."""

from __future__ import annotations

import io
import time
import types

import numpy as np
import pytest
import soundfile

from audiotag import AudioError, AudiotagError
from audiotag.listening import sources
from audiotag.listening.sources import Microphone, Played, RawSamples


def heard(source) -> np.ndarray:
    return np.concatenate([piece.samples for piece in source.pieces()])


SIGNAL = np.random.default_rng(0).uniform(-0.9, 0.9, (5000, 2))


@pytest.mark.parametrize(("format", "kind", "scale"), [("s16", "<i2", 2**15), ("s32", "<i4", 2**31), ("f32", "<f4", 1)])
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_samples_of_every_format_are_heard_as_they_are(format, kind, scale, channels):
    sent = SIGNAL[:, :channels]
    stream = io.BytesIO((sent * scale).astype(kind).tobytes())
    found = heard(RawSamples(stream, 16000, channels, format))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, sent.mean(axis=1), atol=1e-4)


class Dripping(io.RawIOBase):
    """Gives at most seven bytes at once, as a pipe may."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int = -1) -> bytes:
        part, self.content = self.content[:7], self.content[7:]
        return part


def test_samples_that_come_in_parts_are_put_together():
    sent = (SIGNAL[:500] * 2**15).astype("<i2")
    found = heard(RawSamples(Dripping(sent.tobytes()), 16000, 2))
    np.testing.assert_allclose(found, SIGNAL[:500].mean(axis=1), atol=1e-4)


def test_another_format_than_is_named_is_found_out_where_it_can_be():
    whole_numbers = (SIGNAL * 2**31).astype("<i4").tobytes()
    with pytest.raises(AudioError, match="no samples of the format f32"):
        heard(RawSamples(io.BytesIO(whole_numbers), 16000, 1, "f32"))
    with pytest.raises(AudioError, match=r"middle of a sample \(3 of 4 bytes\)"):
        heard(RawSamples(io.BytesIO(b"\0" * 4003), 16000, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [((16000, 1, "s24"), "no format of samples"), ((0,), "received 0"), ((16000, 0), "at least one channel")],
)
def test_raw_samples_that_cannot_be_are_refused_in_one_line(options, message):
    with pytest.raises(AudiotagError, match=message) as raised:
        RawSamples(io.BytesIO(), *options)
    assert "\n" not in str(raised.value)


def test_a_file_is_played_at_its_own_pace(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", SIGNAL[:, 0], 8000)
    now, slept = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: (slept.append(seconds), now.__setitem__(0, now[0] + seconds)))
    pieces = list(Played(tmp_path / "a.wav", 8000).pieces())
    assert sum(slept) == pytest.approx(5000 / 8000)
    arrived = np.cumsum([len(piece.samples) for piece in pieces]) / 8000 + 100
    np.testing.assert_allclose([piece.arrived for piece in pieces], arrived)


class PortAudioError(Exception):
    pass


@pytest.fixture
def device(monkeypatch):
    """A stand-in for sounddevice, whose microphone does what its script says, a piece or an event after another."""
    script = []

    class Stream:
        active = True

        def __init__(self, rate, size, device, dtype, callback):
            self.size, self.callback = size, callback

        def __enter__(self):
            while script:
                what = script.pop(0)
                if what == "refuses":
                    raise PortAudioError("device\nunavailable")
                if what == "unplugged":
                    break
                status = types.SimpleNamespace(input_overflow=what == "overrun")
                self.callback(np.full((self.size, 2), 0.25, np.float32), self.size, None, status)
            return self

        def __exit__(self, *_):
            return False

    def query_devices(name, kind):
        if name == "none":
            raise ValueError("No input device\nmatching 'none'")
        return {"name": "USB microphone", "default_samplerate": 48000.0}

    module = types.SimpleNamespace(InputStream=Stream, PortAudioError=PortAudioError, query_devices=query_devices)
    monkeypatch.setattr(sources, "_sounddevice", lambda: module)
    real = sources.queue.Queue.get
    monkeypatch.setattr(sources.queue.Queue, "get", lambda self, timeout: real(self, timeout=0.01))
    monkeypatch.setattr(sources, "RETRY", 0.05)
    return script


def test_a_microphone_that_is_overrun_unplugged_and_back_says_what_was_lost(device, capsys):
    device += ["piece", "overrun", "unplugged", "refuses", "piece", "piece"]
    microphone, pieces = Microphone(), []
    for piece in microphone.pieces():
        pieces.append(piece)
        if len(pieces) == 4:
            break
    assert microphone.sample_rate == 48000
    assert {len(piece.samples) for piece in pieces} == {4800} and pieces[0].samples[0] == 0.25
    lost = [piece.lost for piece in pieces]
    assert lost[0] == 0 and lost[1] == sources.PIECE and lost[3] == 0
    assert 0.05 <= lost[2] < 5  # waited for twice
    told = capsys.readouterr().err
    assert "USB microphone was lost" in told and "is back after" in told


def test_what_waits_too_long_is_dropped_and_counted(device, monkeypatch):
    monkeypatch.setattr(sources, "WAITING", 1.0)
    device += ["piece"] * 15
    pieces = []
    for piece in Microphone().pieces():
        pieces.append(piece)
        if len(pieces) == 10:
            break
    assert sum(piece.lost for piece in pieces) == pytest.approx(5 * sources.PIECE)


def test_a_microphone_that_cannot_be_opened_to_begin_with_is_not_waited_for(device):
    device += ["refuses"]
    with pytest.raises(AudiotagError, match="cannot be listened to at 8 Hz") as raised:
        next(Microphone(sample_rate=8).pieces())
    assert "\n" not in str(raised.value)


def test_a_microphone_that_is_not_there_is_one_line(device):
    with pytest.raises(AudiotagError, match="no microphone is named 'none'") as raised:
        Microphone("none")
    assert "\n" not in str(raised.value)
