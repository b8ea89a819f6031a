"""Recordings that are not what they were, and records that they do not give: each is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audiotag import augment, records, storage
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Declaration, Event, tfrecord
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
CLIPS = 12


def declare(root: Path, events: bool = False) -> Declaration:
    clips = tuple(
        Clip(
            clip_id=f"clip {index}",
            source=f"{index}.wav",
            labels=("tone",),
            split="train" if index % 3 else "test",
            start=0.1,
            events=(Event(0.05, 0.2, "tone"),) if events else (),
        )
        for index in range(CLIPS)
    )
    about = {"name": "tones", "version": "1", "licence": "CC0-1.0", "citation": "none"}
    return Declaration(
        **about, task="multiclass", labels=Labels(("tone", "other")), clips=clips, seconds=0.5, root=root
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(0)
    for index in range(CLIPS):
        soundfile.write(root / f"{index}.wav", 0.1 * random.standard_normal(RATE // 2), RATE)
    return root


@pytest.fixture(scope="module")
def build(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def make(name: str, *, events: bool = False, **options: object) -> Path:
        out = tmp_path_factory.mktemp("built") / name
        records.build(declare(recordings, events), out, front_end=FRONT_END, engine=ThisProcess(), **options)
        return out

    return make


@pytest.fixture(scope="module")
def built(build: Callable[..., Path]) -> Path:
    return build("data", policy=augment.policy("light"), variants=2, keep_waveforms=True)


@pytest.fixture
def copied(built: Path, recordings: Path, tmp_path: Path) -> Path:
    """The data set beside its recordings, as it was built; the manifest says where they lie."""
    shutil.copytree(recordings, tmp_path / "recordings")
    shutil.copytree(built, tmp_path / "data")
    manifest = storage.read_json(tmp_path / "data" / "dataset.json") | {"recordings": "../recordings"}
    storage.write_json(tmp_path / "data" / "dataset.json", manifest)
    return tmp_path / "data"


def test_records_that_their_recordings_give_have_no_problems(copied: Path) -> None:
    assert records.verify_deep(copied) == []


def test_a_recording_of_the_same_bytes_and_another_time_has_not_changed(copied: Path) -> None:
    os.utime(copied.parent / "recordings" / "3.wav", ns=(10**18, 10**18))
    assert records.verify_deep(copied, sample=0) == []


def test_recordings_that_changed_and_that_are_gone_are_named(copied: Path) -> None:
    root = copied.parent / "recordings"
    content = bytearray((root / "3.wav").read_bytes())
    content[-1] ^= 1
    (root / "3.wav").write_bytes(content)
    (root / "5.wav").unlink()
    changed, gone = map(str, records.verify_deep(copied, sample=100))
    assert changed.startswith("sources.csv: 3.wav: the recording has changed since the build")
    assert gone.startswith("sources.csv: 5.wav: the recording has gone")


def test_a_name_that_leads_out_of_the_recordings_is_refused_unread(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = copied.parent / "outside.wav"
    outside.write_bytes(b"not yours")
    state = outside.stat()
    with (copied / "sources.csv").open("a", encoding="utf-8") as file:
        for name in ("../outside.wav", outside):
            file.write(f"{name},{state.st_size},{state.st_mtime_ns},{storage.sha256(outside)}\n")
    checksum, summed = storage.sha256, []
    monkeypatch.setattr(storage, "sha256", lambda path: summed.append(Path(path).name) or checksum(path))
    messages = list(map(str, records.verify_deep(copied, sample=0)))
    assert [message.split(": ")[1] for message in messages] == ["../outside.wav", str(outside)]
    assert all("the name leads out of " in message for message in messages)
    assert "outside.wav" not in summed


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_recording_that_cannot_be_read_is_named(copied: Path) -> None:
    (copied.parent / "recordings" / "3.wav").chmod(0)
    assert "3.wav: the recording cannot be read (Permission denied)" in str(records.verify_deep(copied)[0])


def test_a_changed_record_is_named_with_its_place_and_how_large_the_difference_is(copied: Path) -> None:
    """Its checksum in the file is right, as that of a build with another library would be."""
    shard = sorted((copied / "records").glob("train-*"))[0]
    stored = list(tfrecord.walk(shard))
    example = tf.train.Example.FromString(stored[4].data)
    feature = example.features.feature
    values = np.frombuffer(feature["log_mel"].bytes_list.value[0], "<f2").copy()
    values[7] += np.float16(0.5)
    feature["log_mel"].bytes_list.value[0] = values.tobytes()
    feature["labels"].int64_list.value[:] = [1]
    changed = [record.data for record in stored]
    changed[4] = example.SerializeToString(deterministic=True)
    tfrecord.write(shard, changed)
    clip_id, variant = records.open(copied).keys(shard.name)[4]
    (problem,) = records.verify_deep(copied)
    assert (problem.shard, problem.offset, problem.clip_id) == (f"records/{shard.name}", stored[4].offset, clip_id)
    assert problem.message.startswith(
        f"variant {variant} is not what its recording gives now: labels, log-mel by up to"
    )
    assert float(problem.message.split()[-1]) == pytest.approx(0.5, abs=0.002)


def test_other_versions_of_libraries_are_named_beside_a_difference(copied: Path) -> None:
    manifest = storage.read_json(copied / "dataset.json")
    manifest["made_with"]["soxr"] = "0.1"
    storage.write_json(copied / "dataset.json", manifest)
    shard = sorted((copied / "records").glob("train-*"))[0]
    stored = [record.data for record in tfrecord.walk(shard)]
    example = tf.train.Example.FromString(stored[0])
    example.features.feature["waveform_peak"].float_list.value[0] *= 2
    tfrecord.write(shard, [example.SerializeToString(deterministic=True), *stored[1:]])
    (problem,) = records.verify_deep(copied)
    assert "waveform by up to " in problem.message
    assert "; made with soxr 0.1, here " in problem.message


def test_the_sample_is_the_same_every_time_and_lies_in_every_shard(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    examples = records.deep_verifier.worker.examples
    monkeypatch.setattr(
        records.deep_verifier.worker, "examples", lambda job, clip: drawn.append(clip.clip_id) or examples(job, clip)
    )
    shards = [shard.name for shard in records.open(copied).manifest.shards if shard.examples]
    records.verify_deep(copied, sample=len(shards) + 1)
    first = drawn.copy()
    drawn.clear()
    records.verify_deep(copied, sample=len(shards) + 1)
    assert drawn == first
    assert len(set(drawn)) == len(shards) + 1
    data = records.open(copied)
    assert all({clip_id for clip_id, _ in data.keys(shard)} & set(drawn) for shard in shards)


def test_views_of_a_policy_of_ones_own_are_left_out_with_a_line(
    build: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    own = tmp_path / "own.py"
    own.write_text("import audiomentations\n\ndef policy(rate):\n    return [audiomentations.Gain(p=1.0)]\n")
    data = build("own", policy=augment.policy(own), variants=1)
    assert records.verify_deep(data) == []
    assert "policy 'own' cannot be made again from its description" in capsys.readouterr().err


def test_strong_labels_are_compared_where_the_declaration_is_given(
    build: Callable[..., Path], recordings: Path
) -> None:
    data = build("events", events=True, policy=augment.policy("light"), variants=1)
    assert records.verify_deep(data) == []
    assert records.verify_deep(data, source=declare(recordings, events=True)) == []
    shard = sorted((data / "records").glob("train-*"))[0]
    stored = [record.data for record in tfrecord.walk(shard)]
    example = tf.train.Example.FromString(stored[0])
    example.features.feature["event_onset"].float_list.value[0] += 0.01
    tfrecord.write(shard, [example.SerializeToString(deterministic=True), *stored[1:]])
    assert records.verify_deep(data) == []
    (problem,) = records.verify_deep(data, source=declare(recordings, events=True))
    assert "event onset" in problem.message
    with pytest.raises(AudiotagError, match=r"differ in clips .*give the options of the build"):
        records.verify_deep(data, source=declare(recordings))


def test_recordings_that_are_elsewhere_are_asked_for(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "recordings").rename(tmp_path / "moved")
    with pytest.raises(AudiotagError, match="say with --source where they lie"):
        records.verify_deep(copied)
    assert records.verify_deep(copied, source=tmp_path / "moved", sample=2) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudiotagError, match=f"none of the {CLIPS} recordings is in"):
        records.verify_deep(copied, source=tmp_path / "empty")


def test_what_was_built_before_sources_were_written_down_is_computed_again(
    copied: Path, capsys: pytest.CaptureFixture
) -> None:
    (copied / "sources.csv").unlink()
    assert records.verify_deep(copied, sample=3) == []
    assert "no sources.csv" in capsys.readouterr().err
