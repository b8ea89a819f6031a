"""What a training run is: every choice in one frozen dataclass, and the defaults a data set implies."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from audiotag import records, storage
from audiotag.errors import AudiotagError, suggest
from audiotag.records import teachers
from audiotag.run_folder import LAST, NO_VALIDATION
from audiotag.training.schedule import Schedule

BATCH_SIZE = 32
PRECISIONS = ("float32", "bfloat16", "float16")
MONITORS = {"val_mAP": 1, "val_accuracy": 1, "val_loss": -1, LAST: 0}  # 1: higher is better, -1: lower is
OPTIMIZERS = ("adam", "adamw")


@dataclass(frozen=True)
class Recipe:
    """Every choice of a training run. None means: what the data set and the other choices imply (`resolve`).

    `audiotag train` makes its options from the fields and from the lines below, `recipe.toml` holds their values. The
    text "none" takes back weights, freeze, teacher, live_teacher or features of a preset.

    Args:
        data: folder of the built data set, or its address; or of tokens (`audiotag tokens`).
        model: architecture, as `models.build` names it: mn01 … mn40, dymn10, passt_s, crnn …; decoder, of
            tokens.
        model_options: keyword arguments of the architecture.
        weights: weights to start from: published ("audioset" or a name), a .pt, .safetensors or .keras file, a run;
            of an FMN also the published ones of the MN of its width, but for its head. Default, and "none" against a
            preset's: from scratch.
        new_head: put a new head on (True), or refuse weights of other classes (False). A new head keeps the outputs of
            classes that the weights know by the same id or name, where they say (published weights, .keras files):
            those of a multilabel data set that they know, those of a multiclass one where they know all; it is random
            otherwise. Default: a new one where published weights name other classes; weights of a file must then have
            the data's classes.
        freeze: last part that is not trained: "stem", "block1" … "last" of an MN, "patches", "block1" … of a PaSST,
            a layer of another network. Needs weights. Default: everything is trained.
        freeze_normalization: keep batch normalisation below the head as the weights have it, for small batches. Needs
            weights.
        layer_decay: learning rate of a part (as in freeze) over that of the part above it, above 0 and at most 1 (the
            same rate everywhere); the head has the full rate.
        teacher: name of the teacher whose stored outputs are distilled, or several with weights: "passt_1,passt_2=2".
            Default: none, labels only.
        live_teacher: instead: a run, a .keras file or a published name (or several: "mn10_as,runs/passt=2") that is
            asked about exactly the mixed and masked views that the student sees.
        label_weight: weight of the labels beside teachers, 0 to 1 (arXiv 2211.04772).
        temperature: divides the teachers' logits, above 0.
        strong_weight: share of the loss that is about strong labels, when each class sounds, 0 to 1; the rest is about
            the clip. Needs a multilabel data set with onsets and offsets, or a teacher of steps (`audiotag teach
            --frames`), and a network that keeps time. Of a data set of notes or speech 0 is 1: nothing else is learnt.
        features: parts of the student to compare with the first live teacher's: "block5=block12,features", or "all".
        feature_weight: weight of that comparison, above 0.
        blockwise: give each of these parts, and the head, the teacher's features of the part before it, so that all of
            a network with random weights learns at once; a first stage, for a student of the teacher's shapes.
        train: splits to train on. Default: "train".
        validation: splits to measure after every epoch, "none" for none. Default: "validation".
        fold: instead of both: validate on this fold, train on all the others.
        epochs: how many, at least 1.
        epoch_steps: steps an epoch. Default: as many as there are batches of training examples.
        batch_size: examples a step, at least 1 and at most all; of all devices together. Default: 32, or all where
            there are fewer.
        accumulate: batches whose gradients are summed before a step of the optimizer, at least 1.
        learning_rate: peak of the schedule. Default: 1e-3, or 3e-4 from weights.
        optimizer: "adam" or "adamw".
        weight_decay: decoupled weight decay of adamw, 0 or more.
        clip: largest norm of all gradients together, above 0. Default: none.
        ema: decay of an average of the weights over steps, below 1, which is validated and kept in their place; 0 for
            none.
        swa_start: epoch, from 1, from which weights are averaged over epochs instead. Default: never.
        swa_every: epochs from one such weight to the next.
        warmup: epochs of warm-up. Default: an eighth of the epochs.
        ramp_start: epoch at which the ramp-down begins. Default: the end of the warm-up.
        ramp_epochs: length of the ramp-down in epochs. Default: four fifths of the epochs.
        last: learning rate at the end, as a fraction of the peak.
        mixup: alpha of log-mel mixup, 0 for none. Default: 0.3, of a data set of speech and of tokens 0.
        augment: further augmentation of batches: name -> value or settings, see `augment.batches`.
        precision: "float32", "bfloat16" or "float16" (with a scaled loss), of the computation; files are float32.
        balance: draw rare classes more often.
        seed: seed of weights, order, dropout and mixup, 0 or more.
        monitor: "val_mAP", "val_accuracy" or "val_loss", by which the best epoch is kept, or "last" to keep the last
            one. Default: last without validation, and with a fold (which is reported on) unless patience is given;
            else val_mAP where the task is multilabel, val_accuracy where it is multiclass, last where it is notes or
            speech, val_loss where it is tokens.
        patience: stop after this many epochs without a better one, at least 1. Default: never.

    Raises:
        AudiotagError: a value outside its range.
    """

    data: str | Path
    model: str = "mn04"
    model_options: dict[str, Any] = field(default_factory=dict)
    weights: str | Path | None = None
    new_head: bool | None = None
    freeze: str | None = None
    freeze_normalization: bool = False
    layer_decay: float = 1.0
    teacher: str | None = None
    live_teacher: str | Path | None = None
    label_weight: float = 0.1
    temperature: float = 1.0
    strong_weight: float = 0.0
    features: str | None = None
    feature_weight: float = 1.0
    blockwise: bool = False
    train: str | None = None
    validation: str | None = None
    fold: int | None = None
    epochs: int = 40
    epoch_steps: int | None = None
    batch_size: int | None = None
    accumulate: int = 1
    learning_rate: float | None = None
    optimizer: str = "adam"
    weight_decay: float = 0.0
    clip: float | None = None
    ema: float = 0.0
    swa_start: int | None = None
    swa_every: int = 1
    warmup: int | None = None
    ramp_start: int | None = None
    ramp_epochs: int | None = None
    last: float = 0.01
    mixup: float | None = None
    augment: dict[str, Any] = field(default_factory=dict)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    balance: bool = False
    seed: int = 0
    monitor: str | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "freeze", "teacher", "live_teacher", "features"):
            if getattr(self, name) == "none":
                object.__setattr__(self, name, None)
        if self.optimizer not in OPTIMIZERS:
            raise AudiotagError(f"no optimizer is named {self.optimizer!r}: {suggest(self.optimizer, OPTIMIZERS)}")
        if self.monitor is not None and self.monitor not in MONITORS:
            raise AudiotagError(f"nothing to monitor is named {self.monitor!r}: {suggest(self.monitor, MONITORS)}")
        if self.precision not in PRECISIONS:
            raise AudiotagError(f"no precision is named {self.precision!r}: {suggest(self.precision, PRECISIONS)}")
        check_layer_decay(self.layer_decay)
        check_average(self.ema, self.swa_start, self.swa_every)
        decay, options, patience = self.weight_decay, self.model_options, self.patience
        decays = decay >= 0 if self.optimizer == "adamw" else decay == 0
        watches = self.monitor not in (None, LAST)
        for rule, holds, received in (
            ("epochs must be at least 1", self.epochs >= 1, self.epochs),
            ("batch_size must be at least 1", self.batch_size is None or self.batch_size >= 1, self.batch_size),
            ("epoch_steps must be at least 1", self.epoch_steps is None or self.epoch_steps >= 1, self.epoch_steps),
            ("accumulate must be at least 1", self.accumulate >= 1, self.accumulate),
            ("seed is 0 or more", self.seed >= 0, self.seed),
            ("clip must be positive", self.clip is None or self.clip > 0, self.clip),
            ("feature_weight must be positive", self.feature_weight > 0, self.feature_weight),
            ("weight_decay is 0 or more and needs optimizer='adamw'", decays, f"{decay} with {self.optimizer!r}"),
            ("label_weight lies in 0 to 1", 0 <= self.label_weight <= 1, self.label_weight),
            ("strong_weight lies in 0 to 1", 0 <= self.strong_weight <= 1, self.strong_weight),
            ("temperature must be positive", self.temperature > 0, self.temperature),
            ("mixup (the alpha of a Beta distribution) is 0 or more", 0 <= (self.mixup or 0.0) < math.inf, self.mixup),
            ("patience is 1 epoch or more, or None for no early stop", patience is None or patience >= 1, patience),
            ("model_options are stated or left out", None not in options.values(), f"None in {options}"),
            (f"monitor {self.monitor!r} needs a validation split", not watches or self.validates, "validation='none'"),
        ):
            if not holds:
                raise AudiotagError(f"{rule}, received {received}")
        for name, left_out in (("new_head", None), ("freeze", None), ("freeze_normalization", False)):
            if self.weights is None and getattr(self, name) != left_out:
                raise AudiotagError(f"{name}={getattr(self, name)!r} needs weights to start from, received none")
        if self.teacher is not None and self.live_teacher is not None:
            raise AudiotagError(
                f"a teacher's outputs are stored (teacher={self.teacher!r}) or asked for while training "
                f"(live_teacher={self.live_teacher!r}): choose one"
            )
        if self.features is not None and self.live_teacher is None:
            raise AudiotagError(f"features={self.features!r} needs a live_teacher to compare with")
        if self.blockwise and self.features is None:
            raise AudiotagError("blockwise trains parts on the teacher's features: it needs features, such as 'all'")
        if self.blockwise and self.strong_weight:
            raise AudiotagError(
                f"blockwise trains parts of a network, strong labels its steps, received strong_weight="
                f"{self.strong_weight} with it: train blockwise first, then from those weights"
            )
        if self.fold is not None and (self.train is not None or self.validation is not None):
            raise AudiotagError(
                f"fold={self.fold} already says what to train and validate on: leave out train and validation"
            )
        if patience is not None and (self.monitor == LAST or self.validation == NO_VALIDATION):
            raise AudiotagError(
                f"patience={patience} waits for a better epoch: it needs a validation split and another "
                f"monitor than {LAST!r}"
            )

    @property
    def schedule(self) -> Schedule:
        """The learning rate of every epoch; the recipe must be resolved."""
        return Schedule(self.learning_rate, self.warmup, self.ramp_start, self.ramp_epochs, self.last)

    @property
    def validates(self) -> bool:
        """Whether a split is measured after every epoch; the recipe must be resolved."""
        return self.validation != NO_VALIDATION


def check_average(ema: float, swa_start: int | None, swa_every: int) -> None:
    """Refuse averages of weights that cannot be, or two of them."""
    if not 0 <= ema < 1:
        raise AudiotagError(f"ema (the decay of an average over steps) is 0 for none, or below 1, received {ema}")
    if swa_start is not None and ema:
        raise AudiotagError(
            f"weights are averaged over steps (ema={ema}) or epochs (swa_start={swa_start}): choose one"
        )
    if (swa_start is not None and swa_start < 1) or swa_every < 1:
        raise AudiotagError(
            f"swa_start and swa_every count epochs from 1, received swa_start={swa_start}, swa_every={swa_every}"
        )


def check_layer_decay(decay: float) -> None:
    """Refuse a decay of the learning rate from part to part outside its range."""
    if not 0 < decay <= 1:
        raise AudiotagError(f"layer_decay is above 0 and at most 1 (the same rate everywhere), received {decay}")


def resolve(recipe: Recipe, data: records.Data) -> Recipe:
    """The recipe with everything that was left open filled in for a data set.

    Raises:
        AudiotagError: unknown splits or teacher, no split to train or validate on, or no such schedule.
    """
    if data.task.of_tokens:
        _check_tokens(recipe, data)
    train, validation = _splits(recipe, data)
    warmup = recipe.epochs // 8 if recipe.warmup is None else recipe.warmup
    reported_on = recipe.fold is not None and recipe.patience is None
    examples = data.count(train)
    implied = {
        "batch_size": min(BATCH_SIZE, examples),
        "learning_rate": 1e-3 if recipe.weights is None else 3e-4,
        "warmup": warmup,
        "ramp_start": warmup,
        "ramp_epochs": max(1, recipe.epochs * 4 // 5),
        "mixup": data.task.mixup,
        "monitor": LAST if validation == NO_VALIDATION or reported_on else data.task.monitor,
    }
    choices = {name: choice for name in implied if (choice := getattr(recipe, name)) is not None}
    if recipe.monitor == "val_accuracy" and not data.task.exclusive:
        raise AudiotagError(f"{data.name} is {data.task}: monitor 'val_mAP' or 'val_loss', received 'val_accuracy'")
    for name in () if recipe.teacher is None else teachers.parse(recipe.teacher):
        if name not in data.teachers:
            known = suggest(name, data.teachers) if data.teachers else "it has none yet, see `audiotag teach`"
            raise AudiotagError(f"{data.name} has no outputs of a teacher {name!r}: {known}")
    if recipe.batch_size is not None and recipe.batch_size > examples:
        raise AudiotagError(
            f"batch_size is at most the {examples} examples of {train} of {data.name}, received {recipe.batch_size}: "
            "choose a smaller one"
        )
    files = {"data": str(storage.place(recipe.data).resolve())}
    files |= {name: path and str(path) for name in ("weights", "live_teacher") for path in [getattr(recipe, name)]}
    splits = {"train": train, "validation": validation, "fold": None}
    choices["strong_weight"] = recipe.strong_weight or data.task.strong_weight
    resolved = dataclasses.replace(recipe, **files, **splits, **implied | choices)
    resolved.schedule(0)  # a rate or a length out of range shows here, before anything is written
    return resolved


_NOT_OF_TOKENS = ("weights", "teacher", "live_teacher", "strong_weight", "balance", "augment")


def _check_tokens(recipe: Recipe, data: records.Data) -> None:
    """Refuse what means nothing for tokens; freeze, features … need weights or a teacher and are refused with them."""
    defaults = {field.name: field.default for field in dataclasses.fields(Recipe)} | {"augment": {}}
    stated = {name: value for name in _NOT_OF_TOKENS if (value := getattr(recipe, name)) != defaults[name]}
    if recipe.mixup:
        stated["mixup"] = recipe.mixup
    if stated:
        received = ", ".join(f"{name}={value!r}" for name, value in stated.items())
        raise AudiotagError(f"{data.name} holds tokens, of which {received} means nothing: leave it out")
    if recipe.monitor in ("val_mAP", "val_accuracy"):
        raise AudiotagError(f"{data.name} holds tokens: monitor 'val_loss' or {LAST!r}, received {recipe.monitor!r}")


def _splits(recipe: Recipe, data: records.Data) -> tuple[str, str]:
    if recipe.fold is not None:
        held_out = f"fold{recipe.fold}"
        data.select(held_out)
        others = [split for split in data.splits if split.startswith("fold") and split != held_out]
        if not others:
            raise AudiotagError(f"training needs another fold beside {held_out}, {data.name} has none")
        return "+".join(others), held_out
    train = recipe.train or _implied("train", data)
    validation = recipe.validation or _implied("validation", data)
    trained = set(data.select(train))
    if validation != NO_VALIDATION and (both := trained & set(data.select(validation))):
        raise AudiotagError(
            f"validation must not use what is trained on, received {', '.join(sorted(both))} in both: choose others"
        )
    return train, validation


def _implied(split: str, data: records.Data) -> str:
    if split in data.splits:
        return split
    folds = [name for name in data.splits if name.startswith("fold")]
    remedy = f"say fold=1 (it has {len(folds)} folds)" if folds else f"say {split}='…'"
    without = ", or validation='none' to train without" if split == "validation" else ""
    raise AudiotagError(f"{data.name} has no split {split!r} (it has {', '.join(data.splits)}): {remedy}{without}")
