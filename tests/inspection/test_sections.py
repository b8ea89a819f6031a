"""Figures of sections against slow references, and measures of single sounds."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import scipy.signal

from audiotag.frontend import log_mel, preset
from audiotag.inspection import energy, sounds
from audiotag.inspection.fingerprints import candidates, fingerprints, similarity, textures
from audiotag.inspection.sections import cooccurrence

RATE = 32_000
CONFIG = preset("efficientat")
FRAMES = RATE / CONFIG.hop


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def stored(*waveforms: np.ndarray, front_end: str = "efficientat") -> np.ndarray:
    """Log-mels in float16, as records hold them."""
    values = [log_mel(waveform.astype(np.float32), preset(front_end)) for waveform in waveforms]
    return np.stack(values).astype(np.float16).astype(np.float32)


def test_pairs_of_classes_are_those_that_counting_gives() -> None:
    random = np.random.default_rng(0)
    targets, names = random.random((200, 7)) < np.linspace(0.05, 0.6, 7), tuple("abcdefg")
    table = cooccurrence.pairs(targets, names)
    counted = {}
    for first, second in combinations(range(7), 2):
        clips = sum(bool(row[first] and row[second]) for row in targets)
        if clips:
            chance = sum(row[first] for row in targets) * sum(row[second] for row in targets) / 200
            counted[names[first], names[second]] = (clips, clips / chance)
    assert {(row["class"], row["with"]) for row in table.to_dict("records")} == set(counted)
    for row in table.to_dict("records"):
        clips, lift = counted[row["class"], row["with"]]
        assert row["clips"] == clips
        assert row["lift"] == pytest.approx(lift)
    assert table["clips"].is_monotonic_decreasing


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.105, 0.2152])
@pytest.mark.parametrize("front_end", ["efficientat", "yamnet", "panns", "librosa"])
def test_a_copy_of_another_level_and_time_is_more_similar_than_any_other_noise(shift: float, front_end: str) -> None:
    config = preset(front_end)
    late = round(shift * config.sample_rate)
    length = 2 * config.sample_rate
    long = [np.random.default_rng(seed).standard_normal(length + late) * 0.1 for seed in range(6)]
    values = stored(*(one[:length] for one in long), 0.5 * long[0][late:], front_end=front_end)
    frames = config.sample_rate / config.hop
    own = textures(values, frames, energy.nepers(config))
    similar = [similarity(own[0], own[other], 10)[0] for other in range(1, 7)]
    assert similar[-1] > 0.75
    assert max(similar[:-1]) < 0.3
    pairs = candidates(fingerprints(own, frames), 2, 10)
    assert pairs[0].tolist() == [0, 6]


def test_the_shift_is_where_the_second_has_what_the_first_has() -> None:
    long = noise(0, 3.0)
    own = textures(stored(long[6400 : 6400 + 2 * RATE], long[: 2 * RATE]), FRAMES, energy.nepers(CONFIG))
    value, shift = similarity(own[0], own[1], 10)
    assert value > 0.9
    assert shift == 6400 / CONFIG.hop


NO_WORD = 2**64 - 1


def printed(clips: list[dict[int, int]], words: int) -> np.ndarray:
    """Fingerprints of clips, each the frames of its words."""
    prints = np.full((len(clips), words), NO_WORD, np.uint64)
    for row, own in zip(prints, clips, strict=True):
        row[: len(own)] = sorted(word << 32 | frame for word, frame in own.items())
    return prints


def in_common(first: dict[int, int], second: dict[int, int]) -> int:
    """The most words that two clips share at one shift and the next."""
    shifts = Counter(first[word] - second[word] for word in first.keys() & second.keys())
    return max((count + shifts[shift + 1] for shift, count in shifts.items()), default=0)


def test_candidates_are_all_pairs_that_are_alike_and_of_many_the_most_alike() -> None:
    random = np.random.default_rng(1)
    clips: list[dict[int, int]] = [{} for _ in range(2200)]  # more than are counted at once
    for word in range(1, 8000):
        for row in random.choice(2200, 5, replace=False).tolist():
            clips[row][word] = int(random.integers(6))
    words = [frozenset(clip) for clip in clips]
    counts = {
        (first, second): in_common(clips[first], clips[second])
        for first, second in combinations(range(2200), 2)
        if not words[first].isdisjoint(words[second])
    }
    expected = {pair for pair, count in counts.items() if count >= 2}
    prints = printed(clips, 40)
    assert len(expected) > 100
    assert {tuple(pair) for pair in candidates(prints, 2, 100_000).tolist()} == expected
    best = sorted(expected, key=lambda pair: (-counts[pair], pair))[:25]
    assert [tuple(pair) for pair in candidates(prints, 2, 25).tolist()] == best


def test_words_that_many_clips_have_cost_little_and_copies_among_them_are_still_found() -> None:
    random = np.random.default_rng(2)
    clips = [{word: int(random.integers(4000)) for word in range(1, 41)} for _ in range(1000)]
    for row in (7, 990):
        clips[row] |= {word: 3 * word for word in range(100, 105)}
    for clip in clips[200:230]:  # copies of one sound
        clip |= {word: word for word in range(200, 210)}
    pairs = {tuple(pair) for pair in candidates(printed(clips, 60), 5, 10_000).tolist()}
    assert pairs >= {(7, 990), *((row, row + 1) for row in range(200, 229))}
    assert {row for pair in pairs for row in pair} == {7, 990, *range(200, 230)}


def test_clips_without_words_have_no_candidates() -> None:
    for values in (np.zeros((3, 200, 32), np.float32), np.ones((3, 2, 32), np.float32), np.zeros((0, 200, 32))):
        prints = fingerprints(values.astype(np.float32), FRAMES)
        assert prints.shape == (len(values), 256)
        assert (prints == NO_WORD).all()
        assert candidates(prints, 2, 10).shape == (0, 2)


def test_planted_copies_are_those_that_comparing_all_pairs_gives() -> None:
    random = np.random.default_rng(3)
    longs = [0.1 * random.standard_normal(round(3.0 * RATE)) for _ in range(24)]
    begins = random.integers(0, round(0.6 * RATE), 8)
    copies = [gain * longs[row][begin:] for row, (begin, gain) in enumerate(zip(begins, random.random(8), strict=True))]
    copies = [copy + 0.05 * copy.std() * random.standard_normal(len(copy)) for copy in copies]
    waveforms = [waveform[: 2 * RATE] for waveform in (*longs, *copies)]
    own = textures(stored(*waveforms), FRAMES, energy.nepers(CONFIG))
    alike = {
        (first, second)
        for first, second in combinations(range(32), 2)
        if similarity(own[first], own[second], 0.3 * FRAMES)[0] >= 0.5
    }
    assert alike == {(row, 24 + row) for row in range(8)}
    assert {tuple(pair) for pair in candidates(fingerprints(own, FRAMES), 2, 100).tolist()} >= alike


def test_steady_tones_are_not_taken_for_one_another() -> None:
    time = np.arange(2 * RATE) / RATE
    values = stored(*(0.3 * np.sin(2 * np.pi * pitch * time) for pitch in (440.0, 441.0)))
    own = textures(values, FRAMES, energy.nepers(CONFIG))
    assert similarity(own[0], own[1], 0.3 * FRAMES)[0] < 0.5


@pytest.mark.parametrize(
    ("name", "waveform", "cut_off"),
    [
        ("noise", noise(0), False),
        ("a sine", 0.9 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE), False),
        ("a sine of 8 bits", np.round(115 * np.sin(2 * np.pi * 30 * np.arange(RATE) / RATE)) / 128, False),
        ("digital silence", np.zeros(RATE), False),
        ("a cut sine", np.clip(np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE), -0.95, 0.95), True),
        ("cut noise", np.clip(noise(0), -0.25, 0.25), True),
        ("cut noise, one side", np.minimum(noise(0), 0.2), True),
        ("what a lossy decoder makes of it", scipy.signal.resample(np.clip(12 * noise(0), -1, 1), RATE), True),
    ],
)
def test_clipping_is_told_from_loudness(name: str, waveform: np.ndarray, cut_off: bool) -> None:
    share = sounds.clipping(waveform)
    assert (share >= 1e-4) == cut_off, name
    if name == "cut noise":
        assert share == pytest.approx(np.mean(np.abs(waveform) == 0.25), rel=0.01)


@pytest.mark.parametrize("front_end", ["efficientat", "yamnet", "panns", "librosa"])
def test_level_and_silence_are_those_of_noise(front_end: str) -> None:
    config = preset(front_end)
    waveforms = [10 ** (decibels / 20) * 10 * noise(3)[: 2 * config.sample_rate] for decibels in (-20, -50, -90)]
    loud, soft, silent = stored(*waveforms, front_end=front_end)
    frames = [energy.energies(values, config).sum(axis=1) for values in (loud, soft, silent)]
    levels = [float(energy.level(energies.mean(), config, 2 * config.sample_rate)) for energies in frames]
    np.testing.assert_allclose(levels[:2], [-20, -50], atol=0.6)
    assert float(energy.level(frames[2].max(), config, 2 * config.sample_rate)) < energy.SILENCE


def edge_of(waveform: np.ndarray, front_end: str = "efficientat") -> float | None:
    config = preset(front_end)
    return energy.edge(
        energy.usually_exceeded(energy.energies(stored(waveform, front_end=front_end), config))[0], config
    )


def test_what_was_recorded_at_a_low_rate_ends_at_an_edge() -> None:
    for rate in (8000, 11_025, 16_000):
        low = scipy.signal.resample(noise(1), 2 * rate)
        frequency = edge_of(scipy.signal.resample(low, 2 * RATE))
        assert frequency == pytest.approx(rate / 2, rel=0.08)


def test_sounds_that_fade_or_are_tones_have_no_edge() -> None:
    time = np.arange(2 * RATE) / RATE
    brown = np.cumsum(noise(2))
    assert edge_of(noise(2)) is None
    assert edge_of(0.1 * brown / brown.std()) is None
    assert edge_of(0.3 * np.sin(2 * np.pi * 440 * time)) is None
    assert edge_of(sum(0.1 / order * np.sin(2 * np.pi * 120 * order * time) for order in range(1, 12))) is None
    assert edge_of(np.zeros(2 * RATE)) is None
