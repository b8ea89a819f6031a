"""Training on notes: from records to a run that hears when tones begin, its report, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import audiotag
from audiotag import audio, evaluation, notes, records, scorers
from audiotag.augment import policy
from audiotag.clips.pieces import clips_of_piece
from audiotag.errors import AudiotagError
from audiotag.evaluation import note_scores, note_tuning
from audiotag.evaluation.sections import notes as section_of_notes
from audiotag.evaluation.sections import sound_events
from audiotag.frontend import LogMelConfig
from audiotag.models.frames import FrameSteps
from audiotag.notes import Grid, Note, draw
from audiotag.notes.rolls import rows_of
from audiotag.records import Clip, Declaration, Event
from audiotag.records.recorded_notes import recorded_notes
from audiotag.tagging.event_decoding import EventDecoding
from audiotag.tagging.note_decoding import NoteDecoding
from audiotag.training import Recipe
from audiotag.training.fitting import Training, fit
from audiotag.training.network import starting_network
from audiotag.training.recipe import resolve
from audiotag.training.run import Run
from tests.in_process import ThisProcess

RATE, SECONDS = 8000, 2.0
FRONT_END = LogMelConfig(
    name="tones", sample_rate=RATE, window=400, hop=160, fft=512, mels=40, fmax=4000.0, preemphasis=0.0
)
PITCHES = (60, 69, 78, 87)
PIECES = 12


def piece(number: int) -> list[Note]:
    """Tones one after the other, none shorter than 0.3 s; some reach from one clip into the next."""
    random = np.random.default_rng(number)
    made, now = [], 0.1
    while now < 3.3:
        length = round(random.uniform(0.3, 0.6), 2)
        made.append(Note(now, now + length, int(random.choice(PITCHES)), 80))
        now = round(now + length + 0.15, 2)
    return made


def sound(played: list[Note]) -> np.ndarray:
    time = np.arange(4 * RATE) / RATE
    waveform = np.random.default_rng(0).normal(scale=0.003, size=len(time))
    for note in played:
        sounding = (time >= note.onset) & (time < note.offset)
        waveform += 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((note.pitch - 69) / 12) * time) * sounding
    return waveform.astype(np.float32)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    folder = tmp_path_factory.mktemp("tones")
    clips: list[Clip] = []
    for number in range(PIECES):
        audio.write(folder / f"{number}.wav", sound(piece(number)), RATE)
        whole = Clip(f"piece{number}", f"{number}.wav", (), "train" if number < 7 else "test")
        clips += clips_of_piece(whole, piece(number), 4.0, SECONDS)
    about = {"name": "tones", "version": "1", "licence": "CC0", "citation": "none", "seconds": SECONDS}
    declared = Declaration(**about, task="notes", labels=notes.labels(), clips=tuple(clips), root=folder, pad="zero")
    records.build(declared, folder / "data", front_end=FRONT_END, engine=ThisProcess())
    return records.open(folder / "data")


def test_the_notes_of_recordings_come_back_from_their_clips(tones: records.Data) -> None:
    found = recorded_notes(tones, "test")
    assert list(found) == [f"{number}.wav" for number in range(7, PIECES)]
    for name, own in found.items():
        expected = piece(int(name.removesuffix(".wav")))
        assert [note.pitch for note in own.notes] == [note.pitch for note in expected]
        times = [(note.onset, note.offset) for note in expected]
        np.testing.assert_allclose([(note.onset, note.offset) for note in own.notes], times, atol=1e-5)
        assert list(own.clips.values()) == [0.0, 2.0]


def test_a_batch_holds_the_roll_of_every_clip(tones: records.Data) -> None:
    options = {"steps": FrameSteps(1, 1), "keys": True, "batch_size": 3, "variants": 0}
    rolls = {}
    for _, target, clip_ids, _ in tones.read("all", **options):
        assert target["label"].shape[1:] == (88,)
        rolls |= dict(zip([key.decode() for key in clip_ids.numpy()], target["steps"].numpy(), strict=True))
    assert len(rolls) == 2 * PIECES
    for number in range(PIECES):
        whole = draw(rows_of(piece(number)), Grid(201, 0.02))
        np.testing.assert_array_equal(rolls[f"piece{number}#0.000"][:100], whole[:100])
        # What was struck in the clip before has no onset here.
        np.testing.assert_array_equal(rolls[f"piece{number}#2.000"][1:100, :, :2], whole[101:200, :, :2])


@pytest.fixture(scope="module")
def run(tones: records.Data, tmp_path_factory: pytest.TempPathFactory) -> Run:
    import keras

    choices = {"model": "notes", "model_options": {"width": 0.5, "units": 16, "dropout": 0.0, "context": "convolution"}}
    choices |= {"epochs": 30, "batch_size": 7, "learning_rate": 0.01, "mixup": 0.0, "validation": "none", "warmup": 2}
    recipe = resolve(Recipe(tones.path, **choices), tones)
    assert (recipe.strong_weight, recipe.monitor) == (1.0, "last")
    keras.utils.set_random_seed(0)  # of the weights
    folder = tmp_path_factory.mktemp("runs") / "run"
    return fit(Training(starting_network(recipe, tones)[0], tones, recipe, folder))


def test_a_small_run_hears_when_tones_begin(tones: records.Data, run: Run) -> None:
    scorer = scorers.open(run.tagger)
    scored = SimpleNamespace(scorer=scorer, network=scorer.network, data=tones, split="test")
    given = SimpleNamespace(scored=(scored,))
    section = section_of_notes.measure(given)
    assert section.scalars["onset_F1"] > 0.8
    assert section.conclusions[0].startswith("notes, F1: onsets ")
    true, found = section.figures
    worst = section.values["notes"].recordings["onset_F1"].idxmin()
    assert worst in true.title and "true notes" in true.title and "found notes" in found.title
    for note in piece(int(worst.removesuffix(".wav"))):
        column, row = round((note.onset + 0.1) / 0.02), note.pitch - 21
        assert true.image[column, row] in (np.float32(0.45), 1.0)
    assert np.count_nonzero(true.image == 1.0) and true.image.shape == found.image.shape == (1000, 88)
    assert (section.facts["recordings"], section.facts["intervals"]) == ("5", "95%, of 1,000 draws of recordings")
    low, high = section.values["notes"].intervals["onset_F1"]
    assert 0 <= low <= section.scalars["onset_F1"] <= high <= 1
    assert sound_events.measure(given) is None


@pytest.fixture
def few_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(note_tuning, "TRIED", note_tuning.TRIED[::4])


@pytest.mark.usefixtures("few_thresholds")
def test_the_thresholds_of_notes_are_those_of_the_best_f1(tones: records.Data, run: Run) -> None:
    transcription = pytest.importorskip("mir_eval").transcription
    network = scorers.open(run.tagger).network
    truth = note_scores.true_notes(tones, "test")
    rolls = note_scores.rolls(network, tones, "test")

    def of_package(onset: float, frame: float, share: float | None) -> float:
        scores = []
        for name, (roll, grid) in rolls.items():
            spans = [
                (
                    np.array([[n.onset, n.offset] for n in own]),
                    np.array([440 * 2 ** ((n.pitch - 69) / 12) for n in own]),
                )
                for own in (truth[name], notes.decode(roll, grid, onset, frame))
            ]
            if not len(spans[1][0]):
                scores.append(0.0)
                continue
            scores.append(transcription.precision_recall_f1_overlap(*spans[0], *spans[1], offset_ratio=share)[2])
        return float(np.mean(scores))

    tuned = note_tuning.choose(network, tones, "test", "test of tones")
    onset, frame = tuned.decoding.onset_threshold, tuned.decoding.frame_threshold
    assert tuned.decoding.fitted_on == "test of tones"
    assert of_package(onset, 0.5, None) == pytest.approx(tuned.onset_F1, abs=1e-9)
    assert of_package(onset, frame, 0.2) == pytest.approx(tuned.note_F1, abs=1e-9)
    assert tuned.usual == pytest.approx((of_package(0.5, 0.5, None), of_package(0.5, 0.5, 0.2)), abs=1e-9)
    assert max(of_package(tried, 0.5, None) for tried in note_tuning.TRIED) == pytest.approx(tuned.onset_F1)
    assert max(of_package(onset, tried, 0.2) for tried in note_tuning.TRIED) == pytest.approx(tuned.note_F1)


@pytest.mark.usefixtures("few_thresholds")
def test_calibrate_keeps_them_in_the_tagger_and_transcribe_and_evaluate_use_them(
    tones: records.Data, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mir_eval")
    monkeypatch.setattr("audiotag.evaluation.tuning.HELD_OUT", ())
    file = Path(shutil.copy(run.tagger, tmp_path / "tagger.keras"))
    tuned = evaluation.calibrate(file, data=tones, split="test")
    tagger = audiotag.load(file)
    assert tagger.step_decoding == tuned.steps.decoding
    chosen = (tagger.step_decoding.onset_threshold, tagger.step_decoding.frame_threshold)
    waveform = sound(piece(8))
    assert tagger.transcribe(waveform) == tagger.transcribe(waveform, *chosen)
    assert {event.label for event in tagger.events(waveform)} <= set(notes.labels().names)
    deaf = NoteDecoding(1.0, 1.0)
    strict = type(tagger)(tagger.network, **vars(tagger.clip_format), step_decoding=deaf)
    assert strict.transcribe(waveform).notes == ()
    scorer = scorers.open(file)
    scored = SimpleNamespace(scorer=scorer, network=scorer.network, data=tones, split="test")
    section = section_of_notes.measure(SimpleNamespace(scored=(scored,)))
    assert section.facts["thresholds"].startswith(f"{chosen[0]:g} of onsets, {chosen[1]:g} of frames, chosen on test")
    assert "chosen on test, measured here" in section.notes[0]
    evaluation.calibrate(file, "none")
    assert audiotag.load(file).step_decoding is None


@pytest.mark.parametrize(
    ("task", "decoding", "message"),
    [
        ("notes", EventDecoding((0.5,) * 88, (0.0,) * 88), "EventDecoding"),
        ("multilabel", NoteDecoding(), "NoteDecoding"),
    ],
)
def test_a_decoding_of_another_kind_is_refused(run: Run, task: str, decoding: object, message: str) -> None:
    tagger = scorers.open(run.tagger).tagger
    with pytest.raises(AudiotagError, match=message):
        type(tagger)(tagger.network, **(vars(tagger.clip_format) | {"task": task}), step_decoding=decoding)


def test_a_threshold_of_notes_out_of_range_and_unknown_fields_are_refused() -> None:
    with pytest.raises(AudiotagError, match=r"frame_threshold lies in 0 to 1, received 1\.5"):
        NoteDecoding(0.5, 1.5)
    with pytest.raises(AudiotagError, match="unknown smooth"):
        NoteDecoding.from_dict({"smooth": 1.0})


def test_the_section_is_that_of_notes_alone(multilabel_data: records.Data) -> None:
    scored = SimpleNamespace(network=object(), data=multilabel_data, split="test")
    assert section_of_notes.measure(SimpleNamespace(scored=(scored,))) is None
    with pytest.raises(AudiotagError, match="tones is multilabel: name another"):
        recorded_notes(multilabel_data, "test")


@pytest.mark.usefixtures("few_blocks")
def test_another_network_cannot_learn_notes(tones: records.Data) -> None:
    from audiotag.models import build
    from audiotag.training.steps import step_lesson

    recipe = resolve(Recipe(tones.path, model="mn01", validation="none"), tones)
    with pytest.raises(AudiotagError, match="a head of notes, received mn01"):
        step_lesson(recipe, tones, build("mn01", classes=88, mels=40))


@pytest.mark.usefixtures("few_blocks")
def test_a_teacher_says_nothing_of_the_notes_of_steps(tones: records.Data) -> None:
    from audiotag import distill
    from audiotag.models import build
    from audiotag.tagging import AudioTagger

    teacher = AudioTagger(build("mn01", classes=88, mels=40), notes.labels(), FRONT_END, seconds=SECONDS, pad="zero")
    with pytest.raises(AudiotagError, match="tones is a data set of notes, whose steps are asked for notes"):
        distill.teach(tones, scorers.open(teacher), name="t", frames=True)


@pytest.mark.parametrize(("task", "velocity"), [("notes", None), ("multilabel", 64), ("notes", 128)])
def test_a_velocity_is_that_of_notes(tmp_path: Path, task: str, velocity: int | None) -> None:
    clip = Clip("a", "a.wav", ("C4",), "train", events=(Event(0.0, 1.0, "C4", velocity),))
    about = {"name": "x", "version": "1", "licence": "CC0", "citation": "none", "seconds": 1.0, "root": tmp_path}
    with pytest.raises(AudiotagError, match="the events of a notes data set have a velocity"):
        Declaration(**about, task=task, labels=notes.labels(), clips=(clip,))


def test_what_changes_the_pitch_is_refused_and_a_cut_onset_is_none() -> None:
    event = Event(0.1, 0.9, "C4", 64)
    waveform = np.zeros(RATE, np.float32)
    with pytest.raises(AudiotagError, match="has PitchShift, which makes other notes of them"):
        policy("standard").apply(waveform, RATE, seed=0, clip_id="a", variant=1, events=[event])
    moved = [
        each
        for variant in range(1, 30)
        for each in policy("light").apply(waveform + 0.1, RATE, seed=0, clip_id="a", variant=variant, events=[event])[1]
    ]
    assert {each.velocity for each in moved if each.onset > 0} == {64}
    assert {each.velocity for each in moved if each.onset == 0} <= {0}
