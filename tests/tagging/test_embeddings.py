"""Embeddings of recordings against windows embedded by hand, in files, in tables, and on real sounds."""

from __future__ import annotations

import csv
import importlib.util
import io
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import audiotag
from audiotag import audio, models, progress
from audiotag.errors import AudioError, AudiotagError, Stopped
from audiotag.frontend import log_mel
from audiotag.tagging import AudioTagger, Embeddings, FileEmbeddings, embed_files, embeddings, write_embeddings

RATE = 8000


@pytest.fixture(autouse=True)
def quiet():
    progress.set_quiet(True)
    yield
    progress.set_quiet(False)


@pytest.fixture(scope="module")
def mn_tagger(labels, front_end) -> AudioTagger:
    keras.utils.set_random_seed(3)
    return AudioTagger(models.build("mn01", classes=3, mels=front_end.mels), labels, front_end, seconds=1.0)


def by_hand(tagger: AudioTagger, waveform: np.ndarray) -> np.ndarray:
    """The layer "hidden" on the NumPy log-mel, averaged by NumPy: (8,)."""
    spectrogram = log_mel(waveform, tagger.front_end)[None, :, :, None]
    maps = keras.Model(tagger.network.input, tagger.network.get_layer("hidden").output)(spectrogram)
    return keras.ops.convert_to_numpy(maps)[0].mean(axis=(0, 1))


def test_a_long_signal_is_the_mean_of_its_windows(tagger, noise):
    windows = [by_hand(tagger, noise[start : start + RATE]) for start in (0, RATE, 2 * RATE, round(2.3 * RATE))]
    vector = tagger.embed(noise, "hidden")
    assert (vector.shape, vector.dtype) == ((8,), np.float32)
    np.testing.assert_allclose(vector, np.mean(windows, axis=0), atol=1e-5)
    halves = [by_hand(tagger, noise[start : start + RATE // 2]) for start in range(0, 3 * RATE, RATE // 2)]
    halves.append(by_hand(tagger, noise[-RATE // 2 :]))
    np.testing.assert_allclose(tagger.embed(noise, ["hidden"], window=0.5), np.mean(halves, axis=0), atol=1e-5)


def test_timestamps_are_the_centres_of_windows_embedded_each_on_its_own(tagger, noise):
    times, vectors = tagger.embed(noise, "hidden", window=0.6, hop=0.25, timestamps=True)
    starts = [*np.arange(0, 2.7, 0.25), 2.7]
    np.testing.assert_allclose(times, np.array(starts) + 0.3, atol=1e-9)
    assert (vectors.shape, vectors.dtype) == ((len(starts), 8), np.float32)
    for start, vector in zip(starts, vectors, strict=True):
        first = round(start * RATE)
        np.testing.assert_allclose(vector, by_hand(tagger, noise[first : first + round(0.6 * RATE)]), atol=1e-5)


def test_a_window_with_a_time_is_a_second_unless_the_tagger_has_another(network_for, labels, front_end, noise):
    def steps(frames: int | None, seconds: float) -> list[float]:
        tagger = AudioTagger(network_for(frames=frames), labels, front_end, seconds=seconds)
        return tagger.embed(noise, "hidden", timestamps=True)[0].tolist()

    assert steps(None, 2.0) == pytest.approx([0.5, 1.5, 2.5, 2.8])
    assert steps(None, 0.5)[:2] == pytest.approx([0.25, 0.75])
    assert steps(front_end.frames(2 * RATE), 2.0) == pytest.approx([1.0, 2.3])


def test_mel_averages_are_those_of_the_front_end(mn_tagger, front_end, noise):
    vector = mn_tagger.embed(noise[:RATE])
    np.testing.assert_allclose(vector[: front_end.mels], log_mel(noise[:RATE], front_end).mean(axis=0), atol=1e-4)


def test_a_short_signal_counts_as_the_tagger_fills_it_up_and_ends_where_it_ends(tagger, noise):
    short = noise[:3000]
    np.testing.assert_allclose(tagger.embed(short, "hidden"), by_hand(tagger, np.resize(short, RATE)), atol=1e-5)
    times, _ = tagger.embed(short, "hidden", timestamps=True)
    assert times.tolist() == [1500 / RATE]


def test_windows_count_by_what_they_hold_of_the_signal():
    vectors = np.array([[1.0], [2.0], [10.0]], np.float32)
    whole = embeddings.mean(Embeddings(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.5]), vectors))
    assert whole.vectors.tolist() == [[pytest.approx((10 + 20 + 50) / 25)]]
    assert (whole.starts.tolist(), whole.ends.tolist()) == ([0.0], [2.5])


def test_a_file_of_another_rate_and_its_waveform_give_the_same(tagger, tmp_path):
    waveform = np.random.default_rng(1).uniform(-0.3, 0.3, 2 * 11_025).astype(np.float32)
    audio.write(tmp_path / "a.wav", waveform, 11_025)
    from_file = tagger.embed(tmp_path / "a.wav", "hidden")
    np.testing.assert_allclose(from_file, tagger.embed(waveform, "hidden", sample_rate=11_025), atol=1e-5)


def test_the_same_sound_gives_the_same_bytes_by_the_same_network(mn_tagger, noise):
    assert mn_tagger.embed(noise).tobytes() == mn_tagger.embed(noise).tobytes()
    assert embeddings.network_of(mn_tagger, "mid") is embeddings.network_of(mn_tagger, ["mid"])


def test_a_tagger_that_has_embedded_is_saved_as_before(network_for, labels, front_end, noise, tmp_path):
    tagger = AudioTagger(network_for(), labels, front_end, seconds=1.0)
    tagger.save(tmp_path / "before.keras")
    tagger.embed(noise, "hidden")
    tagger.save(tmp_path / "after.keras")
    assert (tmp_path / "before.keras").stat().st_size == (tmp_path / "after.keras").stat().st_size
    reopened = keras.saving.load_model(tmp_path / "after.keras")
    np.testing.assert_allclose(reopened.embed(noise, "hidden"), tagger.embed(noise, "hidden"), atol=1e-6)


@pytest.mark.parametrize(
    ("waveform", "options", "message"),
    [
        (np.zeros(RATE), {}, "tiny has no layer 'features'"),
        (np.zeros(RATE), {"layers": "hiden"}, "did you mean 'hidden'"),
        (np.zeros(RATE), {"layers": "hidden", "window": -1.0}, "window and hop must be positive"),
        (np.zeros(RATE), {"layers": "hidden", "window": 0.001}, "samples .* are needed"),
        (np.zeros(0), {"layers": "hidden"}, "not empty"),
        ("a.wav", {"layers": "hidden", "sample_rate": 8000}, "sample_rate is for waveforms"),
    ],
)
def test_what_cannot_be_embedded_is_refused_in_one_line(tagger, waveform, options, message):
    with pytest.raises(AudiotagError, match=message) as caught:
        tagger.embed(waveform, **options)
    assert "\n" not in str(caught.value)


@pytest.fixture
def folder(tmp_path, noise) -> Path:
    (tmp_path / "sounds").mkdir()
    for name, samples in (("a 🐕.wav", 2 * RATE), ("b.wav", 2000), ("d.flac", len(noise))):
        audio.write(tmp_path / "sounds" / name, noise[:samples] / 2, RATE)
    (tmp_path / "sounds" / "c.wav").write_text("this is text")
    return tmp_path / "sounds"


def test_a_bad_file_never_stops_the_others(tagger, folder):
    results = list(embed_files(tagger, [folder, folder / "missing.wav"], "hidden"))
    outcome = {result.path.name: (result.embeddings is not None, bool(result.reason)) for result in results}
    good, bad = (True, False), (False, True)
    assert outcome == {"a 🐕.wav": good, "b.wav": good, "c.wav": bad, "d.flac": good, "missing.wav": bad}
    np.testing.assert_array_equal(results[0].embeddings.vectors[0], tagger.embed(results[0].path, "hidden"))
    assert [float(result.embeddings.ends[0]) for result in (results[0], results[1])] == [2.0, 0.25]


@pytest.mark.parametrize("options", [{"layers": "mids"}, {"layers": "hidden", "window": 0.0}, {"layers": "mid"}])
def test_an_option_that_is_wrong_for_every_file_is_an_error_at_once(tagger, folder, options):
    with pytest.raises(AudiotagError):
        next(embed_files(tagger, [folder], **options))


@pytest.mark.parametrize("timestamps", [False, True])
def test_a_table_in_numpy_s_format_opens_without_pickle(tagger, folder, tmp_path, timestamps):
    errors = io.StringIO()
    found = list(embed_files(tagger, [folder], "hidden", window=0.5, timestamps=timestamps))
    written = write_embeddings(found, tmp_path / "new" / "e.npz", model="tiny", layers=["hidden"], errors=errors)
    good = [result for result in found if result.embeddings is not None]
    rows = 4 + 1 + 7 if timestamps else 3
    assert written == (rows, 8, 3, 1)
    with np.load(tmp_path / "new" / "e.npz", allow_pickle=False) as table:
        assert sorted(table.files) == ["embedding", "end", "file", "layers", "model", "start"]
        assert (str(table["model"]), str(table["layers"]), table["model"].shape) == ("tiny", "hidden", ())
        assert table["embedding"].dtype == np.float32
        np.testing.assert_array_equal(table["embedding"], np.concatenate([r.embeddings.vectors for r in good]))
        np.testing.assert_array_equal(table["start"], np.concatenate([r.embeddings.starts for r in good]))
        np.testing.assert_array_equal(table["end"], np.concatenate([r.embeddings.ends for r in good]))
        assert table["file"].tolist() == [str(r.path) for r in good for _ in r.embeddings.starts]
    assert errors.getvalue().startswith(f"audiotag: {folder / 'c.wav'}: c.wav is not audio")
    assert errors.getvalue().count("\n") == 1


def test_a_table_in_parquet_holds_the_same(tagger, folder, tmp_path):
    import pandas as pd

    found = [r for r in embed_files(tagger, [folder], "hidden", timestamps=True) if r.embeddings is not None]
    write_embeddings(found, tmp_path / "e.parquet", model="tiny", layers="hidden")
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert list(table.columns) == ["file", "start", "end", "embedding"]
    vectors = np.stack(table["embedding"])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, np.concatenate([r.embeddings.vectors for r in found]))
    np.testing.assert_array_equal(table["end"], np.concatenate([r.embeddings.ends for r in found]))
    assert set(table["file"]) == {str(r.path) for r in found}
    assert table.attrs == {"model": "tiny", "layers": "hidden"}


ONE = FileEmbeddings(Path("caf\udce9.wav"), Embeddings(np.zeros(1), np.ones(1), np.ones((1, 2), np.float32)))


def test_a_file_name_that_is_not_text_is_written_escaped(tmp_path):
    write_embeddings([ONE], tmp_path / "e.npz", model="m", layers="mid")
    assert str(np.load(tmp_path / "e.npz")["file"][0]) == "caf\\udce9.wav"


def test_what_is_stopped_or_finds_nothing_leaves_no_file(tmp_path):
    def stopped():
        yield ONE
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"e\.npz would be written at the end, nothing is kept"):
        write_embeddings(stopped(), tmp_path / "e.npz", model="m", layers="mid")
    bad = [FileEmbeddings(Path("a.wav"), reason="is silent")]
    assert write_embeddings(bad, tmp_path / "e.npz", model="m", layers="mid", errors=io.StringIO()) == (0, 0, 0, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_could_not_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    def never():
        raise AssertionError("work began")
        yield

    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    for name in ("e.csv", "e", "file/e.npz", "folder.npz"):
        with pytest.raises(AudiotagError, match=r"received .*(change the suffix|choose another place)"):
            write_embeddings(never(), tmp_path / name, model="m", layers="mid")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AudiotagError, match=r'pip install "audiotag\[parquet\]"'):
        write_embeddings(never(), tmp_path / "e.parquet", model="m", layers="mid")


def test_sounds_of_one_class_lie_nearer_than_those_of_two(shared, tmp_path, monkeypatch):
    shutil.copy(shared("weights/mn04_as_mAP_432.pt"), tmp_path)
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    root = shared("data/esc10")
    with (root / "meta" / "esc50.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (root / "audio" / row["filename"]).exists()]
    chosen = [row for name in sorted({row["category"] for row in rows}) for row in rows if row["category"] == name]
    chosen = [row for i, row in enumerate(chosen) if [r["category"] for r in chosen[:i]].count(row["category"]) < 2][
        :10
    ]
    tagger = audiotag.load("mn04_as")
    vectors = np.stack([tagger.embed(root / "audio" / row["filename"]) for row in chosen]).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    names = np.array([row["category"] for row in chosen])
    same = names[:, None] == names
    np.fill_diagonal(same, False)
    different = names[:, None] != names
    assert len(set(names)) == 5
    assert similarity[same].mean() > similarity[different].mean() + 0.3
    with pytest.raises(AudioError, match="are needed, received 50"):
        tagger.embed(np.zeros(50, np.float32))
