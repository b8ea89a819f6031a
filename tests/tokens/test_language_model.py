"""The language model: what it learns, what surprises it, how it goes on; each against what is known of the melodies."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from audiotag import audio, tokens
from audiotag.errors import AudioError, AudiotagError
from audiotag.metrics.next_token import compare
from audiotag.models.decoder import CachedDecoder
from audiotag.tokens.continuing import continue_sound
from audiotag.tokens.language_model import bits_of
from audiotag.tokens.retrieval import Piece, Store, joined
from audiotag.tokens.sampling import Sampling, continued, probabilities
from audiotag.tokens.surprise import Surprise, of_tokens, smooth, surprise
from tests.tokens.conftest import RATE, STEP, melody, sound


def test_it_beats_the_bigram_where_the_rule_needs_a_longer_memory(language_model, learnt):
    rows = learnt.rows("test")[1]
    bits = bits_of(language_model.network, rows)
    result = compare("decoder", bits, rows, learnt.rows("train")[1], 8, 12.5)
    # From the fifth step on everything is known; a bigram knows of four pitches (2 bits) nearly nothing.
    assert bits[:, 4:].mean() < 0.3
    assert result.better[1] > 0.5
    assert result.table.set_index("predictor").bits_per_token["bigram"] > 1.2


def test_bits_are_those_of_the_probabilities_one_after_the_other(language_model, learnt):
    row, total = learnt.rows("test")[1][0], []
    cache, before = CachedDecoder(language_model.network, len(row)), 8
    for token in row:
        logits = cache(np.array([[before]]))[0, 0].astype(np.float64)
        total.append(-np.log2(np.exp(logits[token]) / np.exp(logits).sum()))
        before = token
    np.testing.assert_allclose(bits_of(language_model.network, row[None])[0], total, atol=1e-4)


def test_a_recording_has_the_tokens_of_its_clip_and_its_surprise_peaks_where_the_rule_breaks(
    language_model, learnt, melodies
):
    clip_ids, rows = learnt.rows("test")
    path = melodies.recordings / f"{clip_ids[3]}.wav"
    found = surprise(language_model, path)
    np.testing.assert_array_equal(found.tokens, rows[3])
    np.testing.assert_allclose(found.bits, bits_of(language_model.network, rows[3:4])[0], atol=1e-4)
    random = np.random.default_rng(8)
    pitches = np.tile(melody(random), 3)  # three clips long: windows overlap
    broken = pitches.copy()
    broken[29] = (broken[29] + 1) % 4
    usual, strange = (surprise(language_model, sound(each, np.random.default_rng(1))) for each in (pitches, broken))
    assert len(usual.tokens) == 48 and usual.bits[4:].mean() < 1
    assert strange.bits[29] > 3 and strange.bits[29] > 3 * usual.bits[29] + 1
    assert abs(strange.highest - 29 * STEP / RATE) < 0.6
    assert list(strange.table().columns) == ["start", "end", "token", "bits", "smoothed"]


def test_a_token_takes_its_bits_from_the_window_that_knows_most_of_its_past(language_model):
    row = np.random.default_rng(2).integers(0, 8, 43)
    found = of_tokens(language_model, row).bits
    for place, start in ((5, 0), (15, 0), (16, 8), (23, 8), (24, 16), (42, 27)):
        wanted = bits_of(language_model.network, row[None, start : start + 16])[0, place - start]
        assert abs(found[place] - wanted) < 1e-4


def test_the_mean_around_a_place_is_of_fewer_at_the_ends():
    np.testing.assert_allclose(smooth(np.array([0.0, 3, 6, 0, 6]), 3), [1.5, 3, 3, 4, 3])
    np.testing.assert_allclose(smooth(np.array([4.0]), 12), [4])


def test_moments_are_the_highest_tops_a_second_apart():
    curve = np.random.default_rng(6).permutation(200).astype(float)
    chosen: list[int] = []
    for token in np.argsort(-curve):
        is_top = token >= 12 and curve[max(token - 1, 12) : token + 2].max() == curve[token]  # after the first second
        if is_top and all(abs(token - each) * 0.08 >= 1 for each in chosen):
            chosen.append(int(token))
    assert Surprise(0.08, np.zeros(200, int), curve, curve).moments == chosen[:5]
    for length in (1, 12, 13):  # the ends are tops too
        rising = np.arange(length, dtype=float)
        assert Surprise(0.08, np.zeros(length, int), rising, rising).moments == [length - 1]
    spike = 4.0 * (np.arange(60) == 31)  # as the mean of a second, it is as high for half a second around
    found = Surprise(0.08, np.zeros(60, int), spike, smooth(spike + np.random.default_rng(1).normal(0, 1e-7, 60), 13))
    assert found.moments[0] == found.peak == 31 and abs(found.highest - 31.5 * 0.08) < 1e-9


def test_top_p_draws_from_the_fewest_that_have_the_probability():
    logits = np.log([0.5, 0.05, 0.3, 0.15])
    np.testing.assert_allclose(probabilities(logits, Sampling(top_p=0.75)), [0.625, 0, 0.375, 0])
    np.testing.assert_allclose(probabilities(logits, Sampling(top_p=0.4)), [1, 0, 0, 0])
    np.testing.assert_allclose(probabilities(logits, Sampling(top_p=1.0)), [0.5, 0.05, 0.3, 0.15])
    assert probabilities(logits, Sampling(top_p=1.0, temperature=0.5))[0] > 0.65
    for wrong in ({"top_p": 0}, {"temperature": -1}, {"seed": -1}):
        with pytest.raises(AudiotagError, match=next(iter(wrong))):
            Sampling(**wrong)


def test_it_goes_on_as_the_melody_does_beyond_its_context(language_model, learnt):
    row = learnt.rows("test")[1][5]
    greedy = Sampling(top_p=1e-6)
    drawn = continued(language_model.network, row[:8], 20, language_model.context, greedy)
    assert (drawn[:8] == row[8:]).mean() > 0.85
    assert (drawn == np.tile(row[:4], 5)).mean() > 0.6  # one mistake is kept from then on
    again, other = (
        continued(language_model.network, row[:2], 8, 16, Sampling(top_p=1.0, temperature=2.0, seed=seed))
        for seed in (3, 4)
    )
    np.testing.assert_array_equal(again, continued(language_model.network, row[:2], 8, 16, Sampling(1.0, 2.0, 3)))
    assert not np.array_equal(again, other)


def nearest_clips(rows: dict[str, list[int]], before: list[int]) -> list[str]:
    """The five clips that are most like some tokens: roots of counts, times how rare a token is; cosine."""

    def weights(row: list[int]) -> dict[int, float]:
        having = {token: sum(token in other for other in rows.values()) for token in row}
        rarity = {token: math.log((1 + len(rows)) / (1 + having[token])) for token in row}
        return {token: math.sqrt(row.count(token)) * rarity[token] for token in row}

    def cosine(one: dict[int, float], other: dict[int, float]) -> float:
        product = sum(one[token] * other.get(token, 0.0) for token in one)
        lengths = [math.sqrt(sum(value**2 for value in each.values())) for each in (one, other)]
        return product / max(lengths[0] * lengths[1], 1e-12)

    likeness = {clip_id: cosine(weights(row), weights(before)) for clip_id, row in rows.items()}
    return sorted(likeness, key=lambda clip_id: -round(likeness[clip_id], 9))[:5]


def longest(rows: list[list[int]], wanted: list[int]) -> int:
    """Most of the first tokens that a row has in the same order."""
    best = 0
    for row in rows:
        for first in range(len(row)):
            length = 0
            while length < len(wanted) and row[first + length : first + length + 1] == wanted[length : length + 1]:
                length += 1
            best = max(best, length)
    return best


def test_pieces_are_the_longest_that_the_clips_most_like_the_past_have(learnt):
    store = Store(learnt, "train")
    rows = {clip_id: row.tolist() for clip_id, row in zip(*learnt.rows("train"), strict=True)}
    own = next(clip_id for clip_id, row in rows.items() if row == row[:4] * 4 and len(set(row)) > 2)
    before = rows[own][:4]
    random = np.random.default_rng(9)
    wanted = rows[own][4:10] + random.choice(np.unique(store.tokens), 12).tolist()
    near = nearest_clips(rows, before)
    assert own in near and len(rows) > 10
    pieces, place = store.pieces(np.array(wanted), np.array(before)), 0
    there, centroids = sorted({token for clip_id in near for token in rows[clip_id]}), learnt.tokenizer.centroids
    assert not set(wanted) <= set(there)
    distance = lambda one, other: ((centroids[one].astype(float) - centroids[other]) ** 2).sum()  # noqa: E731
    played = [min(there, key=lambda other, token=token: distance(token, other)) for token in wanted]
    assert pieces[0].tokens >= 6
    for piece in pieces:
        assert piece.clip_id in near
        assert rows[piece.clip_id][piece.first : piece.first + piece.tokens] == played[place : place + piece.tokens]
        assert piece.tokens == longest([rows[clip_id] for clip_id in near], played[place:])
        place += piece.tokens
    assert place == len(wanted)
    every = list(rows.values())
    assert store.longest_run(np.array(wanted)) == max(longest(every, wanted[start:]) for start in range(len(wanted)))


def test_pieces_are_cut_where_their_tokens_lie_and_fades_keep_the_power():
    random = np.random.default_rng(4)
    clips = {name: random.normal(0, 0.1, 4000).astype(np.float32) for name in "ab"}
    start = random.normal(0, 0.1, 1000).astype(np.float32)
    found = joined(start, [Piece("a", 3, 2), Piece("b", 0, 1)], clips.__getitem__, 400, 100)
    assert found.shape == (1000 + 1200,) and found.dtype == np.float32
    np.testing.assert_array_equal(found[:900], start[:900])
    np.testing.assert_array_equal(found[1000:1700], clips["a"][1200:1900])
    np.testing.assert_array_equal(found[1800:], clips["b"][:400])
    fade = np.sin(np.linspace(0, np.pi / 2, 100))
    np.testing.assert_allclose(found[900:1000], start[900:] * fade[::-1] + clips["a"][1100:1200] * fade, atol=1e-6)
    np.testing.assert_allclose(found[1700:1800], clips["a"][1900:2000] * fade[::-1], atol=1e-6)  # b begins there


def test_a_continuation_is_the_prompt_then_sound_with_the_drawn_tokens(language_model, melodies, learnt):
    path = melodies.recordings / "test4.wav"
    prompt = audio.read(path, RATE)[: 8 * STEP]
    made = continue_sound(language_model, prompt, 1.0, sampling=Sampling(seed=2))
    assert made.sample_rate == RATE and len(made.continuation) == RATE
    fade = round(0.03 * RATE)
    np.testing.assert_array_equal(made.waveform[: made.prompt - fade], prompt[:-fade])
    sounding = language_model.tokens_of(made.continuation)
    assert (sounding == made.tokens[: len(sounding)]).mean() > 0.8
    assert sum(piece.tokens for piece in made.pieces) == len(made.tokens) == 13
    assert all(piece.clip_id.startswith("train") for piece in made.pieces)
    assert made.longest == Store(learnt, "train").longest_run(made.tokens)
    preview = continue_sound(language_model, prompt, 1.0, sampling=Sampling(seed=2), preview=True)
    assert preview.pieces == () and not np.array_equal(preview.continuation, made.continuation)
    np.testing.assert_array_equal(preview.tokens, made.tokens)
    loudness = [float(np.sqrt(np.mean(part**2))) for part in (preview.continuation, prompt)]
    assert abs(loudness[0] / loudness[1] - 1) < 0.1


def test_prompts_that_cannot_be_continued_are_one_line(language_model, melodies, tmp_path):
    silence = np.zeros(RATE, np.float32)
    for waveform, message in (
        (silence, "received silence"),
        (silence[:100], "a token is 0.08 s of sound, received 0.0125 s"),
        (np.full(RATE, np.nan, np.float32), "NaN or infinite samples"),
    ):
        with pytest.raises(AudioError, match=message):
            continue_sound(language_model, waveform, 1.0)
    with pytest.raises(AudiotagError, match="at most 600 s, received 0"):
        continue_sound(language_model, silence, 0.0)
    other = tokens.build(melodies.path, tmp_path / "other", tokens.building.Settings(count=8, train="test"))
    with pytest.raises(AudiotagError, match="holds tokens of another tokenizer"):
        continue_sound(language_model, sound(np.zeros(4, int), np.random.default_rng(0)), 1.0, data=other)
    with pytest.raises(AudiotagError, match="is none: give the --out of"):
        tokens.open_model(melodies.path)
    assert len(surprise(language_model, silence).tokens) == 12  # silence is a sound like any other to be measured


def test_a_recording_of_one_token_is_measured_without_a_warning(language_model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = surprise(language_model, sound(np.zeros(1, int), np.random.default_rng(0)))
    assert len(found.tokens) == 1 and found.highest == 0.04
