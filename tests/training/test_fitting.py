import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
import plain_keras
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import audiotag
from audiotag import models, records
from audiotag.errors import AudiotagError
from audiotag.training import Recipe, train
from audiotag.training.fitting import Training, fit
from audiotag.training.recipe import resolve

# Most runs here take a few steps: tracing them would last longer.
pytestmark = pytest.mark.usefixtures("eager")

TINY = {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4}


def a_recipe(data: records.Data, **choices: Any) -> Recipe:
    defaults = {"epochs": 3, "batch_size": 6, "learning_rate": 0.02, "model": "passt", "model_options": TINY}
    return Recipe(data.path, **defaults | choices)


@pytest.fixture(scope="module")
def finished(tones: records.Data, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run as a user's: its steps are traced."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    run = train(a_recipe(tones, seed=3), tmp_path_factory.mktemp("runs") / "tones")
    tf.config.run_functions_eagerly(True)
    return run


def test_a_run_folder_holds_all_that_was_promised(finished: Any) -> None:
    names = {path.name for path in finished.path.iterdir()}
    assert names == {"recipe.toml", "train", "validation", "hparams", "checkpoints", "student.keras", "tagger.keras"}


def test_the_recipe_beside_the_run_says_everything(finished: Any, tones: records.Data) -> None:
    import tomllib

    written = tomllib.loads((finished.path / "recipe.toml").read_text(encoding="utf-8"))
    assert Path(written["data"]) == tones.path.resolve()
    assert (finished.path / written["data_relative"]).resolve() == tones.path.resolve()
    assert {
        "train": "train",
        "validation": "validation",
        "seed": 3,
        "model": "passt",
        "monitor": "val_accuracy",
    }.items() <= written.items()
    assert written["fingerprint"] == tones.fingerprint
    assert set(written["versions"]) == {"audiotag", "keras", "tensorflow", "numpy", "python"}
    assert (
        Recipe(**{k: v for k, v in written.items() if k in {f.name for f in dataclasses.fields(Recipe)}})
        == finished.recipe
    )


def test_the_student_holds_the_best_epoch_and_its_card(finished: Any, tones: records.Data) -> None:
    from audiotag.scorers.keras_models import predict

    network, card = models.load(finished.student)
    assert (card.labels, card.front_end, card.task, card.seconds) == (tones.labels, tones.front_end, tones.task, 0.25)
    assert card.fingerprint == tones.fingerprint
    predictions = predict(network, tones, "validation")
    accuracy = np.mean(predictions.scores.argmax(1) == predictions.targets.argmax(1))
    assert accuracy == pytest.approx(finished.best_value)
    values = [epoch["val_accuracy"] for epoch in finished.history]
    assert finished.best_value == max(values)
    assert finished.best_epoch == values.index(max(values)) + 1


def test_the_validation_loss_is_the_cross_entropy_of_the_labels(finished: Any, tones: records.Data) -> None:
    network = models.load(finished.student)[0]
    ((log_mel, target),) = tones.read("validation", batch_size=7).as_numpy_iterator()
    logits = network.predict(log_mel, verbose=0).astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    measured = finished.history[finished.best_epoch - 1]["val_loss"]
    assert measured == pytest.approx(-np.mean((target * log_p).sum(axis=1)), rel=1e-4)


def test_the_tagger_scores_as_the_student_does(finished: Any, tones: records.Data) -> None:
    tagger = audiotag.load(finished.path)
    waveform = np.random.default_rng(0).normal(scale=0.1, size=2000).astype(np.float32)
    log_mel = audiotag.frontend.log_mel(waveform, tones.front_end)[None, :, :, None]
    logits = models.load(finished.student)[0].predict(log_mel, verbose=0)[0]
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(np.asarray(tagger(waveform[None]))[0], expected, atol=1e-4)


def test_tensorboard_finds_losses_rates_and_metrics(finished: Any) -> None:
    tags = {}
    for part in ("train", "validation"):
        events = EventAccumulator(str(finished.path / part), size_guidance={"tensors": 0})
        tags[part] = events.Reload().Tags()
    assert {"epoch_loss", "epoch_learning_rate"} <= set(tags["train"]["tensors"])
    assert {"epoch_loss", "epoch_mAP", "epoch_accuracy"} <= set(tags["validation"]["tensors"])


def test_a_finished_run_is_not_trained_again(finished: Any, tones: records.Data) -> None:
    kept = [finished.path / "checkpoints" / "epoch-0003.npz", finished.student, finished.tagger]
    before = [path.stat().st_mtime_ns for path in kept]
    again = train(a_recipe(tones, seed=3), finished.path)
    assert again == finished
    assert [path.stat().st_mtime_ns for path in kept] == before


def test_another_recipe_in_the_same_folder_is_refused_and_the_difference_named(
    finished: Any, tones: records.Data
) -> None:
    with pytest.raises(
        AudiotagError,
        match=r"different in seed \(3 there, 4 now\), mixup \(0.3 there, 0.0 now\)|different in mixup .*, seed",
    ):
        train(a_recipe(tones, seed=4, mixup=0.0), finished.path)


def test_a_folder_with_other_files_is_refused(tones: records.Data, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(AudiotagError, match=r"holds files but no recipe\.toml"):
        train(a_recipe(tones), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_recipe_that_never_trained_an_epoch_gives_its_folder_to_the_next(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training import fitting

    monkeypatch.setattr(fitting, "fit", lambda asked: asked.recipe)
    for seed in (1, 2):
        assert train(a_recipe(tones, seed=seed), tmp_path / "run").seed == seed
        assert f"seed = {seed}\n" in (tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("choices", "message"),
    [({"model": "passtt"}, "did you mean 'passt'"), ({"learning_rate": 0.0}, "learning_rate must be positive")],
)
def test_a_recipe_that_cannot_be_leaves_no_folder(
    tones: records.Data, tmp_path: Path, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(AudiotagError, match=message):
        train(a_recipe(tones, **choices), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_of_another_front_end_are_refused_before_anything_is_written(
    tones: records.Data, tmp_path: Path
) -> None:
    with pytest.raises(AudiotagError, match="'efficientat', tones was built with 'small'"):
        train(Recipe(tones.path, model="mn04", weights="audioset"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_student_is_a_start_for_another_run(finished: Any, tones: records.Data, tmp_path: Path) -> None:
    # A run is named by its folder, or by its file.
    tuned = train(a_recipe(tones, weights=str(finished.path), epochs=1, learning_rate=1e-9), tmp_path / "tuned")
    before, after = (models.load(student)[0].get_weights() for student in (finished.student, tuned.student))
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(old, new, atol=1e-5)


def test_more_epochs_train_a_finished_run_on(
    tones: records.Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(a_recipe(tones, epochs=1, balance=True), tmp_path / "run")
    capsys.readouterr()
    longer = train(a_recipe(tones, epochs=2, balance=True), tmp_path / "run")
    assert "was to have 1 epochs: it goes on to 2" in capsys.readouterr().err
    assert (longer.epochs, longer.history[0]) == (2, first.history[0])
    assert longer.history[1]["learning_rate"] == pytest.approx(
        resolve(a_recipe(tones, epochs=2, balance=True), tones).schedule(1)
    )
    drawn = pandas.read_csv(tmp_path / "run" / "draws.csv", index_col="epoch")
    assert drawn.index.tolist() == [1, 2]
    assert [row.to_dict() for _, row in drawn.iterrows()] == [tones.draws("train", epoch) for epoch in range(2)]
    for change in ({"epochs": 1}, {"epochs": 3, "seed": 1}):
        with pytest.raises(AudiotagError, match=r"another recipe, different in .*epochs"):
            train(a_recipe(tones, balance=True, **change), tmp_path / "run")


def frozen_recipe(data: records.Data, student: Path, **choices: Any) -> Recipe:
    frozen = {"weights": str(student), "freeze": "block1", "layer_decay": 0.5, "monitor": "last", "seed": 5}
    return a_recipe(data, **frozen | choices)


def test_a_frozen_part_is_the_old_one_and_the_student_can_be_trained_on(
    finished: Any, tones: records.Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(frozen_recipe(tones, finished.student), tmp_path / "run")
    old, new = models.load(finished.student)[0], models.load(run.student)[0]
    changed = {
        ours.path.split("/")[0]
        for ours, theirs in zip(new.weights, old.weights, strict=True)
        if not np.array_equal(np.array(ours), np.array(theirs))
    }
    assert changed == {"normalization", "logits_normalization", "logits"}
    assert all(weight.trainable for weight in new.weights)
    trained = sum(int(np.prod(new.get_layer(name).weights[i].shape)) for name in changed for i in range(2))
    assert f"Training {trained:,} of {models.parameters(new):,} parameters" in capsys.readouterr().err
    assert 'freeze = "block1"\n' in (run.path / "recipe.toml").read_text(encoding="utf-8")
    with pytest.raises(AudiotagError, match=r"different in layer_decay \(0.5 there, 0.6 now\)"):
        train(frozen_recipe(tones, finished.student, layer_decay=0.6), run.path)
    with pytest.raises(AudiotagError, match=r"different in freeze \('block1' there, 'patches' now\)"):
        train(frozen_recipe(tones, finished.student, freeze="patches"), run.path)


class Interrupted(Exception):
    """Ends a run in the middle."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"optimizer": "adamw", "weight_decay": 0.1, "freeze": "patches"},
    ],
)
def test_a_frozen_run_that_was_interrupted_ends_with_the_same_bits(
    finished: Any, tones: records.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choices: dict[str, Any]
) -> None:
    from audiotag.training import fitting

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise Interrupted

    recipe, original = frozen_recipe(tones, finished.student, **choices), fitting._callbacks
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "_callbacks", lambda *all_of: [*original(*all_of), Stop()])
        with pytest.raises(Interrupted):
            train(recipe, tmp_path / "broken")
    states = []
    for run in (train(recipe, tmp_path / "broken"), train(recipe, tmp_path / "whole")):
        with np.load(run.path / "checkpoints" / "epoch-0003.npz") as archive:
            states.append({name: archive[name] for name in archive.files})
    assert states[0].keys() == states[1].keys()
    for name, state in states[0].items():
        np.testing.assert_array_equal(state, states[1][name], err_msg=name)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"freeze": "block2"}, "last frozen part of passt: did you mean 'block1'"),
        ({"freeze": "head"}, "leaves a part of passt to train"),
        ({"freeze_normalization": True}, "passt has none: leave it out"),
    ],
)
def test_a_part_that_cannot_be_frozen_leaves_no_folder(
    finished: Any, tones: records.Data, tmp_path: Path, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(AudiotagError, match=message):
        train(frozen_recipe(tones, finished.student, **choices), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_from_before_a_field_was_known_goes_on_with_its_default(
    finished: Any, tones: records.Data, tmp_path: Path
) -> None:
    shutil.copytree(finished.path, tmp_path / "old")
    written = (tmp_path / "old" / "recipe.toml").read_text(encoding="utf-8")
    lines = [line for line in written.splitlines() if not line.startswith(("layer_decay", "freeze_normalization"))]
    assert len(lines) == len(written.splitlines()) - 2
    (tmp_path / "old" / "recipe.toml").write_text("\n".join(lines), encoding="utf-8")
    assert train(a_recipe(tones, seed=3), tmp_path / "old").history == finished.history


def fitted(network: Any, data: records.Data, out: Path, **choices: Any) -> Any:
    return fit(Training(network, data, resolve(a_recipe(data, **choices), data), out))


def test_training_stops_when_patience_ends_and_a_finished_run_stays_stopped(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    choices = {"epochs": 9, "learning_rate": 1e-12, "warmup": 0, "monitor": "val_accuracy", "patience": 2}
    run = fitted(network(), tones, tmp_path, **choices)
    assert (run.epochs, run.best_epoch) == (3, 1)
    assert fitted(network(), tones, tmp_path, **choices).epochs == 3


def test_a_loss_can_be_watched_and_lower_is_better(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    run = fitted(network(), tones, tmp_path, epochs=4, monitor="val_loss", mixup=0.0)
    losses = [epoch["val_loss"] for epoch in run.history]
    assert run.best_value == min(losses) == losses[run.best_epoch - 1]


def test_without_validation_the_last_epoch_is_the_student(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    run = fitted(network(), tones, tmp_path, train="all", validation="none", epochs=2)
    assert (run.best_epoch, run.best_value) == (2, None)
    assert not any(name.startswith("val_") for name in run.history[0])


class Spoil(keras.callbacks.Callback):
    """Puts infinity into a weight before one step."""

    def __init__(self, network: Any, epoch: int, step: int) -> None:
        super().__init__()
        self.network, self.at, self.epoch = network, (epoch, step), 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == self.at:
            self.network.weights[0].assign(np.full(self.network.weights[0].shape, np.inf))


def test_a_loss_that_is_not_a_number_stops_the_run_says_where_and_keeps_the_last_good_weights(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training import fitting

    net, original = network(), fitting._callbacks
    monkeypatch.setattr(fitting, "_callbacks", lambda *all_of: [Spoil(net, 1, 2), *original(*all_of)])
    with pytest.raises(
        AudiotagError, match=r"loss became NaN or infinite in epoch 2, step 3; the weights of epoch 1.* learning_rate"
    ):
        fitted(net, tones, tmp_path, monitor="last")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["epoch-0001.npz"]
    assert all(np.isfinite(weights).all() for weights in models.load(tmp_path / "student.keras")[0].get_weights())


def test_weights_spoilt_by_the_last_step_of_an_epoch_are_noticed(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(AudiotagError, match=r"(in|after) epoch 1.*no epoch had been finished"):
        fitted(network(), tones, tmp_path, learning_rate=1e38, warmup=0, mixup=0.0, batch_size=18)
    assert not (tmp_path / "student.keras").exists()


def test_the_student_opens_where_audiotag_cannot_be_imported(
    kept_process: Callable[..., Any], tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    run = fitted(network(), tones, tmp_path, epochs=1)
    plain = kept_process("tensorflow", audiotag=False)
    assert plain.call(plain_keras.description, run.student) == ((None, None, 16, 1), (None, 3), False)


def test_outputs_of_a_teacher_in_another_order_stop_the_run_naming_both_clips(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    from audiotag import distill
    from audiotag.records import example, tfrecord

    data = records.open(shutil.copytree(tones.path, tmp_path / "data"))
    clip_ids = data.clips["clip_id"].tolist()
    np.savez(tmp_path / "big.npz", logits=np.zeros((len(clip_ids), 3), np.float32), clip_id=clip_ids)
    folder = distill.import_logits(data, tmp_path / "big.npz")
    for shard in data.shards("train"):
        swapped = [example.encode_teacher(*key, np.zeros(3)) for key in reversed(data.keys(shard))]
        tfrecord.write(folder / shard.name, swapped)
    with pytest.raises(
        AudiotagError, match=r"the record is '?train\d+'? variant 0, the teacher\S* .*train\d+'? variant 0"
    ):
        fitted(network(), data, tmp_path / "run", teacher="big")


def test_a_damaged_shard_stops_the_run_in_one_line(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    data = records.open(shutil.copytree(tones.path, tmp_path / "data"))
    shard = data.shards("train")[0]
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(AudiotagError, match=r"^a shard .* damaged: run `audiotag verify"):
        fitted(network(), data, tmp_path / "run")
