"""Notes read from MIDI files and written to them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.notes.note import HIGHEST, LOWEST, Note, apart, name_of

TICKS_A_BEAT, BEAT = 500, 500_000  # a beat of half a second (in microseconds): a tick is a millisecond
_TICK = BEAT / TICKS_A_BEAT / 1e6
_DRUMS = 9  # the tenth channel of General MIDI: its pitches are instruments
_SUSTAIN, _HELD_FROM = 64, 64  # number of the controller, and the value from which the pedal is down


@dataclass(frozen=True)
class MidiNotes:
    """What a MIDI file holds.

    Args:
        notes: in the order of onset, offset and pitch; those of one pitch do not overlap.
        overlapping: how many notes were cut, or left out, because another note of their pitch began meanwhile.
        outside: pitches that no piano has, by number, with how often each is in the file; they are left out.
        drums: notes of the drum channel; they are left out.
        seconds: when the last event of the file happens.
    """

    notes: tuple[Note, ...]
    overlapping: int
    outside: dict[int, int]
    drums: int
    seconds: float

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of notes that are not as they stand in the file, a line each."""
        lines = []
        if self.outside:
            names = ", ".join(f"{name_of(pitch)} ({pitch}) {count}x" for pitch, count in self.outside.items())
            lines.append(f"notes outside A0 to C8 ({LOWEST} to {HIGHEST}) are left out: {names}")
        if self.drums:
            lines.append(f"notes of the drum channel, left out: {self.drums}")
        if self.overlapping:
            lines.append(f"notes cut where another one of their pitch begins: {self.overlapping}")
        return tuple(lines)


def read(path: str | Path) -> MidiNotes:
    """Notes of a standard MIDI file of type 0 or 1, all its tracks and channels together.

    A sustain pedal (controller 64, down from 64 on) holds the notes of its channel: they end where it is released, or
    where their pitch is struck again, which is how MAESTRO's notes are taken (arXiv 1710.11153). A note-off ends every
    note of its key that began earlier; what nothing ends, the end of the file does.

    Args:
        path: the file.

    Returns:
        The notes, and what was left out or cut.

    Raises:
        AudiotagError: it cannot be read, is no MIDI file, or counts time in frames of film or in tracks of their own.
    """
    struck, pedals, drums, seconds = _raw(Path(path))
    outside = Counter(pitch for pitches in struck.values() for pitch, *_ in pitches if not LOWEST <= pitch <= HIGHEST)
    notes = [
        (onset, offset, pitch, velocity, channel)
        for channel, rows in struck.items()
        for pitch, onset, offset, velocity in rows
        if LOWEST <= pitch <= HIGHEST and offset > onset
    ]
    plain, overlapping = apart(Note(onset, offset, pitch, velocity) for onset, offset, pitch, velocity, _ in notes)
    if pedals:
        held = (Note(on, _released(off, pedals.get(channel, [])), *rest) for on, off, *rest, channel in notes)
        plain, _ = apart(held)
    return MidiNotes(plain, overlapping, dict(sorted(outside.items())), drums, seconds)


_Struck = dict[int, list[tuple[int, float, float, int]]]
"""By channel: pitch, onset, offset and velocity of notes; no pedal is looked at."""
_Pedals = dict[int, list[tuple[float, float]]]
"""By channel: when the pedal goes down and up again, in order."""


def _raw(path: Path) -> tuple[_Struck, _Pedals, int, float]:
    """Notes, pedals, number of notes of the drum channel, and seconds of a file."""
    struck: _Struck = defaultdict(list)
    pedals: _Pedals = defaultdict(list)
    sounding: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    down: dict[int, float] = {}
    drums, now = 0, 0.0

    def end(key: tuple[int, int], begun: Iterable[tuple[float, int]]) -> None:
        struck[key[0]] += [(key[1], onset, now, velocity) for onset, velocity in begun]

    for message in _messages(path):
        now += message.time
        if message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            if message.channel == _DRUMS:
                drums += message.type == "note_on" and message.velocity > 0
            elif message.type == "note_on" and message.velocity > 0:
                sounding[key].append((now, message.velocity))
            else:
                earlier = [begun for begun in sounding[key] if begun[0] < now]
                end(key, earlier)
                # What began just now goes on where an earlier note ends, and has no length where none does.
                sounding[key] = [begun for begun in sounding[key] if begun[0] == now] if earlier else []
        elif message.type == "control_change" and message.control == _SUSTAIN:
            if message.value >= _HELD_FROM:
                down.setdefault(message.channel, now)
            elif message.channel in down:
                pedals[message.channel].append((down.pop(message.channel), now))
    for key, begun in sounding.items():
        end(key, begun)
    for channel, since in down.items():
        pedals[channel].append((since, now))
    return struck, pedals, drums, now


def _messages(path: Path) -> Iterator[Any]:
    """Messages of all tracks in order, `time` in seconds since the one before."""
    import mido

    try:
        file = mido.MidiFile(path, clip=True)
        if file.type == 2 or file.ticks_per_beat <= 0:
            what = "tracks that begin each for itself (type 2)" if file.type == 2 else "time in frames of film (SMPTE)"
            raise AudiotagError(f"a MIDI file counts beats in tracks that go together, {path} has {what}: convert it")
        yield from file
    except AudiotagError:
        raise
    except OSError as error:
        # mido says so, too, of bytes that are no MIDI.
        raise AudiotagError(f"{path} cannot be read as MIDI ({error.strerror or error}): name a .mid file") from error
    except Exception as error:  # a damaged file: mido fails in as many ways as there are bytes
        reason = str(error) or type(error).__name__
        raise AudiotagError(f"{path} is no whole MIDI file ({reason}): get it again") from error


def _released(offset: float, pedals: list[tuple[float, float]]) -> float:
    """When a note ends whose key is released at `offset`."""
    place = bisect_right(pedals, (offset, float("inf"))) - 1
    return max(offset, pedals[place][1]) if place >= 0 else offset


def write(path: str | Path, notes: Iterable[Note], program: int = 0) -> None:
    """Write notes as a MIDI file of one track, whole or not at all; times are rounded to milliseconds.

    Args:
        path: the file, `.mid`.
        notes: in any order.
        program: instrument of General MIDI, 0 (a grand piano) to 127.

    Raises:
        AudiotagError: there is no such program.
    """
    import mido

    if not 0 <= program <= 127:
        raise AudiotagError(f"a program of General MIDI is 0 to 127, received {program}")
    events: list[tuple[int, bool, Any]] = []
    for note in apart(notes)[0]:
        onset = round(note.onset / _TICK)
        offset = max(round(note.offset / _TICK), onset + 1)
        events.append((onset, True, mido.Message("note_on", note=note.pitch, velocity=note.velocity)))
        events.append((offset, False, mido.Message("note_off", note=note.pitch)))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=BEAT), mido.Message("program_change", program=program)])
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_A_BEAT)
    file.tracks.append(track)
    with storage.write_atomically(Path(path), "wb") as stream:
        file.save(file=stream)
