"""`train`: from a recipe to a run folder, by plain `model.fit`, resumable at any moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from audiotag import models, progress, records, storage
from audiotag.errors import AudiotagError
from audiotag.metrics.predictions import NotFiniteError
from audiotag.run_folder import CHECKPOINTS, DRAWS, STUDENT, TAGGER, VALIDATION
from audiotag.startup import keras_defaults
from audiotag.training.callbacks import (
    DivergedError,
    EpochLine,
    EpochScalars,
    KeepState,
    LogDraws,
    SeedEveryEpoch,
    StopWhereNotFinite,
    seed_everything,
)
from audiotag.training.checkpoints import Checkpoints, Progress
from audiotag.training.classes import check_classes
from audiotag.training.freezing import thaw
from audiotag.training.layerwise import LayerwiseAdam, layer_rates
from audiotag.training.losses import loss_for, trainee
from audiotag.training.network import counts, not_yet_trained, starting_network
from audiotag.training.recipe import Recipe, resolve
from audiotag.training.run import Run, claim, describe
from audiotag.training.temperature import START, Temperature, is_dynamic


@keras_defaults()
def train(recipe: Recipe, out: Path | str) -> Run:
    """Train as a recipe says, or go on where a run of the same recipe, or of one with fewer epochs, stopped.

    The run folder `out` then holds `recipe.toml` (everything resolved, versions, fingerprint of the data set),
    `train/` and `validation/` (TensorBoard), `checkpoints/`, `student.keras` (log-mel to logits, weights of the
    best epoch) and `tagger.keras` (waveform to scores). On a CPU a run that was killed and resumed ends with the
    same weights, bit for bit, as one that was not.

    Args:
        recipe: what to train on what, and how.
        out: the run folder: new, empty, or of the same recipe; or an address, such as s3://bucket/run: then it is
            trained in a copy in the cache, which is sent after every epoch, so that another machine can go on.

    Returns:
        The finished run.

    Raises:
        AudiotagError: the recipe does not fit the data set, no class tells its clips apart, the weights need another
            front end, `out` holds another run, or the loss became NaN or infinite (the message says where; the best
            weights so far are kept).
    """
    if storage.is_remote(place := storage.place(out)):
        copy = storage.mirror(place)
        return replace(_train(recipe, copy.fetch(), copy.send), path=place)
    return _train(recipe, place)


def _train(recipe: Recipe, out: Path, kept: Callable[[], None] = lambda: None) -> Run:
    """Train into a folder of this machine; `kept` is called whenever what lies in it is worth keeping."""
    data = records.open(recipe.data)
    recipe = resolve(recipe, data)
    without_clips = check_classes(recipe, data)
    _prepare_backend(recipe.seed)
    network, carried = starting_network(recipe, data)
    claim(out, describe(recipe, data, out))
    if not Checkpoints(out / CHECKPOINTS).epochs():
        for line in filter(None, (carried, without_clips)):
            progress.say(line)
    try:
        return fit(network, data, recipe, out, kept)
    finally:
        kept()


def _prepare_backend(seed: int) -> None:
    """Seed every random number; on TensorFlow's CPU device also fix the order of sums.

    On a GPU the order stays free: several convolution gradients have no reproducible version there.
    """
    seed_everything(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            tf.config.experimental.enable_op_determinism()


def fit(
    network: keras.Model, data: records.Data, recipe: Recipe, out: Path, kept: Callable[[], None] = lambda: None
) -> Run:
    """Train a network as a resolved recipe says, from the newest checkpoint in `out` or from the start.

    Args:
        network: uncompiled, log-mel (batch, frames, mels, 1) to logits (batch, classes). What is trained of it are
            its trainable variables.
        data: the open data set.
        recipe: resolved for this data set.
        out: run folder.
        kept: called after every epoch, when its checkpoint is written. Default: nothing happens.

    Returns:
        The finished run; see `train`.
    """
    label_weight = None if recipe.teacher is None else recipe.label_weight
    model = trainee(network, loss_for(data), _optimizer(recipe, network), label_weight)
    model.optimizer.build(model.trainable_variables)
    checkpoints = Checkpoints(out / CHECKPOINTS)
    state = checkpoints.restore(network, model.optimizer) or Progress()
    if state.epoch == recipe.epochs or state.stopped:
        progress.say(f"{out} is trained already: {state.epoch} epochs")
    else:
        if state.epoch:
            progress.say(f"Resuming {out} after epoch {state.epoch} of {recipe.epochs}")
        if frozen := counts(network):
            progress.say(frozen)
        (out / TAGGER).unlink(missing_ok=True)
        try:
            callbacks = _callbacks(network, data, recipe, out, checkpoints, state)
            callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept()))
            _fit(model, data, recipe, state, callbacks)
        except (DivergedError, NotFiniteError) as error:
            where = f"after epoch {state.epoch + 1}, " if isinstance(error, NotFiniteError) else ""
            kept = "no epoch had been finished"
            if state.best_epoch:
                _finish(network, data, out, checkpoints, state)
                kept = f"the weights of epoch {state.best_epoch}, the best so far, are in {out / STUDENT}"
            remedy = f"Try a lower learning_rate than {recipe.learning_rate}"
            raise DivergedError(f"{where}{error}; {kept}. {remedy}") from error
    if not (out / TAGGER).exists():  # the last file to be written
        _finish(network, data, out, checkpoints, state)
    return Run(out, recipe, state.epoch, state.best_epoch, state.best_value, tuple(state.history))


def _fit(
    model: keras.Model, data: records.Data, recipe: Recipe, state: Progress, callbacks: list[keras.callbacks.Callback]
) -> None:
    import tensorflow as tf

    # A last batch of a few examples would disturb batch normalisation; every epoch leaves out other ones.
    batches = {"drop_remainder": data.count(recipe.train) >= recipe.batch_size}
    reading = {name: getattr(recipe, name) for name in ("batch_size", "balance", "mixup", "seed")} | batches
    if recipe.teacher is not None:
        reading |= {"teacher": recipe.teacher, "temperature": recipe.temperature, "separate": True}
    line = EpochLine(recipe.epochs, state)
    try:
        model.fit(
            data.read(recipe.train, shuffle=True, first_epoch=state.epoch, **reading),
            steps_per_epoch=data.steps(recipe.train, recipe.batch_size, **batches),
            initial_epoch=state.epoch,
            epochs=recipe.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, line],
        )
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError, tf.errors.NotFoundError) as error:
        if reason := _reading_failed(error):
            raise AudiotagError(f"{reason}: run `audiotag verify {data.path}`") from error
        raise
    finally:
        line.close()


def _reading_failed(error: Exception) -> str:
    """Why tf.data could not give the next batch; "" where the error is none of reading."""
    if broken := re.search(r"assertion failed: \[b?['\"]?(.*?)['\"]?\]", error.message):
        return broken[1]
    return "" if type(error).__name__ == "InvalidArgumentError" else "a shard of the records is missing or damaged"


def _callbacks(
    network: keras.Model, data: records.Data, recipe: Recipe, out: Path, checkpoints: Checkpoints, state: Progress
) -> list[keras.callbacks.Callback]:
    """In the order in which each needs what the one before it did to the epoch's logs."""
    callbacks = [
        SeedEveryEpoch(recipe.seed),
        keras.callbacks.LearningRateScheduler(recipe.schedule),
        StopWhereNotFinite(network),
    ]
    if is_dynamic(network) and not_yet_trained(recipe):
        # Down to 1 within four fifths of a run that is too short for a degree an epoch.
        fall = max(1.0, (START - 1) / (0.8 * recipe.epochs))
        callbacks.append(Temperature(fall=fall))
    if recipe.balance:
        callbacks.append(LogDraws(out / DRAWS, lambda epoch: data.draws(recipe.train, epoch, seed=recipe.seed)))
    if recipe.validates:
        from audiotag.tensorboard import PerClassMetrics

        watched = keras.Model(network.input, network.output)
        settings = {"logdir": out / VALIDATION, "batch_size": recipe.batch_size, "model": watched}
        callbacks.append(PerClassMetrics((data, recipe.validation), **settings))
    return [
        *callbacks,
        EpochScalars(out, write_graph=False),
        KeepState(network, checkpoints, state, recipe.monitor, recipe.patience),
    ]


def _optimizer(recipe: Recipe, network: keras.Model) -> keras.optimizers.Optimizer:
    if recipe.layer_decay < 1:
        rates = layer_rates(network, recipe.layer_decay)
        return LayerwiseAdam(recipe.learning_rate, rates, recipe.weight_decay)
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    return keras.optimizers.Adam(recipe.learning_rate)


def _finish(network: keras.Model, data: records.Data, out: Path, checkpoints: Checkpoints, state: Progress) -> None:
    """Write `student.keras` and `tagger.keras` with the weights of the best epoch."""
    from audiotag import tagging

    checkpoints.load_weights(state.best_epoch, network)
    thaw(network)  # what was frozen is a matter of the run, not of the student
    card = models.ModelCard(out.resolve().name, data.clip_format, data.name, data.fingerprint)
    models.save(network, out / STUDENT, card)
    models.save(tagging.AudioTagger(network, **vars(data.clip_format)), out / TAGGER)
