"""A small data set of tones, built once; its file can also be told to fail in the worker processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import augment, records, storage
from audiotag.frontend import LogMelConfig
from audiotag.records import tfrecord
from audiotag.records.example import encode_teacher
from tests.in_process import ThisProcess

DATASET_FILE = '''
import os
import signal
from pathlib import Path

import numpy as np

from audiotag.errors import AudioError
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration, Event

NAMES = ("low, deep", "high/shrill")


def render(root, clip, sample_rate):
    """A tone; TROUBLE="what:clip" makes this worker do something else at that clip."""
    what, _, where = os.environ.get("TROUBLE", "").partition(":")
    if where == clip.clip_id:
        if "WORKER_ID_FILE" in os.environ:
            Path(os.environ["WORKER_ID_FILE"]).write_text(str(os.getpid()))
        if what == "kill-build":
            parent = os.getppid()
            os.kill(parent, signal.SIGKILL)
            while os.getppid() == parent:  # else the shard might be finished before the death is noticed
                pass
        if what == "kill-all":
            os.kill(int(os.environ["BUILD_ID"]), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "interrupt-build":
            os.kill(os.getppid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        if what == "kill-worker":
            os.kill(os.getpid(), signal.SIGKILL)
    if clip.source == "missing":
        raise FileNotFoundError(2, "No such file or directory", "gone.wav")
    if clip.source == "bad":
        raise AudioError("gone.wav is not audio")
    if clip.source == "nan":
        return np.full(100, np.nan)
    time = np.arange(int(0.5 * sample_rate)) / sample_rate
    return 0.5 * np.sin(2 * np.pi * float(clip.source) * time).astype(np.float32)


def declare(clips=24, sources="", rare=4, version="1"):
    sources = dict(part.split("=") for part in sources.split(",") if part)
    return Declaration(
        name="tones",
        version=version,
        task="multiclass",
        licence="CC0-1.0",
        citation="https://example.org/tones",
        labels=Labels(NAMES),
        clips=tuple(
            Clip(
                clip_id=f"clip{i}",
                source=sources.get(f"clip{i}", str(100 + 40 * i)),
                labels=(NAMES[i % rare == 0],),
                split=f"fold{i % 3 + 1}",
                events=(Event(0.1, 0.2, NAMES[0]),),
            )
            for i in range(clips)
        ),
        seconds=0.5,
        root=Path("sounds"),
        read=render,
    )
'''
FRONT_END = LogMelConfig(name="tiny", sample_rate=16_000, window=400, hop=400, fft=512, mels=16, fmax=7_900.0)


@pytest.fixture(scope="session")
def dataset_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("declared") / "tones.py"
    path.write_text(DATASET_FILE, encoding="utf-8")
    return path


@pytest.fixture
def small_front_end() -> LogMelConfig:
    return FRONT_END


@pytest.fixture(scope="session")
def build(dataset_file: Path) -> Callable[..., records.BuildReport]:
    """Build the tones into a folder; keyword arguments of `declare` and of `build`, without worker processes but where
    their number is given.
    """

    def run(
        out: Path, *, workers: int | None = None, variants: int = 2, seed: int = 0, **options: object
    ) -> records.BuildReport:
        policy = augment.policy("light") if variants else None
        given = {"front_end": FRONT_END, "policy": policy, "variants": variants, "seed": seed, "workers": workers}
        if workers is None:
            given["engine"] = ThisProcess()
        given |= {
            key: options.pop(key)
            for key in ("front_end", "resume", "keep_waveforms", "log_mel", "allow", "engine")
            if key in options
        }
        return records.build(records.declare(dataset_file, **options), out, **given)

    return run


@pytest.fixture(scope="session")
def built(build: Callable[..., records.BuildReport], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 clips in 3 folds, 3 views each; clip5 is no sound. Not to be changed: copy it."""
    out = tmp_path_factory.mktemp("built") / "tones"
    build(out, workers=1, sources="clip5=bad")
    return out


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    """A copy of the data set that a test may damage."""
    return Path(shutil.copytree(built, tmp_path / "tones"))


@pytest.fixture(scope="session")
def run_script(dataset_file: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a build in a script without an `if __name__` guard, in a process of its own."""

    def run(
        folder: Path, before: str = "", workers: str = "workers=1", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        script = folder / "script.py"
        script.write_text(
            # What a shell runs in the background ignores Ctrl-C, and so would all that it starts.
            f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{before}\n"
            "from audiotag import AudiotagError, augment, records\n"
            "from audiotag.frontend import LogMelConfig\n"
            f"declaration = records.declare({str(dataset_file)!r}, sources='clip5=bad')\n"
            f"front_end = LogMelConfig.from_dict({FRONT_END.to_dict()!r})\n"
            "try:\n"
            "    report = records.build(declaration, 'out', front_end=front_end, policy=augment.policy('light'),"
            f" variants=2, {workers})\n"
            "    print('report', report.clips, report.rejected, report.examples)\n"
            "except AudiotagError as error:\n"
            "    print('error', error)\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted')\n",
            encoding="utf-8",
        )
        return subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="session")
def shard_checksums() -> Callable[[Path], dict[str, str]]:
    def checksums(data: Path) -> dict[str, str]:
        return {path.name: storage.sha256(path) for path in sorted((data / "records").iterdir())}

    return checksums


@pytest.fixture(scope="session")
def teach() -> Callable[..., dict[tuple[str, int], np.ndarray]]:
    """Put a teacher with random outputs beside a data set; gives its logits by key."""

    def make(
        path: Path, name: str = "oracle", without: tuple[str, ...] = (), seed: int = 0
    ) -> dict[tuple[str, int], np.ndarray]:
        data, generator = records.open(path), np.random.default_rng(seed)
        logits, shards = {}, {}
        for split in data.splits:
            for shard in data.shards(split):
                keys = data.keys(shard)
                logits |= {key: generator.normal(size=len(data.labels)).astype(np.float32) for key in keys}
                rows = [encode_teacher(*key, None if key[0] in without else logits[key]) for key in keys]
                written = tfrecord.write(data.teacher_folder(name) / shard.name, rows)
                known = sum(key[0] not in without for key in keys)
                shards[shard.name] = {"examples": written.examples, "known": known, "sha256": written.sha256}
        card = {"name": name, "fingerprint": data.fingerprint, "classes": len(data.labels), "shards": shards}
        storage.write_json(data.teacher_folder(name) / "teacher.json", card)
        return logits

    return make
