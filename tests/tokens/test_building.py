"""Learning tokens: from training clips alone, of log-mel and of a network, the same again; and what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from audiotag import records, tokens
from audiotag.errors import AudiotagError
from audiotag.tokens.building import Settings
from audiotag.tokens.tokenizer import Tokenizer
from audiotag.tokens.vectors import StepVectors


def log_mels(data: records.Data, split: str) -> tuple[list[str], np.ndarray]:
    batches = list(data.batches(split, batch_size=1000))
    return batches[0]["clip_id"], batches[0]["log_mel"][..., 0]


def test_a_token_is_the_nearest_centroid_of_the_mean_log_mel_of_its_frames(melodies, learnt):
    clip_ids, spectrograms = log_mels(melodies, "test")
    steps = np.stack([[rows[4 * step : 4 * step + 4].mean(axis=0) for step in range(16)] for rows in spectrograms])
    tokenizer = learnt.tokenizer
    training = log_mels(melodies, "train")[1][:, :64].reshape(-1, 4, 24).mean(axis=1)
    np.testing.assert_allclose(tokenizer.mean, training.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(tokenizer.scale, training.std(axis=0), rtol=1e-3)
    scaled = (steps - tokenizer.mean) / tokenizer.scale
    wanted = cdist(scaled.reshape(-1, 24), tokenizer.centroids).argmin(axis=1).reshape(24, 16)
    stored_ids, stored = learnt.rows("test")
    assert stored_ids.tolist() == clip_ids and (learnt.steps_a_clip, tokenizer.rate) == (16, 12.5)
    np.testing.assert_array_equal(stored, wanted)
    assert learnt.splits == {"train": 128, "validation": 24, "test": 24}


def test_other_clips_than_those_of_training_change_nothing(melodies, learnt, tmp_path):
    again = tokens.build(melodies.path, tmp_path / "a", Settings(count=8, train="train"))
    assert again.fingerprint == learnt.fingerprint
    other = tokens.build(melodies.path, tmp_path / "b", Settings(count=8, train="validation"))
    assert other.tokenizer.fingerprint != learnt.tokenizer.fingerprint
    training = log_mels(melodies, "validation")[1][:, :64].reshape(-1, 4, 24).mean(axis=1)
    np.testing.assert_allclose(other.tokenizer.mean, training.mean(axis=0), atol=1e-4)


def test_tokens_of_a_network_are_those_of_its_steps_and_of_no_other_weights(melodies, tmp_path):
    import keras

    from audiotag import models
    from audiotag.clip_format import ClipFormat

    def save(seed: int) -> None:
        keras.utils.set_random_seed(seed)
        log_mel = keras.Input((None, 24, 1), name="log_mel")
        block = keras.layers.Conv2D(4, 3, (4, 2), "same", activation="relu", name="block")(log_mel)
        logits = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(block))
        clip_format = ClipFormat(melodies.labels, melodies.front_end, "multiclass", melodies.seconds)
        models.save(keras.Model(log_mel, logits, name="small"), path, models.ModelCard("small", clip_format))

    path = tmp_path / "small.keras"
    save(1)
    made = tokens.build(melodies.path, tmp_path / "tokens", Settings(count=4, model=str(path), layer="block"))
    assert made.steps_a_clip == 16
    network = models.load(path)[0]
    through = keras.Model(network.input, network.get_layer("block").output)
    steps = through.predict_on_batch(log_mels(melodies, "test")[1][..., None]).mean(axis=2)[:, :16]
    found = made.tokenizer.vectors()(log_mels(melodies, "test")[1][..., None])
    np.testing.assert_allclose(found, steps, atol=1e-5)
    np.testing.assert_array_equal(made.rows("test")[1], made.tokenizer.tokens(steps))
    save(2)
    with pytest.raises(AudiotagError, match="its weights have changed since"):
        made.tokenizer.vectors()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 5.0}, "10 to 25 a second, received a rate of 5"),
        ({"count": 1}, "2 to 65535 tokens, received 1"),
        ({"count": 5000}, "different steps, too few for 5000 tokens"),
        ({"train": "tain"}, "tain"),
        ({"layer": "block1"}, "received layer 'block1' without a model"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(melodies, settings, message, tmp_path):
    with pytest.raises(AudiotagError, match=message):
        tokens.build(melodies.path, tmp_path / "out", Settings(**settings))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_as_it_is(melodies, learnt):
    before = sorted(path.read_bytes() for path in learnt.path.iterdir())
    with pytest.raises(AudiotagError, match="a new or empty folder"):
        tokens.build(melodies.path, learnt.path)
    assert sorted(path.read_bytes() for path in learnt.path.iterdir()) == before


def test_tokens_of_another_tokenizer_and_damage_are_refused(melodies, learnt, tmp_path):
    other = tokens.build(melodies.path, tmp_path / "other", Settings(count=8, seed=1, train="test"))
    folder = shutil.copytree(learnt.path, tmp_path / "mixed")
    shutil.copy(other.path / "tokenizer.npz", folder)
    with pytest.raises(AudiotagError, match="are those of tokenizer"):
        tokens.open(folder)
    shutil.copy(learnt.path / "tokenizer.npz", folder)
    shutil.copy(other.path / "tokens.npz", folder)
    with pytest.raises(AudiotagError, match=r"tokens.npz is missing or damaged"):
        tokens.open(folder).rows("test")
    (folder / "tokenizer.npz").write_bytes(b"no archive")
    with pytest.raises(AudiotagError, match="is no tokenizer, or is damaged"):
        tokens.open(folder)
    (folder / "tokens.json").write_text(json.dumps({"kind": "audiotag tokens"}))
    shutil.copy(learnt.path / "tokenizer.npz", folder)
    with pytest.raises(AudiotagError, match="does not say name, tokens"):
        tokens.open(folder)
    with pytest.raises(AudiotagError, match=r"there are no tokens in"):
        tokens.open(melodies.path)


def test_the_data_set_is_found_where_both_moved_and_another_is_refused(melodies, learnt, tmp_path):
    moved = shutil.copytree(learnt.path, tmp_path / "tokens")
    card = json.loads((moved / "tokens.json").read_text())
    shutil.copytree(melodies.path, tmp_path / "data")
    (moved / "tokens.json").write_text(json.dumps(card | {"data": str(tmp_path / "gone"), "data_relative": "../data"}))
    assert tokens.open(moved).source().path == moved / "../data"
    (moved / "tokens.json").write_text(json.dumps(card | {"data_fingerprint": "other"}))
    with pytest.raises(AudiotagError, match="are those of another data set"):
        tokens.open(moved).source()


def test_a_tokenizer_is_the_same_read_again_and_a_token_is_a_whole_number_of_frames(learnt, tmp_path):
    learnt.tokenizer.write(tmp_path / "a.npz")
    assert Tokenizer.read(tmp_path / "a.npz").fingerprint == learnt.tokenizer.fingerprint
    made = StepVectors(learnt.front_end, 24.0)
    assert (made.distance, made.rate) == (2, 25.0)
    assert [made.count(frames) for frames in (0, 1, 2, 5)] == [0, 0, 1, 2]


def test_batches_go_on_from_any_step_as_if_never_stopped(learnt):
    reading = {"batch_size": 48, "shuffle": True, "drop_remainder": True, "seed": 4}
    whole = [inputs.numpy() for inputs, _ in learnt.read("train", **reading).take(7)]
    later = learnt.read("train", **reading, first_epoch=1, first_step=1).take(4)  # two batches an epoch
    for found, wanted in zip((inputs.numpy() for inputs, _ in later), whole[3:], strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert not np.array_equal(whole[0], whole[2])
    inputs, targets = next(iter(learnt.read("test", batch_size=24)))
    rows = learnt.rows("test")[1]
    np.testing.assert_array_equal(targets.numpy().argmax(axis=-1), rows)
    np.testing.assert_array_equal(inputs.numpy(), np.concatenate([np.full((24, 1), 8), rows[:, :-1]], axis=1))
    halves = [next(iter(learnt.read("test", batch_size=12, host=(index, 2))))[0].numpy() for index in (0, 1)]
    assert sorted(map(tuple, np.concatenate(halves))) == sorted(map(tuple, inputs.numpy()))
