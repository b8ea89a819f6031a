"""Soundscapes of your own recordings: clips of a data set, laid over a background with known onsets and offsets."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas

from audiotag import audio, progress, records, storage
from audiotag.augment.randomness import generator_for
from audiotag.clips import sources
from audiotag.clips.declaration import read_clip
from audiotag.errors import AudiotagError
from audiotag.labels import Labels, join_cell, split_cell

LICENCE = "that of the recordings they are made of"
CITATION = "what is cited for the recordings, mixed by audiotag (datasets/soundscapes.py)"
FRAME = 0.01  # seconds in which loudness is measured
BELOW, PAUSE, SHORTEST = 30.0, 0.25, 0.1  # dB below the loudest frame, for so many seconds: it has ended
LONGEST = 0.6  # of a soundscape's length, of an event
ABOVE = 6.0, 30.0  # of events above the background: dB
FADE = 0.01  # seconds, at both ends of an event
SHOWN = 3  # clips that are left out, by name
TRIES = 20  # to place an event beside others of its class

Part = tuple[str, float, float]
"""Source, start and end of a part that sounds, seconds of the recording."""


def mix(root: Path, clip: records.Clip, sample_rate: int) -> np.ndarray:
    """The waveform of a soundscape: its events over its background.

    Args:
        root: folder of the recordings.
        clip: its columns `recordings`, `starts` and `decibels` say of every event which part of what it is and how far
            it lies above the background, `background` of which recording that is (none: faint coloured noise).
        sample_rate: Hz.

    Returns:
        (samples,), float32, within [-0.9, 0.9].
    """
    random = generator_for(clip.source, "mix")
    total = round(clip.end * sample_rate)
    mixture = _background(root, clip.columns["background"], total, sample_rate, random)
    cells = (split_cell(clip.columns[name]) for name in ("recordings", "starts", "decibels"))
    for event, recording, start, decibels in zip(clip.events, *cells, strict=True):
        begin, samples = round(event.onset * sample_rate), round((event.offset - event.onset) * sample_rate)
        part = records.Clip("", recording, (), "", float(start), float(start) + event.offset - event.onset)
        sound = read_clip(root, part, sample_rate)[: min(samples, total - begin)].astype(np.float64)
        fade = min(round(FADE * sample_rate), len(sound) // 2)
        ramp = (np.arange(fade) + 0.5) / max(fade, 1)
        sound[:fade] *= ramp
        sound[len(sound) - fade :] *= ramp[::-1]
        mixture[begin : begin + len(sound)] += 10 ** (float(decibels) / 20) * sound / _loudness(sound)
    return (mixture * random.uniform(0.1, 0.9) / np.abs(mixture).max()).astype(np.float32)


def _background(root: Path, source: str, total: int, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Of loudness 1: (total,) float64."""
    if source:
        sound = audio.fit(read_clip(root, records.Clip("", source, (), ""), sample_rate), total, "repeat")
        return sound / _loudness(sound)
    spectrum = np.fft.rfft(random.normal(size=total))
    frequency = np.maximum(np.fft.rfftfreq(total, 1 / sample_rate), 40.0)
    noise = np.fft.irfft(spectrum * frequency ** -random.uniform(0.0, 1.0), total)
    return noise / _loudness(noise)


def _loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) + 1e-9


def sounding(waveform: np.ndarray, sample_rate: int) -> list[tuple[float, float]]:
    """The parts of a waveform that sound: where it has been 30 dB below its loudest frame for 0.25 s, one has ended.

    Args:
        waveform: (samples,) float32.
        sample_rate: Hz.

    Returns:
        Start and end of each, seconds, in their order; those below 0.1 s are left out, and of silence there is none.
    """
    size = max(round(FRAME * sample_rate), 1)
    frames = waveform[: len(waveform) // size * size].astype(np.float64).reshape(-1, size)
    power = np.square(frames).mean(axis=1)
    loud = np.flatnonzero((power > 0) & (power >= power.max(initial=0.0) * 10 ** (-BELOW / 10)))
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) * size / sample_rate > PAUSE)
    first, last = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]] + 1
    parts = zip((first * size / sample_rate).tolist(), (last * size / sample_rate).tolist(), strict=True)
    return [(start, end) for start, end in parts if end - start >= SHORTEST]


def _rows(data: records.Data, background: Sequence[str]) -> pandas.DataFrame:
    """The clips of a data set that can sound in a soundscape: accepted, with one class."""
    rows = data.clips[data.clips["status"] == "ok"]
    rows = rows.assign(label=[names[0] if len(names) == 1 else "" for names in map(split_cell, rows["labels"])])
    if several := int((rows["label"] == "").sum()):
        progress.say(f"{data.name}: clips of several classes or none are left out: {several} of {len(rows)}")
    rows = rows[rows["label"] != ""]
    if unknown := [name for name in background if name not in set(rows["label"])]:
        raise AudiotagError(f"background is a class of {data.name} that has clips of its own, received {unknown[0]!r}")
    if not set(rows["label"]) - set(background):
        raise AudiotagError(f"{data.name} has no clip with one class that is no background: name another data set")
    return rows


def _parts(data: records.Data, root: Path, rows: pandas.DataFrame) -> dict[str, list[Part]]:
    """What sounds in each clip; what cannot be read, or is silent, is named."""
    known = rows.set_index("clip_id")

    faults: dict[str, str] = {}

    def look(clip_id: str) -> list[Part]:
        row = known.loc[clip_id]
        clip = records.Clip(clip_id, row["source"], (), "", row["start"], None if np.isnan(row["end"]) else row["end"])
        try:
            found = sounding(read_clip(root, clip, data.sample_rate), data.sample_rate)
        except AudiotagError as error:
            faults[clip_id] = f"it cannot be read again: {error}"
            return []
        if not found:
            faults[clip_id] = "nothing sounds in it"
        return [(clip.source, clip.start + start, clip.start + end) for start, end in found]

    parts = sources.in_threads("Looking for what sounds", list(known.index), look)
    if len(faults) == len(known):
        clip_id = known.index[0]
        raise AudiotagError(f"{data.name} has no clip that sounds; of {clip_id}: {faults[clip_id]}")
    for number, clip_id in enumerate(sorted(faults)):
        more = f", and so are {len(faults) - SHOWN} more" if number == SHOWN - 1 and len(faults) > SHOWN else ""
        if number < SHOWN:
            progress.say(f"{clip_id}: left out, {faults[clip_id]}{more}")
    return parts


def _scene(
    random: np.random.Generator, parts: Mapping[str, Sequence[Sequence[Part]]], seconds: float, most: int
) -> list[tuple[records.Event, Part, float]]:
    """One to `most` events, each with the part that sounds and its decibels above the background, by their onsets."""
    placed: list[tuple[records.Event, Part, float]] = []
    for _ in range(random.integers(1, most + 1)):
        label = sorted(parts)[random.integers(len(parts))]
        of_clip = parts[label][random.integers(len(parts[label]))]
        source, start, end = of_clip[random.integers(len(of_clip))]
        length = min(end - start, LONGEST * seconds)
        for _ in range(TRIES):
            onset = round(random.uniform(0, seconds - length), 3)
            same = (event for event, _, _ in placed if event.label == label)
            if all(onset >= event.offset + PAUSE or onset + length + PAUSE <= event.onset for event in same):
                event = records.Event(onset, round(onset + length, 3), label)
                placed.append((event, (source, start, end), random.uniform(*ABOVE)))
                break
    return sorted(placed, key=lambda each: (each[0].onset, each[0].label))


def declare(
    source: str | Path,
    background: str = "",
    clips: int = 1000,
    seconds: float = 10.0,
    events: int = 5,
    seed: int = 0,
) -> records.Declaration:
    """Declare soundscapes made of a data set's recordings, for a network that says when a class sounds.

    Each is one to five events over a background. An event is a part of a clip of one class that sounds: quieter than
    30 dB below the clip's loudest 10 ms for a quarter of a second, it has ended. Events lie 6 to 30 dB above the
    background, may overlap, but not those of one class. A split of the soundscapes is made of the clips of the same
    split, so that what is held out there is held out here.

    Args:
        source: folder of a built data set whose clips have one class each; its recordings must be where they were.
        background: classes of it whose clips are the background, and no events, separated by `;`. Default: faint noise
            between white and pink.
        clips: how many soundscapes, shared out among the splits in proportion to their clips.
        seconds: length of each, 1 or more. An event lasts at most 0.6 of it.
        events: most of them in one.
        seed: another seed gives other soundscapes.
    """
    if clips < 1 or not 1 <= seconds < math.inf or events < 1 or seed < 0:
        raise AudiotagError(
            "soundscapes are 1 or more, of 1 s or more, with 1 event or more and a seed from 0 on, received "
            f"clips {clips}, seconds {seconds}, events {events}, seed {seed}"
        )
    data = records.open(source)
    root = data.recordings
    if root is None:
        raise AudiotagError(f"the recordings of {data.name} are not where it was built from, or are no files: {source}")
    quiet = split_cell(background)
    rows = _rows(data, quiet)
    if ways := [column for column in ("read_channel", "read_speed") if column in rows and any(rows[column])]:
        raise AudiotagError(f"soundscapes play recordings as they are, {data.name} has {ways[0]}: build it without")
    heard = _parts(data, root, rows[~rows["label"].isin(quiet)])
    by_split: dict[str, dict[str, list[list[Part]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows.itertuples():
        if heard.get(row.clip_id):
            by_split[row.split][row.label].append(heard[row.clip_id])
    lying = {split: sorted(set(of["source"])) for split, of in rows[rows["label"].isin(quiet)].groupby("split")}
    counts = {split: sum(map(len, of.values())) for split, of in by_split.items()}
    made = []
    for split, parts in sorted(by_split.items()):
        if quiet and split not in lying:
            raise AudiotagError(f"no clip of {background} is in {split}, whose soundscapes have no background then")
        for number in range(max(round(clips * counts[split] / sum(counts.values())), 1)):
            clip_id = f"{split}-{number:05d}"
            random = generator_for(seed, clip_id)
            scene = _scene(random, parts, seconds, events)
            columns = {
                "recordings": join_cell([part[0] for _, part, _ in scene]),
                "starts": join_cell([f"{part[1]:.3f}" for _, part, _ in scene]),
                "decibels": join_cell([f"{decibels:.1f}" for _, _, decibels in scene]),
                "background": lying[split][random.integers(len(lying[split]))] if quiet else "",
            }
            found = tuple(event for event, _, _ in scene)
            labels = tuple(dict.fromkeys(event.label for event in found))
            made.append(
                records.Clip(
                    clip_id, f"seed-{seed}/{clip_id}", labels, split, end=seconds, events=found, columns=columns
                )
            )
    names = tuple(name for name in data.labels.names if any(name in parts for parts in by_split.values()))
    return records.Declaration(
        name=f"{data.name}_soundscapes",
        version=storage.fingerprint(["1", *map(repr, made)])[:12],
        task="multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(names),
        clips=tuple(made),
        seconds=seconds,
        root=root,
        read=mix,
    )
