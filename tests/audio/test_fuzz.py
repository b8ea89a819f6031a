"""Mutated headers: every file gives finite samples or a reason, in bounded memory, the same whole and in blocks."""

from __future__ import annotations

import io
import resource
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import audio, progress
from audiotag.errors import AudioError, AudioWarning

RATE = 8000
KINDS = {
    "wav": {"format": "WAV", "subtype": "PCM_16"},
    "float.wav": {"format": "WAV", "subtype": "FLOAT"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
}
GIGABYTE = 1 << 20  # KiB


def seeds() -> dict[str, bytes]:
    """A short recording in every format."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE // 2, 2))
    contents = {}
    for kind, options in KINDS.items():
        file = io.BytesIO()
        soundfile.write(file, noise, RATE, **options)
        contents[kind] = file.getvalue()
    return contents


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with some bytes of its header changed, and at times cut, lengthened or doubled."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, min(len(changed), 200)))
        size = int(rng.choice([1, 2, 4, 8]))
        value = rng.choice([0, 0xFF, 0x7F, 0x80, None], p=[0.15, 0.15, 0.1, 0.1, 0.5])
        changed[at : at + size] = rng.bytes(size) if value is None else bytes([value]) * size
    match rng.integers(0, 10):
        case 0:
            return bytes(changed[: rng.integers(1, len(changed))])
        case 1:
            return bytes(changed) + rng.bytes(int(rng.integers(1, 6000)))
        case 2:
            return bytes(changed) + content
        case 3:
            at = int(rng.integers(0, 200))
            return bytes(changed[:at]) + rng.bytes(int(rng.integers(1, 60))) + bytes(changed[at:])
    return bytes(changed)


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of files."""
    rng, contents = np.random.default_rng(seed), seeds()
    for number in range(count):
        kind = list(contents)[number % len(contents)]
        yield f"{number:05d}.{kind}", mutated(contents[kind], rng)


@pytest.mark.filterwarnings("ignore::audiotag.errors.AudioWarning")
def test_mutated_headers_are_read_or_refused_with_a_reason(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = {"read": 0, "refused": 0}
    for name, content in mutants(300, seed=1):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            info = audio.info(path)
            whole = audio.read(path, info.sample_rate)
        except AudioError as reason:
            assert name in str(reason) and "\n" not in str(reason)
            outcomes["refused"] += 1
            continue
        outcomes["read"] += 1
        assert np.isfinite(whole).all() and np.abs(whole).max() <= 100
        assert info.samples in (None, len(whole)) or name.endswith("mp3")
        np.testing.assert_array_equal(np.concatenate(list(audio.stream(path, info.sample_rate))), whole)
    assert min(outcomes.values()) > 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GIGABYTE // 2


def test_the_last_clip_of_an_mp3_of_which_less_can_be_decoded_than_its_frames_hold_is_kept(tmp_path: Path) -> None:
    from audiotag.clips.declaration import read_clip
    from audiotag.records import Clip

    path = tmp_path / "damaged.mp3"
    path.write_bytes(next(content for name, content in mutants(102, seed=2) if name == "00101.mp3"))
    held, decoded = audio.seconds(path), len(audio.read(path, RATE)) / RATE
    assert decoded + 0.2 < held
    waveform = read_clip(tmp_path, Clip("last", path.name, (), "train", held - 1, held), RATE)
    np.testing.assert_array_equal(waveform, audio.read(path, RATE, start=held - 1))
    with pytest.raises(AudioError, match="the part ends at 9 s"):
        read_clip(tmp_path, Clip("beyond", path.name, (), "train", 1.0, 9.0), RATE)


@pytest.mark.slow
def test_a_folder_of_two_thousand_is_tagged_embedded_and_built_without_losing_one(tmp_path: Path) -> None:
    from audiotag import records
    from audiotag.frontend import LogMelConfig
    from audiotag.labels import Labels
    from audiotag.tagging import AudioTagger, embed_files, tag_files
    from tests.tagging.conftest import make_network

    progress.set_quiet(True)
    folder = tmp_path / "sounds"
    names = []
    for number, (name, content) in enumerate(mutants(2000, seed=2)):
        names.append(f"{'ab'[number % 2]}/{name}")
        (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
        (folder / names[-1]).write_bytes(content)
    for number in range(12):  # what is good is in every split
        names.append(f"{'ab'[number % 2]}/good{number}.wav")
        sound = np.random.default_rng(number).uniform(-0.5, 0.5, RATE).astype(np.float32)
        audio.write(folder / names[-1], sound, RATE)
    front_end = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=80, fft=256, mels=16, fmax=4000.0)
    tagger = AudioTagger(make_network(2), Labels(("a", "b")), front_end, seconds=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)
        tagged = {str(result.path.relative_to(folder)): result for result in tag_files(tagger, [folder])}
        embedded = {str(result.path.relative_to(folder)): result for result in embed_files(tagger, [folder], "hidden")}
        records.build(records.declare(folder, seconds=1.0), tmp_path / "data", front_end=front_end, workers=2)
    assert sorted(tagged) == sorted(embedded) == sorted(names)
    for name in names:
        assert bool(tagged[name].tags) != bool(tagged[name].reason)
        assert bool(tagged[name].reason) == bool(embedded[name].reason)
        assert "Traceback" not in tagged[name].reason
    clips = records.open(tmp_path / "data").clips
    assert set(clips["source"]) == set(names)
    assert (clips["reason"].ne("") == clips["status"].eq("rejected")).all()
    unused = {name for name in names if tagged[name].reason}
    refused = set(clips["source"][clips["status"] == "rejected"])
    assert refused == unused
    print(f"{len(unused)} of {len(names)} refused by tag, {len(refused)} by build")
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        assert resource.getrusage(who).ru_maxrss < 2 * GIGABYTE
