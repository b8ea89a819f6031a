"""A tagger's own thresholds: what is tagged without being told how sure to be, in every format."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.tagging import AudioTagger, tag_files, write
from audiotag.tagging.calibration import Calibration

RATE = 8000


@pytest.fixture(autouse=True)
def quiet():
    progress.set_quiet(True)
    yield
    progress.set_quiet(False)


@pytest.fixture(scope="module")
def scores(tagger, noise) -> np.ndarray:
    """Of the four windows of the noise: (4, 3)."""
    return tagger.scores(noise)[1].astype(np.float64)


@pytest.fixture(scope="module")
def with_thresholds(tagger):
    def make(*thresholds: float) -> AudioTagger:
        return AudioTagger(tagger.network, tagger.labels, tagger.front_end, seconds=1.0, thresholds=thresholds)

    return make


def test_each_label_is_tagged_from_its_own_threshold(with_thresholds, tagger, noise, scores):
    middle = [float(np.median(column)) for column in scores.T]
    tags = with_thresholds(*middle).tag(noise, top=None)
    found = {(tag.start, tag.label) for tag in tags}
    starts = [0.0, 1.0, 2.0, 2.3]
    expected = {
        (start, name)
        for start, row in zip(starts, scores, strict=True)
        for name, score, least in zip(tagger.labels.names, row, middle, strict=True)
        if score >= least
    }
    assert found == expected
    assert 0 < len(found) < scores.size


def test_top_counts_only_what_reaches_its_threshold(with_thresholds, noise, scores):
    best = int(scores[0].argmax())
    thresholds = [1e-6] * 3
    thresholds[best] = 1.0
    (tag,) = with_thresholds(*thresholds).tag(noise[:RATE], top=1)
    assert tag.score == pytest.approx(np.sort(scores[0])[-2])


def test_a_number_stands_for_all_labels_and_zero_shows_everything(with_thresholds, noise, scores):
    strict = with_thresholds(1.0, 1.0, 1.0)
    assert strict.tag(noise, top=None) == []
    assert len(strict.tag(noise, top=None, threshold=0)) == scores.size
    middle = float(np.median(scores))
    assert len(strict.tag(noise, top=None, threshold=middle)) == (scores >= middle).sum()


def test_a_score_at_its_threshold_is_found(with_thresholds, noise, scores):
    exact = with_thresholds(*scores[0].tolist())
    assert len(exact.tag(noise[:RATE], top=None)) == 3


def test_scores_do_not_look_at_the_thresholds(with_thresholds, noise, scores):
    np.testing.assert_allclose(with_thresholds(1.0, 1.0, 1.0).scores(noise)[1], scores, atol=1e-7)


def test_events_look_at_neither_thresholds_nor_calibration(labels, front_end):
    import keras

    from audiotag.models import heads

    log_mel = keras.Input((None, 16, 1))
    bands = keras.layers.Reshape((-1, 3))(keras.layers.AveragePooling2D((4, 5))(log_mel))
    bands = keras.layers.Dense(3, kernel_initializer=keras.initializers.Identity(30.0), name="frame_logits")(bands)
    network = keras.Model(log_mel, heads.pool(bands + 15.0, "max"), name="loudness")
    time = np.arange(2 * RATE) / RATE
    burst = (0.5 * np.sin(2 * np.pi * 300 * time) * (time > 1)).astype(np.float32)
    options = {"calibration": Calibration("temperature", temperature=50.0), "thresholds": (1.0,) * 3}
    plain, told = (AudioTagger(network, labels, front_end, seconds=1.0, **more) for more in ({}, options))
    assert plain.tag(burst, threshold=0.5)
    assert told.tag(burst) == []
    assert plain.events(burst)
    assert told.events(burst) == plain.events(burst)


@pytest.mark.parametrize("thresholds", [(0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.5, 1.5), (0.5, float("nan"), 0.5), ()])
def test_thresholds_out_of_range_or_number_are_refused(with_thresholds, thresholds):
    with pytest.raises(AudiotagError, match="needs 3 thresholds above 0 and at most 1") as caught:
        with_thresholds(*thresholds)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_score_is_refused(tagger, noise, threshold):
    with pytest.raises(AudiotagError, match="threshold must be a score from 0 to 1"):
        tagger.tag(noise, threshold=threshold)


@pytest.fixture
def recording(tmp_path, noise):
    audio.write(tmp_path / "noise.wav", noise, RATE)
    return tmp_path / "noise.wav"


def test_files_are_tagged_by_the_tagger_s_thresholds_unless_told_otherwise(with_thresholds, recording, scores):
    middle = [float(np.median(column)) for column in scores.T]
    halved = with_thresholds(*middle)
    (own,) = tag_files(halved, [recording], top=None)
    assert own.tags == tuple(halved.tag(recording, top=None))
    assert len(own.tags) < scores.size
    (every,) = tag_files(halved, [recording], top=None, threshold=0.0)
    assert len(every.tags) == scores.size


@pytest.mark.parametrize("format", ["table", "csv", "jsonl", "audacity", "raven"])
def test_windows_without_a_tag_leave_every_format_whole(with_thresholds, recording, scores, format):
    silent, some = with_thresholds(1.0, 1.0, 1.0), with_thresholds(1.0, 1.0, float(scores[:, 2].max()))
    for tagger, tags in ((silent, 0), (some, 1)):
        stream = io.StringIO()
        assert write(tag_files(tagger, [recording]), format, stream) == 0
        shown = stream.getvalue()
        if format == "csv":
            assert len(list(csv.DictReader(io.StringIO(shown)))) == tags
        elif format == "jsonl":
            assert len([json.loads(line) for line in shown.splitlines()]) == tags
        elif format == "audacity":
            assert [len(line.split("\t")) for line in shown.splitlines()] == [3] * tags
        elif format == "raven":
            header, *rows = shown.splitlines()
            assert [len(row.split("\t")) for row in rows] == [len(header.split("\t"))] * tags
        else:
            assert ("no label reaches the threshold" in shown) == (tags == 0)
