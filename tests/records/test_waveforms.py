"""Waveforms kept beside the log-mel: the same views, the same bytes for any number of workers, verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from audiotag import augment, records
from audiotag.clip_format import ClipFormat
from audiotag.clips.declaration import load_file
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, log_mel
from audiotag.labels import Labels
from audiotag.records import example, parser, tfrecord
from audiotag.records.stored import FLOAT16


@pytest.fixture(scope="module")
def kept(build: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kept") / "tones"
    build(out, sources="clip5=bad", keep_waveforms=True)
    return out


def features_of(data: Path) -> dict[tuple[str, int], dict]:
    """Every record, parsed by protobuf."""
    found = {}
    for shard in sorted((data / "records").iterdir()):
        for record in tfrecord.walk(shard):
            feature = tf.train.Example.FromString(record.data).features.feature
            found[feature["clip_id"].bytes_list.value[0].decode(), feature["variant"].int64_list.value[0]] = feature
    return found


def waveform_of(feature: dict) -> np.ndarray:
    steps = np.frombuffer(feature["waveform"].bytes_list.value[0], "<i2")
    return (steps / 32767 * feature["waveform_peak"].float_list.value[0]).astype(np.float32)


def test_the_kept_waveform_gives_the_stored_log_mel_of_every_view(kept: Path) -> None:
    """Within the rounding of float16 where there is sound, of 16 bits more than 40 dB below it."""
    data, records_of = records.open(kept), features_of(kept)
    assert len(records_of) == 69
    for feature in records_of.values():
        stored = np.frombuffer(feature["log_mel"].bytes_list.value[0], "<f2").reshape(20, 16).astype(np.float32)
        difference = np.abs(log_mel(waveform_of(feature), data.front_end) - stored)
        heard = stored > stored.max() - 4 * np.log(10) / data.front_end.scale
        assert difference[heard].max() < 0.002
        assert difference.max() < 0.05


def test_the_kept_waveform_is_the_view_that_was_made(kept: Path, dataset_file: Path) -> None:
    data, module, policy = records.open(kept), load_file(dataset_file), augment.policy("light")
    clips = {clip.clip_id: clip for clip in module.declare().clips}
    for (clip_id, variant), feature in features_of(kept).items():
        view = module.render(None, clips[clip_id], 16_000)
        if variant:
            view, _ = policy.apply(view, 16_000, seed=0, clip_id=clip_id, variant=variant, events=clips[clip_id].events)
            view = np.resize(view, data.samples)
        np.testing.assert_allclose(waveform_of(feature), view, atol=0.51 / 32767 * np.abs(view).max() + 1e-7)


def test_the_rest_of_the_record_is_that_of_a_build_without(kept: Path, built: Path) -> None:
    with_waveforms, without = features_of(kept), features_of(built)
    assert with_waveforms.keys() == without.keys()
    for key, feature in without.items():
        assert all(with_waveforms[key][name] == feature[name] for name in feature)
        assert set(with_waveforms[key]) - set(feature) == {"waveform", "waveform_peak"}
    data, plain = records.open(kept), records.open(built)
    assert (data.waveforms, plain.waveforms, data.samples) == (True, False, 8000)
    assert data.fingerprint != plain.fingerprint
    for one, other in zip(data.read("all", shuffle=True), plain.read("all", shuffle=True), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_two_workers_keep_the_same_bytes_as_one(
    build: Callable, kept: Path, tmp_path: Path, shard_checksums: Callable
) -> None:
    build(tmp_path / "tones", workers=2, sources="clip5=bad", keep_waveforms=True)
    assert shard_checksums(tmp_path / "tones") == shard_checksums(kept)
    assert (tmp_path / "tones" / "dataset.json").read_bytes() == (kept / "dataset.json").read_bytes()


def test_a_data_set_with_and_one_without_are_told_apart(build: Callable, kept: Path, built: Path) -> None:
    with pytest.raises(AudiotagError, match=r"waveforms \(not kept / kept\)"):
        build(built, sources="clip5=bad", keep_waveforms=True)
    with pytest.raises(AudiotagError, match=r"waveforms \(kept / not kept\)"):
        build(kept, sources="clip5=bad")
    assert build(kept, sources="clip5=bad", keep_waveforms=True).existed


def test_records_with_waveforms_are_verified(kept: Path, copied: Path, tmp_path: Path) -> None:
    assert records.verify(kept) == []
    shard = sorted((copied / "records").iterdir())[0]
    rows = [record.data for record in tfrecord.walk(kept / "records" / shard.name)]
    tfrecord.write(shard, rows)
    messages = {problem.message for problem in records.verify(copied) if problem.offset is not None}
    assert messages == {"the record has a waveform, unlike what dataset.json says"}


@pytest.mark.parametrize(
    ("waveform", "said"),
    [
        (np.ones(7999, "f"), "the waveform has 15998 bytes, 8000 samples need 2 each"),
        (None, "the record has no waveform, unlike what dataset.json says"),
    ],
)
def test_a_wrong_waveform_is_found(kept: Path, tmp_path: Path, waveform: np.ndarray | None, said: str) -> None:
    import shutil

    data = records.open(shutil.copytree(kept, tmp_path / "copy"))
    shard = data.shards("fold1")[0]
    (clip_id, variant), *_ = data.keys(shard)
    rows = [record.data for record in tfrecord.walk(shard)]
    labels = features_of(kept)[clip_id, variant]["labels"].int64_list.value
    rows[0] = example.encode_example(clip_id, variant, np.zeros((20, 16)), labels, (), waveform)
    tfrecord.write(shard, rows)
    assert said in {problem.message for problem in records.verify(data.path)}


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50))
def test_sixteen_bits_of_the_peak_are_never_off_by_more_than_half_a_step(samples: list[float]) -> None:
    waveform = np.array(samples, np.float32)
    steps, peak = example.quantize(waveform)
    assert steps.dtype == np.int16
    assert peak == np.abs(waveform).max()
    assert np.abs(steps / 32767 * peak - waveform).max() <= 0.5 / 32767 * peak * (1 + 1e-9)


def test_a_batch_of_waveforms_parses_to_what_was_encoded() -> None:
    views = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    views[1] = 0
    rows = [example.encode_example(f"clip{i}", 0, np.zeros((2, 2)), [0], (), view) for i, view in enumerate(views)]
    front_end = LogMelConfig(sample_rate=8000, window=50, hop=50, fft=64, mels=2, fmax=4000.0)
    clip_format = ClipFormat(Labels(("a",)), front_end, "multiclass", 100 / 8000)
    parsed = parser.examples_of(clip_format, FLOAT16, waveforms=True)(tf.constant(rows))["waveform"]
    assert parsed.dtype == tf.float32
    np.testing.assert_allclose(parsed, views, atol=0.51 / 32767 * np.abs(views).max())
    np.testing.assert_array_equal(parsed[1], 0)
