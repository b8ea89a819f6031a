"""Tokens in the trainer of the house: stopped and gone on with, and recipes that mean nothing for them."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from audiotag import tokens
from audiotag.errors import AudiotagError
from audiotag.training import Recipe, train

pytestmark = pytest.mark.usefixtures("eager")


def test_a_stopped_training_goes_on_to_the_same_weights(recipe, tmp_path):
    small = {"width": 8, "depth": 1, "heads": 1, "dropout": 0.2}
    short = dataclasses.replace(recipe, epochs=2, epoch_steps=2, model_options=small)
    wanted = train(short, tmp_path / "whole")

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert logs["val_bits_per_token"] > 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(short, tmp_path / "stopped", callbacks=[Stop()])
    assert not (tmp_path / "stopped" / "student.keras").exists()
    found = train(short, tmp_path / "stopped")
    assert found.best_value == wanted.best_value
    for ours, theirs in zip(
        *(tokens.open_model(run.path).network.get_weights() for run in (found, wanted)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "mn01", "model_options": {}}, "holds tokens, mn01 takes log_mel"),
        ({"teacher": "passt"}, "of which teacher='passt' means nothing"),
        ({"mixup": 0.5, "balance": True}, "balance=True, mixup=0.5 means nothing"),
        ({"augment": {"gain": 3}}, "augment="),
        ({"monitor": "val_mAP"}, "monitor 'val_loss' or 'last'"),
    ],
)
def test_what_means_nothing_for_tokens_is_refused(recipe, changes, message, tmp_path):
    with pytest.raises(AudiotagError, match=message):
        train(dataclasses.replace(recipe, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_log_mel_is_nothing_for_a_decoder(melodies, tmp_path):
    with pytest.raises(AudiotagError, match="holds log_mel, decoder takes tokens"):
        train(Recipe(data=melodies.path, model="decoder", epochs=1, mixup=0), tmp_path / "run")
