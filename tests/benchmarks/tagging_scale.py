"""`audiotag tag` on many short recordings, or on one of many hours: how quick, where the time goes, how much memory.

    python tests/benchmarks/tagging_scale.py MODEL CLIPS [--files 500] [--hours 24] [--cores 1 2] [--kinds wav ogg]

MODEL is whatever `audiotag tag --model` takes, CLIPS a folder of sound files, of which the recordings are made (at
44.1 kHz, mono) in a temporary folder. Every figure is of a process of its own, which may use as many cores as is said.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 44_100
SAMPLE = 100  # recordings of which the parts are timed


@dataclass(frozen=True)
class Cost:
    """Seconds that passed, seconds of processors, and the largest memory in MB of a process that has ended."""

    wall: float
    cpu: float
    memory: float


def sounds(clips: Path) -> Iterator[np.ndarray]:
    """The clips again and again, as 16-bit samples at 44.1 kHz."""
    paths = sorted(path for path in clips.rglob("*") if path.suffix in (".wav", ".ogg", ".flac"))
    for path in itertools.cycle(paths):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        mono = mono if rate == RATE else soxr.resample(mono, rate, RATE)
        yield (np.clip(mono, -1, 1) * 32767).astype(np.int16)


def short_ones(folder: Path, clips: Path, count: int, kind: str) -> float:
    """Write recordings of a clip each; seconds of all."""
    folder.mkdir()
    samples = 0
    for number, sound in enumerate(itertools.islice(sounds(clips), count)):
        soundfile.write(folder / f"{number:05}.{kind}", sound, RATE)
        samples += len(sound)
    return samples / RATE


def long_one(folder: Path, clips: Path, hours: float, kind: str) -> float:
    """Write one recording of so many hours; its seconds. RF64, which may be longer than WAV."""
    folder.mkdir()
    format = "RF64" if kind == "wav" else None
    samples = 0
    with soundfile.SoundFile(folder / f"long.{kind}", "w", RATE, 1, format=format) as file:
        for sound in sounds(clips):
            file.write(sound)
            samples += len(sound)
            if samples >= hours * 3600 * RATE:
                return samples / RATE
    return 0.0


def run(cores: int, *arguments: object) -> Cost:
    """A command in a process of its own."""
    begun = time.perf_counter()
    process = os.fork()
    if process == 0:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.execv(sys.executable, [sys.executable, "-m", "audiotag", "--quiet", *map(str, arguments)])
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"audiotag {' '.join(map(str, arguments))} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def parts(model: str, folder: Path) -> dict[str, float]:
    """Processor seconds of all threads a second of sound, of each thing that tagging does, one after the other."""
    from audiotag import audio, scorers
    from audiotag.audio.decoders import opened
    from audiotag.startup import import_tensorflow_quietly
    from audiotag.tagging import FileTags, formats, tags, writing
    from audiotag.tagging.results import Results
    from audiotag.tagging.windows import windows_of

    if scorers.needs_keras(model):
        import_tensorflow_quietly()
    scorer = scorers.open_model([model])
    files = sorted(folder.iterdir())[:SAMPLE]
    rate, window = scorer.sample_rate, round(scorer.seconds * scorer.sample_rate)
    cost: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        work()
        begun = time.process_time()
        result = work()
        cost[name] = time.process_time() - begun
        return result

    def decode() -> list[np.ndarray]:
        decoded = []
        for path in files:
            with opened(path) as decoder:
                decoded.append(np.concatenate(list(decoder.blocks()))[:, 0])
        return decoded

    decoded = timed("decode", decode)
    timed("resample", lambda: [soxr.resample(sound, RATE, rate, quality="HQ") for sound in decoded])
    waveforms = [audio.read(path, rate) for path in files]
    lengths = {"window": window, "hop": window, "pad": scorer.pad, "whole": True}
    batches = [part.waveforms for waveform in waveforms for part in windows_of(waveform, rate, **lengths)]
    if scorer.tagger is not None:
        import keras

        front = keras.Sequential([scorer.tagger.log_mel])
        timed("log-mel", lambda: [front.predict_on_batch(batch) for batch in batches])
    timed("log-mel and network", lambda: [scorer.predict_on_batch(batch) for batch in batches])
    results = [FileTags(path, tuple(tags.tag(scorer, sound))) for path, sound in zip(files, waveforms, strict=True)]
    with (
        tempfile.TemporaryDirectory() as place,
        Results.opened(Path(place) / "out", {}, formats.load("csv").SUFFIX, files) as out,
    ):
        timed("write", lambda: writing.write_each(results, out, "csv"))
    seconds = sum(map(len, decoded)) / RATE
    return {name: spent / seconds for name, spent in cost.items()}


def apart(work: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """What a function gives in a process of its own: Linux counts a parent's memory as that of what it starts."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def measure(model: str, folder: Path, seconds: float, cores: list[int], title: str) -> None:
    """Tag a folder with each number of cores, and print a line each."""
    files = sorted(folder.iterdir())
    for count in cores:
        out = folder.with_name(f"{folder.name}-{count}")
        cost = run(count, "tag", folder, "--model", model, "--out", out)
        shutil.rmtree(out)
        print(
            f"{title}, {count} cores: {cost.wall:.2f} s, {seconds / cost.wall:.0f} x real time, "
            f"{len(files) / cost.wall:.1f} files a second, {cost.cpu:.2f} s of processors, at most "
            f"{cost.memory:.0f} MB",
            flush=True,
        )


def main() -> None:
    """Print what tagging costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("clips", type=Path)
    parser.add_argument("--files", type=int, default=500, help="short recordings")
    parser.add_argument("--hours", type=float, default=0.0, help="of one recording, instead of short ones")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kinds", nargs="+", default=["wav", "ogg"], choices=["wav", "ogg", "flac"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for kind in asked.kinds:
            folder = Path(place) / kind
            if asked.hours:
                seconds = long_one(folder, asked.clips, asked.hours, kind)
                measure(asked.model, folder, seconds, asked.cores, f"{seconds / 3600:.2f} h of {kind}")
            else:
                seconds = short_ones(folder, asked.clips, asked.files, kind)
                measure(asked.model, folder, seconds, asked.cores, f"{asked.files} files of {kind}")
                shares = ", ".join(
                    f"{name} {1000 * spent:.2f}" for name, spent in apart(parts, asked.model, folder).items()
                )
                print(f"{kind}, ms of a processor a second of sound: {shares}", flush=True)
            first = sorted(folder.iterdir())[0]
            if not asked.hours:
                cost = run(max(asked.cores), "tag", first, "--model", asked.model)
                print(f"start-up and one file: {cost.wall:.2f} s, {cost.memory:.0f} MB", flush=True)
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
