"""How well mn04_as finds when the sounds of ESC-10 are heard, by threshold: where the default of `events` comes from.

    AUDIOTAG_TEST_DATA=…/data python tests/benchmarks/event_threshold.py

Fourteen clips of each class are laid into 12 s of noise at -60 dB, beginning at 2 to 6 s. A step is true where the clip
is louder than 30 dB below its loudest 50 ms. AudioSet's names of the ten classes are compared, all others left aside.
"""

from __future__ import annotations

import csv
import itertools
import os
from pathlib import Path

import numpy as np

import audiotag
from audiotag import audio
from audiotag.tagging import events
from audiotag.tagging.event_decoding import sounding

RATE, BLOCK, CLIPS = 32_000, 1600, 14
NAMES = {
    "dog": ("Dog", "Bark"),
    "rooster": ("Chicken, rooster", "Crowing, cock-a-doodle-doo"),
    "rain": ("Rain", "Rain on surface", "Raindrop"),
    "sea_waves": ("Waves, surf", "Ocean"),
    "crackling_fire": ("Crackle", "Fire"),
    "crying_baby": ("Baby cry, infant cry", "Crying, sobbing"),
    "sneezing": ("Sneeze",),
    "clock_tick": ("Tick", "Tick-tock", "Clock"),
    "helicopter": ("Helicopter",),
    "chainsaw": ("Chainsaw",),
}


def recording(clip: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int, np.ndarray]:
    """A clip in noise, its first sample, and whether each of its blocks is heard."""
    blocks = clip[: len(clip) // BLOCK * BLOCK].reshape(-1, BLOCK)
    levels = np.sqrt((blocks**2).mean(axis=1))
    onset = int(rng.integers(2 * RATE, 6 * RATE))
    waveform = 1e-3 * rng.standard_normal(12 * RATE).astype(np.float32)
    waveform[onset : onset + len(clip)] += clip
    return waveform, onset, levels > max(levels.max() * 10 ** (-30 / 20), 1e-4)


def main() -> None:
    """Print F1, precision and recall of steps, clips found, their events, and false ones, by both thresholds."""
    root = Path(os.environ["AUDIOTAG_TEST_DATA"]) / "esc10"
    tagger, rng = audiotag.load("mn04_as"), np.random.default_rng(0)
    columns = {kind: [tagger.labels.names.index(name) for name in names] for kind, names in NAMES.items()}
    clips: dict[str, list[str]] = {}
    for row in csv.DictReader(next((root / "meta").glob("*.csv")).open(encoding="utf-8")):
        clips.setdefault(row["category"], []).append(row["filename"])
    heard = []
    for kind, files in clips.items():
        for file in rng.permutation(files)[:CLIPS]:
            waveform, onset, loud = recording(audio.read(root / "audio" / file, RATE), rng)
            found = events.frame_scores(tagger, waveform)
            block = ((found.starts + found.ends) / 2 * RATE - onset) // BLOCK
            truth = np.array([0 <= index < len(loud) and loud[int(index)] for index in block])
            heard.append((kind, truth, {name: found.scores[:, own].max(1) for name, own in columns.items()}))
    print("threshold   end    F1  precision  recall  clips found  events of one found  events of other classes")
    for threshold, share in itertools.product((0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5), (1.0, 0.7, 0.5, 0.3)):
        hits = misses = alarms = clips_found = strangers = pieces = 0
        for kind, truth, scores in heard:
            bounds = np.float32(threshold), np.float32(share * threshold)
            active = {name: sounding(values, *bounds) for name, values in scores.items()}
            own = active.pop(kind)
            hits, misses = hits + (own & truth).sum(), misses + (~own & truth).sum()
            alarms += (own & ~truth).sum() + sum(other.sum() for other in active.values())
            clips_found += (own & truth).any()
            pieces += (np.diff(own.astype(int), prepend=0) > 0).sum()
            strangers += sum(other.any() for other in active.values())
        f1, precision, recall = 2 * hits / (2 * hits + misses + alarms), hits / (hits + alarms), hits / (hits + misses)
        print(
            f"{threshold:9.2f}  {share * threshold:4.2f}  {f1:.3f}  {precision:9.3f}  {recall:.3f}  {clips_found:5} / "
            f"{len(heard)}  {pieces / clips_found:19.1f}  {strangers}"
        )


if __name__ == "__main__":
    main()
