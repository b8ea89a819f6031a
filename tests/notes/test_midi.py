"""MIDI files, byte by byte: tempo changes, running status, pedals, overlaps, and what is no MIDI."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import notes
from audiotag.errors import AudiotagError
from audiotag.notes import Note, midi


def track(*events: bytes) -> bytes:
    content = b"".join(events) + b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(content)) + content


def write(path: Path, *tracks: bytes, kind: int = 0, division: int = 100) -> Path:
    path.write_bytes(b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division & 0xFFFF) + b"".join(tracks))
    return path


def on(ticks: int, pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return bytes([ticks, 0x90 | channel, pitch, velocity])


def off(ticks: int, pitch: int, channel: int = 0) -> bytes:
    return bytes([ticks, 0x80 | channel, pitch, 0])


def pedal(ticks: int, value: int, channel: int = 0) -> bytes:
    return bytes([ticks, 0xB0 | channel, 64, value])


def tempo(ticks: int, microseconds: int) -> bytes:
    return bytes([ticks, 0xFF, 0x51, 3]) + microseconds.to_bytes(3, "big")


def read(path: Path) -> list[tuple[float, float, int, int]]:
    return [(round(n.onset, 6), round(n.offset, 6), n.pitch, n.velocity) for n in midi.read(path).notes]


def test_running_status_and_a_note_on_without_velocity_are_read(tmp_path: Path) -> None:
    content = track(on(0, 60, 80), bytes([100, 64, 90]), bytes([100, 60, 0]), bytes([0, 64, 0]))
    assert read(write(tmp_path / "a.mid", content)) == [(0.0, 1.0, 60, 80), (0.5, 1.0, 64, 90)]


def test_a_tempo_in_one_track_holds_for_all(tmp_path: Path) -> None:
    """A beat is 100 ticks: 0.5 s, from tick 100 on 1 s, from tick 150 on 0.25 s."""
    tempos = track(tempo(0, 500_000), tempo(100, 1_000_000), tempo(50, 250_000))
    played = track(on(50, 60), off(100, 60), on(50, 62), off(100, 62))
    path = write(tmp_path / "a.mid", tempos, played, kind=1)
    assert read(path) == [(0.25, 1.0, 60, 64), (1.125, 1.375, 62, 64)]
    assert midi.read(path).seconds == pytest.approx(1.375)


def test_a_note_struck_again_while_it_sounds_is_cut_and_counted(tmp_path: Path) -> None:
    content = track(on(0, 60, 50), on(100, 60, 70), off(100, 60), on(0, 62), off(50, 62))
    read_file = midi.read(write(tmp_path / "a.mid", content))
    assert [(n.onset, n.offset, n.velocity) for n in read_file.notes if n.pitch == 60] == [(0, 0.5, 50), (0.5, 1, 70)]
    assert read_file.overlapping == 1
    assert read_file.remarks == ("notes cut where another one of their pitch begins: 1",)


def test_notes_of_two_channels_are_one_piano(tmp_path: Path) -> None:
    content = track(
        on(0, 60, 50, channel=0), on(50, 60, 60, channel=1), off(100, 60, channel=0), off(50, 60, channel=1)
    )
    assert read(write(tmp_path / "a.mid", content)) == [(0.0, 0.25, 60, 50), (0.25, 1.0, 60, 60)]


def test_the_next_note_may_be_written_before_the_end_of_the_one_before(tmp_path: Path) -> None:
    content = track(on(0, 60, 50), on(100, 60, 70), off(0, 60), off(100, 60))
    read_file = midi.read(write(tmp_path / "a.mid", content))
    assert [(n.onset, n.offset) for n in read_file.notes] == [(0, 0.5), (0.5, 1)]
    assert read_file.overlapping == 0


def test_a_note_without_length_is_none(tmp_path: Path) -> None:
    content = track(on(0, 60), off(0, 60), on(100, 62), off(100, 62), off(100, 60))
    assert read(write(tmp_path / "a.mid", content)) == [(0.5, 1.0, 62, 64)]


def test_the_end_of_the_file_ends_what_sounds(tmp_path: Path) -> None:
    content = track(on(0, 60), on(100, 62), off(100, 62))
    assert read(write(tmp_path / "a.mid", content)) == [(0.0, 1.0, 60, 64), (0.5, 1.0, 62, 64)]


def test_the_sustain_pedal_holds_notes_until_it_is_released_or_they_are_struck_again(tmp_path: Path) -> None:
    content = track(
        *(on(0, 60), on(0, 72), pedal(20, 64), off(20, 60), off(0, 72)),  # 0.2 s: both are held
        *(on(60, 60), off(20, 60), pedal(30, 63)),  # 0.5 s: struck again; released at 0.75 s
        *(on(50, 64), off(20, 64)),
    )
    read_file = midi.read(write(tmp_path / "a.mid", content))
    assert [(round(n.onset, 6), round(n.offset, 6), n.pitch) for n in read_file.notes] == [
        (0.0, 0.5, 60),
        (0.0, 0.75, 72),
        (0.5, 0.75, 60),
        (1.0, 1.1, 64),
    ]
    assert read_file.overlapping == 0


def test_a_pedal_is_that_of_its_channel(tmp_path: Path) -> None:
    content = track(pedal(0, 127), on(0, 60, channel=1), off(100, 60, channel=1), on(0, 62), off(50, 62), pedal(50, 0))
    assert read(write(tmp_path / "a.mid", content)) == [(0.0, 0.5, 60, 64), (0.5, 1.0, 62, 64)]


def test_what_no_piano_has_is_left_out_and_named(tmp_path: Path) -> None:
    content = track(
        *(on(0, 20), off(50, 20), on(0, 109), off(50, 109), on(0, 109), off(50, 109)),
        *(on(0, 40, channel=9), off(50, 40, channel=9), on(0, 21), off(50, 21), on(0, 108), off(50, 108)),
    )
    read_file = midi.read(write(tmp_path / "a.mid", content))
    assert [note.name for note in read_file.notes] == ["A0", "C8"]
    assert (read_file.outside, read_file.drums) == ({20: 1, 109: 2}, 1)
    assert read_file.remarks == (
        "notes outside A0 to C8 (21 to 108) are left out: G#0 (20) 1x, C#8 (109) 2x",
        "notes of the drum channel, left out: 1",
    )


@pytest.mark.parametrize(
    ("kind", "division", "message"),
    [(2, 100, r"tracks that begin each for itself \(type 2\)"), (0, -6360, r"time in frames of film \(SMPTE\)")],
)
def test_what_has_no_beats_in_common_is_refused(tmp_path: Path, kind: int, division: int, message: str) -> None:
    path = write(tmp_path / "a.mid", track(on(0, 60), off(50, 60)), kind=kind, division=division)
    with pytest.raises(AudiotagError, match=message):
        midi.read(path)


def test_no_damage_is_a_traceback(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", track(tempo(0, 400_000), on(0, 60), pedal(9, 127), off(90, 60), on(1, 62)))
    whole, generator = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole[: generator.randrange(len(whole) + 1)] if generator.random() < 0.5 else whole)
        if damaged:
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            midi.read(path)
        except AudiotagError as error:
            refused += str(path) in str(error)
    assert refused > 100
    with pytest.raises(AudiotagError, match="cannot be read as MIDI"):
        midi.read(tmp_path / "none.mid")


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(1, 2000), st.integers(21, 108), st.integers(1, 127)), max_size=30
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, int]]
) -> None:
    """To the millisecond, notes of one pitch kept apart."""
    path = tmp_path_factory.getbasetemp() / "written.mid"
    wanted, _ = notes.apart(Note(on / 1000, (on + length) / 1000, *rest) for on, length, *rest in rows)
    midi.write(path, wanted)
    read_file = midi.read(path)
    assert [(n.pitch, n.velocity) for n in read_file.notes] == [(n.pitch, n.velocity) for n in wanted]
    for found, note in zip(read_file.notes, wanted, strict=True):
        assert (found.onset, found.offset) == pytest.approx((note.onset, note.offset), abs=1e-6)
    assert read_file.overlapping == 0


def test_an_instrument_is_written(tmp_path: Path) -> None:
    midi.write(tmp_path / "a.mid", [Note(0.0, 0.1, 60, 64)], program=24)
    assert b"\xc0\x18" in (tmp_path / "a.mid").read_bytes()
    with pytest.raises(AudiotagError, match="0 to 127, received 128"):
        midi.write(tmp_path / "a.mid", [], program=128)
