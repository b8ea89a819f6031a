"""`audiotag train`: students, distilled or from labels."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from audiotag.errors import AudiotagError

DataSet = Annotated[Path, typer.Argument(help="A built data set.")]


def train(
    data: DataSet,
    out: Annotated[Path, typer.Option(help="Run folder: new, empty, or of the same recipe to resume.")],
    model: Annotated[str, typer.Option(help="Architecture: mn01 … mn40, dymn10, passt_s, crnn …")] = "mn04",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the model, again for more: head=frames, pooling=max …")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="'audioset', a published name or a file to start from.")] = None,
    new_head: Annotated[
        bool | None,
        typer.Option(
            "--new-head/--no-new-head",
            help="Put a new head on, or refuse other classes. Classes that the weights know by id or name keep their "
            "output (multiclass: all or none). Default: a new one for published weights, none for a file.",
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(help="Last part not trained: stem, block1 … last; patches … for PaSST. Needs --weights."),
    ] = None,
    freeze_normalization: Annotated[
        bool,
        typer.Option("--freeze-normalization", help="Keep batch normalisation as the weights have it."),
    ] = False,
    layer_decay: Annotated[
        float, typer.Option(help="Learning rate of a part over that of the part above it, above 0 to 1 (none).")
    ] = 1.0,
    teacher: Annotated[str | None, typer.Option(help="Name of stored teacher outputs to distil.")] = None,
    label_weight: Annotated[float, typer.Option(help="Weight of the labels beside the teacher, 0 to 1.")] = 0.1,
    temperature: Annotated[float, typer.Option(help="Divides the teacher's logits.")] = 1.0,
    split: Annotated[str | None, typer.Option("--train", help="Splits to train on. Default: train.")] = None,
    validation: Annotated[str | None, typer.Option(help="Splits to validate on, or none. Default: validation.")] = None,
    fold: Annotated[int | None, typer.Option(help="Validate on this fold, train on the others.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training examples.")] = 40,
    batch_size: Annotated[int, typer.Option(help="Examples a step.")] = 32,
    learning_rate: Annotated[float | None, typer.Option(help="Peak. Default 1e-3; 3e-4 from weights.")] = None,
    optimizer: Annotated[str, typer.Option(help="adam or adamw.")] = "adam",
    weight_decay: Annotated[float, typer.Option(help="Decoupled weight decay of adamw.")] = 0.0,
    warmup: Annotated[int | None, typer.Option(help="Epochs of warm-up. Default: an eighth.")] = None,
    ramp_start: Annotated[int | None, typer.Option(help="Epoch where the ramp-down begins.")] = None,
    ramp_epochs: Annotated[int | None, typer.Option(help="Length of the ramp-down, epochs.")] = None,
    last: Annotated[float, typer.Option(help="Last learning rate, as a fraction of the peak.")] = 0.01,
    mixup: Annotated[float, typer.Option(help="Alpha of log-mel mixup, 0 for none.")] = 0.3,
    balance: Annotated[bool, typer.Option(help="Draw rare classes more often.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, order, dropout and mixup.")] = 0,
    monitor: Annotated[str | None, typer.Option(help="val_mAP, val_accuracy, val_loss or last.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many epochs without a better one.")] = None,
) -> None:
    """Train a student, distilled or from labels.

    Run the same command again to resume after an interruption.
    """
    from audiotag.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    from audiotag import training

    recipe = training.Recipe(
        data=data,
        model=model,
        model_options=_settings(option or []),
        weights=weights,
        new_head=new_head,
        freeze=freeze,
        freeze_normalization=freeze_normalization,
        layer_decay=layer_decay,
        teacher=teacher,
        label_weight=label_weight,
        temperature=temperature,
        train=split,
        validation=validation,
        fold=fold,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        weight_decay=weight_decay,
        warmup=warmup,
        ramp_start=ramp_start,
        ramp_epochs=ramp_epochs,
        last=last,
        mixup=mixup,
        balance=balance,
        seed=seed,
        monitor=monitor,
        patience=patience,
    )
    run = training.train(recipe, out)
    best = "" if run.best_value is None else f", {run.recipe.monitor} {run.best_value:.4f}"
    typer.echo(f"{run.path}: weights of epoch {run.best_epoch} of {run.epochs}{best}")
    typer.echo(f"Next: audiotag evaluate {run.path}")


def _settings(options: list[str]) -> dict[str, Any]:
    """Settings of an architecture from NAME=VALUE: numbers, true, false and [lists] as in TOML, all else is text."""
    settings: dict[str, Any] = {}
    for one in options:
        name, equals, value = one.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise AudiotagError(f"--option is NAME=VALUE, received {one!r}: write --option head=frames, for one")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name.strip()] = value.strip()
    return settings
