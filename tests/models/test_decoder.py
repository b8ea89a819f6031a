"""The decoder: its logits against a slow NumPy reference, with and without a cache, on three backends, from a file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from kept_process import module_of
from scipy.special import erf

from audiotag import models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.frontend import preset
from audiotag.labels import Labels
from audiotag.models.decoder import CachedDecoder

check = module_of(Path(__file__).with_name("decoder_check.py"))


def rms(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean() + 1e-6) * scale


def reference(weights: dict[str, np.ndarray], tokens: np.ndarray) -> np.ndarray:
    """Step by step and head by head in float64; rotary positions (arXiv 2104.09864, eq. 34) as rotations of pairs."""
    own = {path: value.astype(np.float64) for path, value in weights.items()}
    width, heads = check.SIZES["width"], check.SIZES["heads"]
    size = width // heads

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ own[f"{name}/kernel"] + own[f"{name}/bias"]

    def turned(vector: np.ndarray, place: int) -> np.ndarray:
        result = np.empty(size)
        for pair in range(size // 2):
            angle = place * 10_000.0 ** (-2 * pair / size)
            a, b = vector[2 * pair : 2 * pair + 2]
            result[2 * pair] = a * np.cos(angle) - b * np.sin(angle)
            result[2 * pair + 1] = a * np.sin(angle) + b * np.cos(angle)
        return result

    kept: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
    found = []
    for place, token in enumerate(tokens):
        x = own["embedding/embeddings"][token]
        for block in range(1, check.SIZES["depth"] + 1):
            name = f"block{block}"
            hidden = dense(f"{name}_projection", rms(x, own[f"{name}_attention_normalization/scale"]))
            query, key, value = hidden.reshape(3, heads, size)
            attended = []
            for head in range(heads):
                past = kept.setdefault((block, head), [])
                past.append((turned(key[head], place), value[head]))
                scores = np.array([turned(query[head], place) @ each / np.sqrt(size) for each, _ in past])
                shares = np.exp(scores - scores.max())
                attended.append(sum(s * v for s, (_, v) in zip(shares / shares.sum(), past, strict=True)))
            x = x + dense(f"{name}_attention_output", np.concatenate(attended))
            hidden = dense(f"{name}_hidden", rms(x, own[f"{name}_mlp_normalization/scale"]))
            x = x + dense(f"{name}_mlp_output", hidden * (1 + erf(hidden / np.sqrt(2))) / 2)
        found.append(dense("logits", rms(x, own["normalization/scale"])))
    return np.stack(found)


@pytest.mark.parametrize("backend", ["tensorflow", "torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_logits_are_those_of_the_reference_with_and_without_a_cache(kept_process, backend):
    found = kept_process(backend).call(check.logits)
    weights = check.weights()
    wanted = np.stack([reference(weights, row) for row in check.sequences()])
    assert np.ptp(wanted) > 3
    np.testing.assert_allclose(found["whole"], wanted, atol=1e-4)
    np.testing.assert_allclose(found["cached"], found["whole"], atol=1e-5)
    # What comes later changes nothing before it.
    np.testing.assert_allclose(found["other"][:, :10], found["whole"][:, :10], atol=1e-6)
    assert np.abs(found["other"][:, 10:] - found["whole"][:, 10:]).max() > 0.1


def test_a_file_opens_again_with_the_same_logits(tmp_path):
    made, tokens = check.network(), check.sequences()
    labels = Labels(tuple(f"token {number}" for number in range(check.TOKENS)))
    card = models.ModelCard("small", ClipFormat(labels, preset("efficientat"), "tokens", 1.0))
    models.save(made, tmp_path / "a.keras", card)
    opened, again = models.load(tmp_path / "a.keras")
    assert again == card and again.task.of_tokens
    np.testing.assert_array_equal(opened.predict_on_batch(tokens), made.predict_on_batch(tokens))


def test_what_cannot_be_is_one_line():
    with pytest.raises(AudiotagError, match="a multiple of 8, received 20: choose 16"):
        models.build("decoder", classes=3, width=20)
    with pytest.raises(AudiotagError, match="dropout of a decoder is a rate in 0 to 1, received 1"):
        models.build("decoder", classes=3, dropout=1.0)
    cache = CachedDecoder(check.network(), 3)
    with pytest.raises(AudiotagError, match="at most 3 steps, received 4"):
        cache(np.zeros((1, 4), np.int32))
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)], name="other")
    with pytest.raises(AudiotagError, match="what predicts tokens is a decoder, received other"):
        CachedDecoder(other, 3)
