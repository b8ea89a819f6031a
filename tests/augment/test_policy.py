"""Policies: the same bytes whoever computes them, whole waveforms, honest errors."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import audio
from audiotag.augment import policy, seed_for
from audiotag.augment.sounds import SoundFolder
from audiotag.errors import AudioError, AudiotagError, AudioWarning

RATE = 16_000
NAMES = ["light", "standard", "strong"]

OWN = """
import audiomentations

def policy(sample_rate):
    return [audiomentations.PolarityInversion(p=1.0), audiomentations.Gain(min_gain_db=-6, max_gain_db=-6, p=1.0)]
"""

IN_A_FRESH_PROCESS = """
import hashlib, pickle, sys
import numpy as np
made, waveform = pickle.load(open(sys.argv[1], "rb"))
for variant in (5, 2, 1, 3, 4):
    view, _ = made.apply(waveform, 16000, seed=7, clip_id="kitchen/ä", variant=variant)
    print(variant, hashlib.sha256(view.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    noise = np.random.default_rng(3).normal(scale=0.1, size=RATE)
    return (noise * np.linspace(1, 0, RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Background noises and impulse responses of several rates, stereo among them, one in a folder below."""
    root = tmp_path_factory.mktemp("sounds")
    generator = np.random.default_rng(4)
    (root / "noise" / "street").mkdir(parents=True)
    (root / "rooms").mkdir()
    audio.write(root / "noise" / "b.wav", generator.normal(scale=0.1, size=4000), 8000)
    audio.write(root / "noise" / "street" / "a.flac", generator.uniform(-0.2, 0.2, size=60_000), 44_100)
    for name, rate in {"small": 16_000, "hall": 22_050}.items():
        response = np.exp(-np.arange(2000) / 300) * generator.normal(size=2000)
        audio.write(root / "rooms" / f"{name}.wav", response, rate)
    return {"noise": root / "noise", "impulse_responses": root / "rooms"}


def views(made, waveform: np.ndarray, variants: range) -> dict[int, str]:
    """Checksums of variants."""
    applied = {n: made.apply(waveform, RATE, seed=7, clip_id="kitchen/ä", variant=n)[0] for n in variants}
    return {variant: hashlib.sha256(view.tobytes()).hexdigest() for variant, view in applied.items()}


def test_a_seed_is_the_same_for_ever() -> None:
    assert seed_for(0, "clip", 1) == int.from_bytes(hashlib.sha256(b"0\x001\x00clip").digest()[:8], "big")
    assert len({seed_for(s, c, v) for s in range(3) for c in ("", "1", "11", "ä") for v in range(3)}) == 36


@pytest.mark.parametrize("name", ["strong"])
def test_a_fresh_process_in_another_order_makes_the_same_bytes(name, waveform, folders, tmp_path) -> None:
    made = policy(name, **folders)
    here = views(made, waveform, range(1, 6))
    (tmp_path / "work.pickle").write_bytes(pickle.dumps((made, waveform)))
    command = [sys.executable, "-W", "ignore", "-c", IN_A_FRESH_PROCESS, str(tmp_path / "work.pickle")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    assert {int(line.split()[0]): line.split()[1] for line in lines if line} == here
    assert len(set(here.values())) == 5


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generators_are_neither_used_nor_disturbed(name, waveform, folders) -> None:
    made = policy(name, **folders)
    first = views(made, waveform, range(1, 4))
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    assert views(made, waveform, range(1, 4)) == first
    assert (random.random(), np.random.rand()) == expected


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("name", NAMES)
def test_views_have_the_same_length_are_finite_and_do_not_clip(name, rate, waveform, folders) -> None:
    made = policy(name, **folders)
    for factor, variant in [(1, 1), (9, 2), (9, 3), (0, 4), (1e-6, 5)]:
        loud = np.float32(factor) * waveform[:12_000]
        before = loud.copy()
        view, _ = made.apply(loud, rate, seed=0, clip_id="x", variant=variant)
        assert view.shape == loud.shape and view.dtype == np.float32
        assert np.isfinite(view).all() and np.abs(view).max() <= 1
        np.testing.assert_array_equal(loud, before)


@pytest.mark.parametrize("name", NAMES)
def test_every_view_differs_from_its_clip_and_from_the_others(name, waveform) -> None:
    checksums = views(policy(name), waveform, range(0, 9))
    assert len(set(checksums.values())) == 9


def test_variant_0_and_the_policy_none_leave_a_clip_untouched(waveform) -> None:
    for made, variant in [(policy("strong"), 0), (policy("none"), 0), (policy(), 3)]:
        view, events = made.apply(waveform, RATE, seed=0, clip_id="x", variant=variant, events=[1, 2])
        np.testing.assert_array_equal(view, waveform)
        assert events == (1, 2)


def test_noises_and_rooms_are_used_only_where_their_folders_are_given(folders) -> None:
    for name in NAMES:
        without = json.dumps(policy(name).to_dict())
        assert "AddBackgroundNoise" not in without and "ApplyImpulseResponse" not in without
        described = policy(name, **folders).to_dict()
        assert {"AddBackgroundNoise", "ApplyImpulseResponse"} < {step[0] for step in described["transforms"]}


def test_real_rooms_and_noises_of_many_rates_are_taken(shared, waveform) -> None:
    made = policy("strong", noise=shared("data/rir_noise/noise"), impulse_responses=shared("data/rir_noise/rir"))
    assert len(set(views(made, waveform, range(1, 9)).values())) == 8


def test_the_description_depends_on_contents_and_not_on_places(folders, tmp_path) -> None:
    description = policy("light", **folders).to_dict()
    assert json.loads(json.dumps(description)) == description
    copied = {purpose: Path(str(tmp_path / purpose)) for purpose in folders}
    for purpose, folder in folders.items():
        for file in folder.rglob("*.*"):
            target = copied[purpose] / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    assert policy("light", **copied).to_dict() == description
    audio.write(copied["noise"] / "b.wav", np.ones(4000), 8000)
    assert policy("light", **copied).to_dict() != description


def test_copies_of_the_folders_elsewhere_give_the_same_bytes(folders, tmp_path, waveform) -> None:
    target = tmp_path / "noise"
    for file in sorted(folders["noise"].rglob("*.*"), reverse=True):
        copy = target / file.relative_to(folders["noise"])
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    there = policy("strong", noise=target)
    assert views(there, waveform, range(1, 5)) == views(policy("strong", noise=folders["noise"]), waveform, range(1, 5))


def test_a_policy_from_a_file_does_what_the_file_says(tmp_path, waveform, folders) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    made = pickle.loads(pickle.dumps(policy(tmp_path / "mine.py")))
    (tmp_path / "mine.py").unlink()
    view, _ = made.apply(waveform, RATE, seed=0, clip_id="x", variant=1)
    np.testing.assert_allclose(view, -waveform * 10 ** (-6 / 20), rtol=1e-5)
    assert made.name == "mine"


def test_a_changed_policy_file_has_another_description(tmp_path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    before = policy(tmp_path / "mine.py").to_dict()
    (tmp_path / "mine.py").write_text(OWN.replace("-6", "-7"))
    assert policy(tmp_path / "mine.py").to_dict() != before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("def policy(:", "SyntaxError"),
        ("x = 1", r"defines policy\(sample_rate\)"),
        ("def policy(sample_rate): return 5", r"defines policy\(sample_rate\)"),
        ("def policy(sample_rate): return [1]", r"defines policy\(sample_rate\)"),
        ("def policy(): return []", "TypeError"),
    ],
)
def test_a_policy_file_that_fails_is_one_clear_line(tmp_path, text: str, reason: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(AudiotagError, match=reason) as raised:
        policy(tmp_path / "mine.py")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ("lambda x, rate: 1 / 0", AudiotagError, "ZeroDivisionError"),
        ("lambda x, rate: x * float('nan')", AudioError, "NaN or infinite"),
        ("audiomentations.TimeStretch(min_rate=0.4, p=1.0)", AudiotagError, "differs from run to run"),
    ],
)
def test_a_transform_that_fails_names_its_policy(tmp_path, waveform, body, error, reason) -> None:
    (tmp_path / "mine.py").write_text(f"import audiomentations\ndef policy(sample_rate): return [{body}]")
    with pytest.raises(error, match=reason) as raised:
        policy(tmp_path / "mine.py").apply(waveform, RATE, seed=0, clip_id="x", variant=1)
    assert "'mine'" in str(raised.value)


def test_a_transform_that_changes_the_length_is_cut_or_filled_up(tmp_path, waveform) -> None:
    (tmp_path / "mine.py").write_text("def policy(rate): return [lambda x, rate: x[:100], lambda x, rate: 2 * x]")
    view, _ = policy(tmp_path / "mine.py").apply(waveform, RATE, seed=0, clip_id="x", variant=1)
    assert view.shape == waveform.shape and not view[100:].any()
    np.testing.assert_allclose(view[:100], 2 * waveform[:100])


def test_unknown_names_and_unusable_folders_say_what_to_do(tmp_path, folders) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "words.wav").write_text("no sound at all")
    for arguments, reason in [
        ({"name_or_file": "standart"}, "did you mean 'standard'"),
        ({"name_or_file": tmp_path / "absent.py"}, "cannot be read"),
        ({"name_or_file": "none", "noise": folders["noise"]}, "'none' changes nothing"),
        ({"name_or_file": "light", "noise": tmp_path / "absent"}, "no such folder"),
        ({"name_or_file": "light", "impulse_responses": tmp_path / "empty"}, "has none of"),
        ({"name_or_file": "light", "noise": tmp_path / "broken"}, "words.wav is not audio"),
    ]:
        with pytest.raises(AudiotagError, match=reason):
            policy(**arguments)
    with pytest.raises(AudiotagError, match="numbered"):
        policy("light").apply(np.zeros(10), RATE, seed=0, clip_id="x", variant=-1)


@given(clip_id=st.text(), seed=st.integers(-(2**70), 2**70), variant=st.integers(0, 10**6))
def test_any_clip_name_has_a_seed(clip_id: str, seed: int, variant: int) -> None:
    assert 0 <= seed_for(seed, clip_id, variant) < 2**64


def test_links_in_a_folder_of_noises_are_followed_and_other_kinds_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    audio.write(tmp_path / "elsewhere" / "rain.wav", np.zeros(800), 8000)
    (tmp_path / "noises").mkdir()
    (tmp_path / "noises" / "far").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "noises" / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.warns(AudioWarning, match=r"1 files of .* left out.*\(\.m4a\)"):
        folder = SoundFolder.find(tmp_path / "noises", "noise")
    assert folder.files == ("far/rain.wav",)
