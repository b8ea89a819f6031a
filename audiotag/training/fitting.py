"""`train`: from a recipe to a run folder, by plain `model.fit`, resumable at any moment."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from audiotag import models, progress, records, storage, tokens
from audiotag.errors import AudiotagError
from audiotag.metrics.predictions import NotFiniteError
from audiotag.run_folder import CHECKPOINTS, DRAWS, STUDENT, TAGGER, TOKENIZER, TRAIN, VALIDATION
from audiotag.startup import keras_defaults
from audiotag.tensorboard import hparams
from audiotag.training import live_teachers, views
from audiotag.training.callbacks import (
    CountDraws,
    EpochLine,
    EpochScalars,
    GradientNorm,
    SeedEveryStep,
    Throughput,
    seed_everything,
)
from audiotag.training.checkpoints import Checkpoints, Progress, variables_of
from audiotag.training.classes import check_classes
from audiotag.training.devices import Devices, choose
from audiotag.training.feeding import Feed, batches, epoch_steps
from audiotag.training.freezing import thaw
from audiotag.training.hosts import check_same, is_first, join, on_first
from audiotag.training.interruption import Interruption, interruptible
from audiotag.training.keeping import AverageEpochs, DivergedError, KeepState, RestoreSums, StopWhereNotFinite
from audiotag.training.lessons import augmentation, lesson_for
from audiotag.training.losses import loss_for
from audiotag.training.network import counts, not_yet_trained, starting_network
from audiotag.training.optimizers import optimizer
from audiotag.training.precision import computing_in
from audiotag.training.recipe import Recipe, resolve
from audiotag.training.run import OF_A_MACHINE, Run, claimed, describe
from audiotag.training.statistics import following
from audiotag.training.steps import StepLesson
from audiotag.training.temperature import START, Temperature, is_dynamic
from audiotag.training.trainee import Lesson, Trainee


@keras_defaults()
def train(
    recipe: Recipe,
    out: Path | str,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    devices: int | str | None = None,
    hosts: str | None = None,
) -> Run:
    """Train as a recipe says, or go on where a run of the same recipe, or of one with fewer epochs, stopped.

    The run folder `out` then holds `recipe.toml` (everything resolved, versions, fingerprint of the data set),
    `train/` and `validation/` (TensorBoard), `checkpoints/`, `student.keras` (log-mel to logits, weights of the
    best epoch) and `tagger.keras` (waveform to scores); of tokens `tokenizer.npz` in place of the latter. On a CPU a
    run that was killed and resumed ends with the same weights, bit for bit, as one that was not.

    Several devices share each batch. Of several hosts every one is given the same recipe and reads shards of its own;
    the first one alone reads and writes `out` and prints lines, all validate and call `callbacks`.

    Args:
        recipe: what to train on what, and how.
        out: the run folder: new, empty, or of the same recipe; or an address, such as s3://bucket/run: then it is
            trained in a copy in the cache, which is sent after every epoch, so that another machine can go on.
        callbacks: further ones, called after the run's own: their `on_epoch_end` finds everything that was measured.
        devices: how many of this host, or "all" (TensorFlow, JAX). Default: one, or all where there are several hosts.
        hosts: "ADDRESS:PORT,INDEX/COUNT", where the first of several hosts listens, the number of this one from 0, and
            how many there are; or "auto", what JAX finds in the environment of Slurm, Open MPI or a TPU (JAX alone).
            Default: this one alone, or those of `jax.distributed.initialize`.

    Returns:
        The finished run.

    Raises:
        AudiotagError: devices or hosts that are not there, a batch that they cannot share, the recipe does not fit the
            data set, no class tells its clips apart, the weights need another front end, `out` holds another run, or
            the loss became NaN or infinite (the message says where; the best weights so far are kept).
    """
    join(hosts)
    spread, place = choose(devices), storage.place(out)
    if not is_first():
        with progress.silent():
            return _train(recipe, place, lambda: None, callbacks, spread)
    if storage.is_remote(place):
        copy = storage.mirror(place)
        return replace(_train(recipe, copy.fetch(), copy.send, callbacks, spread), path=place)
    return _train(recipe, place, lambda: None, callbacks, spread)


def _train(
    recipe: Recipe,
    out: Path,
    kept: Callable[[], None],
    callbacks: Sequence[keras.callbacks.Callback],
    devices: Devices,
) -> Run:
    """Train into a folder of this machine; `kept` is called whenever what lies in it is worth keeping."""
    data = tokens.open_data(recipe.data)
    recipe = resolve(recipe, data)
    devices.check(recipe, data)
    described = describe(recipe, data, out)
    check_same({name: value for name, value in described.items() if name not in OF_A_MACHINE})
    without_clips = check_classes(recipe, data)
    _prepare_backend(recipe.seed)
    with devices.making():
        teachers = [] if recipe.live_teacher is None else live_teachers.opened(recipe.live_teacher, data)
        network, carried = starting_network(recipe, data)
        lesson = lesson_for(recipe, data, network, teachers)
    with ExitStack() as hold:
        on_first(lambda: hold.enter_context(claimed(out, described)))
        if not Checkpoints(out / CHECKPOINTS).states():
            for line in filter(None, (carried, without_clips)):
                progress.say(line)
        diverged = False
        try:
            return fit(Training(network, data, recipe, out, lesson, devices, callbacks, kept))
        except DivergedError:
            diverged = True
            raise
        finally:
            if is_first():
                hparams.write(out, failed=diverged)
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


@dataclass(frozen=True)
class Training:
    """What is trained, as a resolved recipe says, and where the run is kept.

    Args:
        network: uncompiled, log-mel (batch, frames, mels, 1) to logits (batch, classes), or tokens (batch, steps) to
            logits (batch, steps, classes). What is trained of it are its trainable variables.
        data: the open data set, or open tokens.
        recipe: resolved for this data set.
        out: run folder.
        lesson: what is taught beside the labels. Default: what the recipe says, without live teachers.
        devices: that the network and the lesson were made for. Default: one.
        callbacks: further ones, called after the run's own.
        kept: called whenever a checkpoint is written. Default: nothing happens.
    """

    network: keras.Model
    data: records.Data
    recipe: Recipe
    out: Path
    lesson: Lesson | None = None
    devices: Devices = field(default_factory=Devices)
    callbacks: Sequence[keras.callbacks.Callback] = ()
    kept: Callable[[], None] = lambda: None

    @property
    def last_file(self) -> str:
        """What is written last: the tagger, or the network where it tags nothing."""
        return STUDENT if self.data.task.of_tokens else TAGGER


def fit(training: Training) -> Run:
    """Train from the newest checkpoint in the run folder or from the start.

    Returns:
        The finished run; see `train`.
    """
    network, recipe, out, devices = training.network, training.recipe, training.out, training.devices
    lesson = lesson_for(recipe, training.data, network) if training.lesson is None else training.lesson
    asked = [] if lesson.teachers is None else lesson.teachers.members
    steps = recipe.epochs * epoch_steps(recipe, training.data) if recipe.weights is None else math.inf
    diverged: AudiotagError | None = None
    with (
        computing_in(recipe.precision, network, *asked),
        following(network, steps),
        interruptible() as interruption,
    ):
        with devices.making():
            model = Trainee(network, loss_for(training.data), optimizer(recipe, network), lesson)
        checkpoints, variables = Checkpoints(out / CHECKPOINTS), variables_of(model, network)
        state = checkpoints.restore(variables) or Progress()
        devices.draw_apart(model.variables)
        if state.epoch == recipe.epochs or state.stopped:
            progress.say(f"{out} is trained already: {state.epoch} epochs")
        else:
            if state.epoch or state.step:
                step = f" and {state.step} steps" if state.step else ""
                progress.say(f"Resuming {out} after epoch {state.epoch}{step} of {recipe.epochs}")
            if frozen := counts(network):
                progress.say(frozen)
            if is_first():
                (out / training.last_file).unlink(missing_ok=True)
            try:
                _fit(training, model, _Keeping(checkpoints, variables, state, interruption))
            except (DivergedError, NotFiniteError) as error:
                diverged = error
    if diverged is not None:
        where = f"after epoch {state.epoch + 1}, " if isinstance(diverged, NotFiniteError) else ""
        best = "no epoch had been finished"
        if state.best_epoch:
            on_first(lambda: _finish(training, checkpoints, state))
            best = f"the weights of epoch {state.best_epoch}, the best so far, are in {out / STUDENT}"
        remedy = f"Try a lower learning_rate than {recipe.learning_rate}"
        raise DivergedError(f"{where}{diverged}; {best}. {remedy}") from diverged
    on_first(lambda: (out / training.last_file).exists() or _finish(training, checkpoints, state))
    return Run(out, recipe, state.epoch, state.best_epoch, state.best_value, tuple(state.history))


def _show_views(training: Training, steps: StepLesson | None) -> None:
    """Show the first examples as the student will get them."""
    data, recipe = training.data, training.recipe
    batch = next(iter(batches(recipe, data, Progress(), steps)))
    first = {name: np.asarray(values) for name, values in batch.items()}
    views.show(first, augmentation(recipe, data, steps), data.labels, data.front_end, training.out / TRAIN)


@dataclass(frozen=True)
class _Keeping:
    """What a run's state is, and where it is kept."""

    checkpoints: Checkpoints
    variables: Mapping[str, keras.Variable]
    state: Progress
    interruption: Interruption


def _fit(training: Training, model: Trainee, keeping: _Keeping) -> None:
    """Fit the rest of an epoch that was begun, if there is one, then all others."""
    import tensorflow as tf

    recipe, data, devices = training.recipe, training.data, training.devices
    state, steps = keeping.state, epoch_steps(recipe, data)
    sums = [(variable, keras.ops.convert_to_numpy(variable)) for variable in model.metrics_variables]
    while state.epoch < recipe.epochs and not state.stopped:
        feed = Feed(batches(recipe, data, state, model.steps), placed=devices.count == 1)
        line = EpochLine(recipe.epochs, state, throughput := Throughput(feed, recipe.batch_size))
        own = _callbacks(training, model, keeping, throughput)
        if state.step:
            own.append(RestoreSums(sums))
        try:
            if is_first() and not (state.epoch or state.step) and not data.task.of_tokens:
                _show_views(training, model.steps)
            with devices.training():
                model.fit(
                    feed.batches(),
                    steps_per_epoch=steps - state.step,
                    initial_epoch=state.epoch,
                    epochs=state.epoch + 1 if state.step else recipe.epochs,
                    shuffle=False,
                    verbose=0,
                    callbacks=[*own, line, *training.callbacks],
                )
        except (tf.errors.InvalidArgumentError, tf.errors.DataLossError, tf.errors.NotFoundError) as error:
            if reason := _reading_failed(error):
                raise AudiotagError(f"{reason}: run `audiotag verify {data.path}`") from error
            raise
        finally:
            line.close()
            feed.close()


def _reading_failed(error: Exception) -> str:
    """Why tf.data could not give the next batch; "" where the error is none of reading."""
    if broken := re.search(r"assertion failed: \[b?['\"]?(.*?)['\"]?\]", error.message):
        return broken[1]
    return "" if type(error).__name__ == "InvalidArgumentError" else "a shard of the records is missing or damaged"


def cooling(network: keras.Model, recipe: Recipe) -> Temperature | None:
    """What cools the dynamic convolutions of a network that has heard nothing yet; None where there are none."""
    if not (is_dynamic(network) and not_yet_trained(recipe)):
        return None
    # Down to 1 within four fifths of a run that is too short for a degree an epoch.
    return Temperature(fall=max(1.0, (START - 1) / (0.8 * recipe.epochs)), network=network)


def _callbacks(
    training: Training, model: Trainee, keeping: _Keeping, throughput: Throughput
) -> list[keras.callbacks.Callback]:
    """In the order in which each needs what the one before it did to the epoch's logs."""
    network, data, recipe, out = training.network, training.data, training.recipe, training.out
    state, average = keeping.state, model.average
    finite = StopWhereNotFinite(network, state, epoch_steps(recipe, data))
    callbacks = [
        throughput,
        SeedEveryStep(recipe.seed, state),
        keras.callbacks.LearningRateScheduler(recipe.schedule),
        finite,
        GradientNorm(),
        CountDraws(out / DRAWS if recipe.balance and is_first() else None, data.labels.names),
    ]
    if (temperature := cooling(network, recipe)) is not None:
        callbacks.append(temperature)
    if recipe.swa_start is not None:
        callbacks.append(AverageEpochs(average, recipe.swa_start, recipe.swa_every))
    if recipe.validates:
        from audiotag.tensorboard import PerClassMetrics
        from audiotag.training.token_bits import TokenBits

        kept = network if average is None else average.network
        watched = keras.Model(kept.input, kept.output)
        logdir = out / VALIDATION if is_first() else None
        settings = {"logdir": logdir, "batch_size": recipe.batch_size, "model": watched}
        if data.task.of_tokens:
            callbacks.append(TokenBits(watched, data, recipe.validation, recipe.batch_size))
        else:
            callbacks.append(PerClassMetrics((data, recipe.validation), **settings))
    if is_first():
        callbacks.append(EpochScalars(out / TRAIN, out / VALIDATION if recipe.validates else None, throughput))
    return [
        *callbacks,
        KeepState(
            keeping.variables,
            keeping.checkpoints,
            state,
            recipe.monitor,
            recipe.patience,
            keeping.interruption,
            finite.look,
            training.kept,
        ),
    ]


def _finish(training: Training, checkpoints: Checkpoints, state: Progress) -> None:
    """Write `student.keras` with the weights of the best epoch, and `tagger.keras`; of tokens the tokenizer instead."""
    from audiotag import tagging

    network, data, out = training.network, training.data, training.out
    if training.devices.count > 1:
        network = keras.models.clone_model(network)  # on this host's own device: nobody else takes part
    checkpoints.load_weights(state.best_epoch, network)
    thaw(network)  # what was frozen is a matter of the run, not of the student
    card = models.ModelCard(out.resolve().name, data.clip_format, data.name, data.fingerprint)
    if data.task.of_tokens:
        data.tokenizer.write(out / TOKENIZER)
        models.save(network, out / STUDENT, card)
        return
    models.save(network, out / STUDENT, card)
    models.save(tagging.AudioTagger(network, **vars(data.clip_format)), out / TAGGER)
