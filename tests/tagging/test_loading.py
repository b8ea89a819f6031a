"""What `audiotag.load` opens, and what it says where it cannot; published weights name real sounds."""

from __future__ import annotations

import numpy as np
import pytest

import audiotag
from audiotag import models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError


@pytest.fixture
def card(labels, front_end) -> models.ModelCard:
    return models.ModelCard("tiny", ClipFormat(labels, front_end, "multiclass", 0.5, "zero"))


def test_a_tagger_file_is_opened_as_it_was_saved(tagger, noise, tmp_path):
    tagger.save(tmp_path / "my.keras")
    opened = audiotag.load(tmp_path / "my.keras")
    assert (opened.labels, opened.front_end, opened.task) == (tagger.labels, tagger.front_end, "multilabel")
    assert opened.tag(noise) == tagger.tag(noise)


def test_a_student_file_is_made_into_a_tagger_by_its_card(network_for, card, noise, tmp_path):
    models.save(network_for(), tmp_path / "student.keras", card)
    opened = audiotag.load(str(tmp_path / "student.keras"))
    assert (opened.labels, opened.task, opened.seconds, opened.pad) == (card.labels, "multiclass", 0.5, "zero")
    np.testing.assert_allclose(opened.scores(noise)[1].sum(axis=1), 1, atol=1e-5)


def test_a_run_folder_gives_its_tagger_or_else_its_student(tagger, network_for, card, tmp_path):
    models.save(network_for(), tmp_path / "student.keras", card)
    assert audiotag.load(tmp_path).task == "multiclass"
    tagger.save(tmp_path / "tagger.keras")
    assert audiotag.load(tmp_path).task == "multilabel"


def test_what_is_no_tagger_is_said_in_one_line(tmp_path, network_for):
    (tmp_path / "text.keras").write_text("no archive")
    (tmp_path / "sound.wav").write_text("no model")
    (tmp_path / "empty").mkdir()
    network_for().save(tmp_path / "bare.keras")
    for name, message in (
        (tmp_path / "text.keras", "not a .keras file"),
        (tmp_path / "nowhere.keras", "no such file"),
        (tmp_path / "sound.wav", "received the file"),
        (tmp_path / "empty", "holds tagger.keras or student.keras"),
        (tmp_path / "bare.keras", "no model card"),
        ("mn04_sa", "did you mean 'mn04_as'"),
    ):
        with pytest.raises(AudiotagError, match=message) as caught:
            audiotag.load(name)
        assert "\n" not in str(caught.value)


def test_a_truncated_or_altered_tagger_file_is_refused(tagger, tmp_path):
    import zipfile

    tagger.save(tmp_path / "whole.keras")
    content = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    with (
        zipfile.ZipFile(tmp_path / "whole.keras") as whole,
        zipfile.ZipFile(tmp_path / "altered.keras", "w") as altered,
    ):
        for member in whole.namelist():
            altered.writestr(member, b"" if member.endswith(".h5") else whole.read(member))
    for name in ("cut", "altered"):
        with pytest.raises(AudiotagError, match=f"{name}.keras") as caught:
            audiotag.load(tmp_path / f"{name}.keras")
        assert "\n" not in str(caught.value)


def test_a_start_for_training_names_no_sounds():
    start = next(name for name, preset in models.PRESETS.items() if preset.labels != "audioset")
    with pytest.raises(AudiotagError, match="names no sounds"):
        audiotag.load(start)


def test_the_published_mn04_names_the_golden_clips(shared, tmp_path, monkeypatch):
    weights = shared("weights/mn04_as_mAP_432.pt")
    golden = np.load(shared("golden/logmel_efficientat.npz"))
    expected = np.load(shared("golden/mn04_as_mAP_432_io.npz"))
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    (tmp_path / weights.name).write_bytes(weights.read_bytes())
    tagger = audiotag.load("mn04_as")
    tops = [tagger.tag(waveform, top=1)[0] for waveform in golden["waveform"]]
    assert {top.label: round(top.score, 2) for top in tops} == {"Crowing, cock-a-doodle-doo": 0.72, "Chainsaw": 0.43}
    scores = np.concatenate([tagger.scores(waveform)[1] for waveform in golden["waveform"]])
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-expected["logits"])), atol=1e-4)
    assert tagger.sample_rate == 32_000
