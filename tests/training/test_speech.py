"""Training on texts: from records to a run that spells tones, its report, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from audiotag import audio, records, scorers, speech
from audiotag.augment import policy
from audiotag.clips.texts import spoken
from audiotag.errors import AudiotagError
from audiotag.evaluation.sections import notes, sound_events
from audiotag.evaluation.sections import speech as section_of_speech
from audiotag.models import build
from audiotag.models.characters import character_level
from audiotag.models.frames import FrameSteps
from audiotag.records import Clip, Data
from audiotag.speech import greedy
from audiotag.tagging import AudioTagger
from audiotag.tagging.words import character_scores
from audiotag.training import Recipe
from audiotag.training.character_loss import CharacterLoss
from audiotag.training.fitting import Training, fit
from audiotag.training.network import starting_network
from audiotag.training.recipe import resolve
from audiotag.training.steps import step_lesson
from tests.in_process import ThisProcess
from tests.small_speech import FRONT_END, LABELS, RATE, SECONDS, declared, said, text_of

OPTIONS = {"width": 0.25, "units": 16, "depth": 1, "dropout": 0.0}


def test_a_batch_holds_every_text_and_where_its_recording_ends(spoken_tones: Data) -> None:
    steps, seen = FrameSteps(4, 4), 0
    for _, target, clip_ids, _ in spoken_tones.read("all", steps=steps, keys=True, batch_size=4):
        for key, row in zip(clip_ids.numpy(), target["steps"].numpy()[..., 0], strict=True):
            text = text_of(int(key.decode().removeprefix("clip")))
            told = [LABELS.index(name) + 1 for name in speech.text.names_of(text)]
            length = len(said(text)) / RATE if text else SECONDS
            assert row[: len(told)].tolist() == told
            assert not row[len(told) : (row >= 0).sum()].any()
            assert (row >= 0).sum() == pytest.approx(min(length / 0.04, 30), abs=1)
            seen += 1
    assert seen == 45


def test_the_texts_stand_in_the_table_and_their_normalisation_in_the_data_set(spoken_tones: Data) -> None:
    rows = spoken_tones.clips.set_index("clip_id")
    assert rows.loc["clip0", "text"] == text_of(0)
    assert rows.loc["clip8", "text"] == ""
    assert json.loads((spoken_tones.path / "dataset.json").read_text())["text"] == speech.text.NORMALISATION


@pytest.fixture(scope="module")
def run(spoken_tones: Data, tmp_path_factory: pytest.TempPathFactory):
    import keras

    keras.utils.set_random_seed(0)  # of the weights: an unlucky start needs more epochs
    choices = {"model": "speech", "model_options": OPTIONS, "epochs": 20, "batch_size": 5, "learning_rate": 0.008}
    recipe = resolve(Recipe(spoken_tones.path, validation="none", warmup=2, **choices), spoken_tones)
    assert (recipe.strong_weight, recipe.monitor, recipe.mixup) == (1.0, "last", 0.0)
    out = tmp_path_factory.mktemp("speech") / "run"
    return fit(Training(starting_network(recipe, spoken_tones)[0], spoken_tones, recipe, out))


def test_a_small_run_spells_what_it_hears(spoken_tones: Data, run) -> None:
    scorer = scorers.open(run.tagger)
    scored = SimpleNamespace(network=scorer.network, data=spoken_tones, split="test")
    evaluation = SimpleNamespace(scored=(scored,))
    section = section_of_speech.measure(evaluation)
    assert section.scalars["WER"] < 0.2 and section.scalars["CER"] < 0.1
    assert section.conclusions[0].startswith("wrong words ")
    result = section.values["speech"]
    low, high = result.intervals["WER"]
    assert low <= section.scalars["WER"] <= high
    assert result.speakers["speaker"].tolist() == ["x", "y"] and result.silent_hours > 0
    assert section.facts["clips"] == "15"
    # The same sound as a file: no padding, all of it at once.
    found = [scorer.tagger.words(said(text_of(number)), sample_rate=RATE).text for number in (2, 5, 11, 14)]
    assert found == [text_of(number) for number in (2, 5, 11, 14)]
    assert sound_events.measure(evaluation) is None and notes.measure(evaluation) is None


@pytest.mark.parametrize("window", [60, pytest.param(110, marks=pytest.mark.slow)])
def test_windows_of_a_long_recording_equal_a_single_pass(run, window: int) -> None:
    tagger = scorers.open(run.tagger).tagger
    texts = [text_of(number) for number in range(18) if text_of(number)]
    sound = np.concatenate(
        [np.concatenate([said(text, seed), np.zeros(1600, np.float32)]) for seed, text in enumerate(texts)]
    )
    whole, parts = (character_scores(tagger, sound, window=steps) for steps in (10_000, window))
    np.testing.assert_allclose(parts.values, whole.values, atol=0.02)
    told = [greedy(np.log(each.values + 1e-30)).characters for each in (whole, parts)]
    assert told[0] == told[1]
    expected = sum(len(text.replace(" ", "")) for text in texts)
    assert abs(len([c for c in told[0] if LABELS.names[c] != "space"]) - expected) <= 0.1 * expected


def test_the_file_of_a_run_is_opened_and_trained_on(spoken_tones: Data, run) -> None:
    import keras

    characters = character_level(keras.saving.load_model(run.student))
    characters.compile("sgd", CharacterLoss(), run_eagerly=True)
    log_mel, target = next(iter(spoken_tones.read("train", steps=FrameSteps(4, 4), batch_size=6, variants=0)))
    before = characters.get_layer("characters").kernel.numpy()
    loss = characters.train_on_batch(log_mel, target["steps"])
    assert loss < run.history[0]["loss"] / 4
    assert np.abs(characters.get_layer("characters").kernel.numpy() - before).max() > 0
    waveform = said("ab ba")[None]
    scores = keras.saving.load_model(run.tagger).predict_on_batch(waveform)
    np.testing.assert_allclose(scores, scorers.open(run.tagger).predict_on_batch(waveform), atol=1e-5)


def built(folder: Path, text: str, seconds: float, letters: str = "ab") -> dict[str, str]:
    """Reasons of what is rejected beside one good clip."""
    folder.mkdir()
    audio.write(folder / "good.wav", said("ab"), RATE)
    audio.write(folder / "other.wav", np.full(round(seconds * RATE), 0.1, np.float32), RATE)
    labels = speech.labels(letters)
    clips = [
        spoken(Clip(name, f"{name}.wav", (), "train"), said_, labels)
        for name, said_ in (("good", "ab"), ("other", text))
    ]
    whole = replace(declared_of(folder), clips=tuple(clips), labels=labels, root=folder)
    records.build(whole, folder / "data", front_end=FRONT_END, engine=ThisProcess())
    rows = records.open(folder / "data").clips
    return dict(zip(rows["clip_id"], rows["reason"], strict=True))


def declared_of(folder: Path):
    (folder / "three").mkdir()
    return declared(folder / "three", 3)


@pytest.mark.parametrize(
    ("text", "seconds", "reason"),
    [
        ("abc", 1.0, "its text has 'c', and the letters are ab"),
        ("aaaa", 0.27, "its text needs 7 steps of 0.04 s (a character each, one more between two that are the same)"),
        ("ab", 1.5, "it lasts 1.50 s, and 1.2 s of it would cut off what is said"),
        ("abab", 0.17, ""),
        ("", 1.5, ""),
    ],
)
def test_a_text_that_cannot_be_learnt_is_rejected_by_name(
    tmp_path: Path, text: str, seconds: float, reason: str
) -> None:
    reasons = built(tmp_path / "a", text, seconds)
    assert reasons["good"] == ""
    assert reasons["other"].startswith(reason) and bool(reasons["other"]) == bool(reason)


def test_a_declaration_has_normalised_texts_and_no_repetition(tmp_path: Path) -> None:
    whole = declared(tmp_path, 3)
    for change, message in (
        ({"columns": {"text": "AB"}}, "a clip of speech has a normalised text"),
        ({"columns": {}}, "a clip of speech has a normalised text"),
        ({"labels": ()}, "a clip of speech has a normalised text"),
    ):
        with pytest.raises(AudiotagError, match=message):
            replace(whole, clips=(replace(whole.clips[0], **change),))
    with pytest.raises(AudiotagError, match="pad of speech is zero"):
        replace(whole, pad="repeat")
    with pytest.raises(AudiotagError, match="policy 'light' has Shift, which may cut off what is said"):
        records.build(whole, tmp_path / "data", front_end=FRONT_END, policy=policy("light"), variants=1)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "crnn"}, "a head of characters, received crnn"),
        ({"mixup": 0.3}, "two texts at once are no text"),
        ({"augment": {"roll": 10}}, "two texts at once are no text"),
    ],
)
def test_what_texts_cannot_be_learnt_with_is_refused(spoken_tones: Data, change: dict, message: str) -> None:
    recipe = resolve(Recipe(spoken_tones.path, **{"model": "speech"} | change, validation="none"), spoken_tones)
    network = build(recipe.model, classes=len(LABELS), mels=FRONT_END.mels, width=0.25, units=8, depth=1)
    with pytest.raises(AudiotagError, match=message):
        step_lesson(recipe, spoken_tones, network)


def test_a_teacher_says_nothing_of_the_characters_of_steps(spoken_tones: Data) -> None:
    from audiotag import distill

    teacher = AudioTagger(build("mn01", classes=3, mels=16), LABELS, FRONT_END, seconds=SECONDS, pad="zero")
    with pytest.raises(AudiotagError, match="tones is a data set of speech, whose steps are asked for characters"):
        distill.teach(spoken_tones, scorers.open(teacher), name="t", frames=True)
