"""Rendered pieces: notes of MIDI files, or composed by a seeded generator, played by a sound font of General MIDI."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from audiotag import audio, notes, progress, records, storage
from audiotag.clips.pieces import clips_of_piece
from audiotag.errors import AudiotagError
from audiotag.notes import Note, midi, rendering

LICENCE = "composed pieces: CC0-1.0; the sound font's own for how they sound, the MIDI files' own for what is played"
CITATION = "audiotag's rendered pieces (datasets/piano_render.py), played by FluidSynth, www.fluidsynth.org"
SPLIT_OF_PIECE = ("train", "train", "train", "validation", "train", "test", "train", "train", "train", "test")
CLIP_SECONDS = 10.0
SILENCE = 0.2, 1.0  # before the first onset, after the last offset: seconds
SHORTEST = 0.06  # of a composed note, seconds
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)

Rows = list[tuple[float, float, float, float]]
"""Onset, length, pitch and velocity of notes, from the beginning of a section."""


def _degree(root: int, scale: tuple[int, ...], degree: int) -> int:
    octave, step = divmod(degree, len(scale))
    return root + 12 * octave + scale[step]


def _key(random: np.random.Generator) -> tuple[int, tuple[int, ...]]:
    return int(random.integers(12)), (MAJOR, MINOR)[random.integers(2)]


def _scales(random: np.random.Generator, seconds: float) -> Rows:
    """Up and down a key, in one or two voices."""
    (root, scale), step = _key(random), random.uniform(0.09, 0.3)
    degree, direction, rows, now = int(random.integers(21, 42)), 1, [], 0.0
    second = int(random.choice([0, 2, 5, 7]))
    while now < seconds:
        for voice in {0, second}:
            rows.append((now, step * random.uniform(0.6, 1.0), _degree(root, scale, degree + voice), 70))
        if random.random() < 0.08 or not 14 <= degree + direction <= 50:
            direction = -direction
        degree, now = degree + direction, now + step
    return rows


def _chords(random: np.random.Generator, seconds: float) -> Rows:
    """Chords of three or four notes under a melody."""
    (root, scale), beat = _key(random), random.uniform(0.35, 0.9)
    rows, now = [], 0.0
    while now < seconds:
        base = int(random.integers(14, 26))
        length = beat * int(random.choice([1, 2, 4]))
        for part in (0, 2, 4, 6)[: int(random.integers(3, 5))]:
            rows.append((now, length * random.uniform(0.7, 1.0), _degree(root, scale, base + part), 60))
        melody, end = now, now + length
        while melody < end:
            part = beat * float(random.choice([0.25, 0.5, 1.0]))
            rows.append(
                (melody, part * random.uniform(0.7, 1.0), _degree(root, scale, int(random.integers(28, 49))), 84)
            )
            melody += part
        now = end
    return rows


def _arpeggios(random: np.random.Generator, seconds: float) -> Rows:
    """Broken chords whose notes are held to the end of each."""
    (root, scale), step = _key(random), random.uniform(0.1, 0.25)
    rows, now = [], 0.0
    while now < seconds:
        base, count = int(random.integers(14, 35)), int(random.integers(4, 9))
        for index in range(count):
            pitch = _degree(root, scale, base + 2 * index)
            rows.append((now + index * step, (count - index) * step * random.uniform(0.8, 1.0), pitch, 70))
        now += count * step
    return rows


def _anything(random: np.random.Generator, seconds: float) -> Rows:
    """Any pitches at any time, one to eight a second."""
    count = max(1, round(seconds * random.uniform(1.0, 8.0)))
    pitches = np.where(random.random(count) < 0.3, random.uniform(21, 109, count), random.normal(62, 13, count))
    lengths = np.exp(random.normal(np.log(0.4), 0.7, count))
    return list(zip(random.uniform(0, seconds, count), lengths, pitches, random.uniform(40, 100, count), strict=True))


SECTIONS: tuple[Callable[[np.random.Generator, float], Rows], ...] = (_scales, _chords, _arpeggios, _anything)


def compose(seed: int, number: int, seconds: float) -> tuple[Note, ...]:
    """A piece of sections of 4 to 10 s in different styles, played a little unevenly.

    Args:
        seed: of the data set.
        number: of the piece.
        seconds: length of its recording.
    """
    random = np.random.default_rng([seed, number])
    rows: Rows = []
    now, last = SILENCE[0], seconds - SILENCE[1]
    while now < last:
        length = min(random.uniform(4.0, 10.0), last - now)
        section = SECTIONS[random.integers(len(SECTIONS))](random, length)
        rows += [(now + onset, *rest) for onset, *rest in section]
        now += length
    made = []
    for onset, length, pitch, velocity in rows:
        begin = max(onset + random.normal(0.0, 0.008), SILENCE[0])
        end = min(begin + max(length, SHORTEST), last)
        strength = int(np.clip(velocity + random.normal(0.0, 12.0), 20, 120))
        if end - begin >= SHORTEST:
            key = int(np.clip(round(pitch), notes.LOWEST, notes.HIGHEST))
            made.append(Note(round(float(begin), 3), round(float(end), 3), key, strength))
    return tuple(note for note in notes.apart(made)[0] if note.offset - note.onset >= SHORTEST)


def _pieces(source: str | Path | None, pieces: int, seconds: float, seed: int) -> dict[str, tuple[Note, ...]]:
    """Notes of every piece by its name."""
    if source is None:
        return {f"piece-{number:04d}": compose(seed, number, seconds) for number in range(pieces)}
    root = Path(source).resolve()
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not files:
        raise AudiotagError(f"{root} holds no MIDI file (.mid, .midi): name another folder with --source")
    named = {}
    for path in files:
        read = midi.read(path)
        name = path.relative_to(root).with_suffix("").as_posix()
        for remark in read.remarks:
            progress.say(f"{name}: {remark}")
        if read.notes:
            named[name] = read.notes
        else:
            progress.say(f"{name}: left out, it has no note")
    return named


def declare(
    source: str | Path | None = None,
    program: str = "0",
    font: str | None = None,
    pieces: int = 60,
    seconds: float = 60.0,
    seed: int = 0,
    rendered: str | Path | None = None,
) -> records.Declaration:
    """Declare rendered pieces, in clips of 10 s; of ten pieces in a row seven are for training, two for testing.

    It needs the program fluidsynth and a sound font of General MIDI (Debian: fluidsynth, fluid-soundfont-gm). The
    recordings, and their notes as MIDI, are made once and kept. The same seed gives the same pieces whatever plays
    them: built with another program, the split test holds what a network trained on the first has not heard.

    Args:
        source: folder of MIDI files, however deep. Default: pieces are composed.
        program: instruments of General MIDI, 0 (a grand piano) to 127; several, separated by commas, take turns.
        font: sound font, a file or the name of one that is installed, such as TimGM6mb. Default: FluidR3_GM, or
            else TimGM6mb.
        pieces: how many are composed, 10 or more: so there are some for each split.
        seconds: length of a composed piece, 5 or more.
        seed: another seed composes other pieces.
        rendered: folder for the recordings. Default: in the cache.
    """
    if pieces < 10 or not 5 <= seconds < math.inf or seed < 0:
        raise AudiotagError(
            f"pieces are 10 or more, of 5 s or more, with a seed from 0 on, received {pieces}, {seconds} s, seed {seed}"
        )
    programs = [part.strip() for part in program.split(",")]
    if not all(part.isdigit() and int(part) <= 127 for part in programs):
        raise AudiotagError(f"a program of General MIDI is 0 to 127, several separated by commas, received {program!r}")
    rendering.program_path()
    font_file = rendering.font_path(font)
    made = _pieces(source, pieces, seconds, seed)
    key = storage.fingerprint([font_file.name, font_file.stat().st_size])[:8]
    root = Path(rendered or storage.cache_folder() / "piano_render").resolve() / f"{font_file.stem}-{key}"
    clips = []
    with progress.bar("Rendering pieces", len(made), "pieces") as advance:
        for number, (name, own) in enumerate(made.items()):
            instrument = programs[number % len(programs)]
            version = storage.fingerprint([vars(note) for note in own])[:8]
            recording = root / f"program-{int(instrument):03d}" / f"{name}-{version}.flac"
            if not recording.is_file():
                midi.write(recording.with_suffix(".mid"), own, int(instrument))
                rendering.render(recording, own, font=font_file, program=int(instrument))
            advance(1)
            piece = records.Clip(
                clip_id=name,
                source=recording.relative_to(root).as_posix(),
                labels=(),
                split=SPLIT_OF_PIECE[number % len(SPLIT_OF_PIECE)],
                columns={"program": instrument},
            )
            clips += clips_of_piece(piece, own, audio.seconds(recording), CLIP_SECONDS)
    return records.Declaration(
        name="piano_render",
        version="1",
        task="notes",
        licence=LICENCE,
        citation=CITATION,
        labels=notes.labels(),
        clips=tuple(clips),
        seconds=CLIP_SECONDS,
        root=root,
        pad="zero",
    )
