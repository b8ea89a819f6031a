"""PaSST, the teacher: trained on AudioSet from ImageNet's weights, or fine-tuned on ESC-50 or FSD50K.

    audiotag recipe passt --dataset audioset --source AudioSet
    audiotag recipe passt --dataset esc50 --source ESC-50-master --fold 1

Paper: Koutini et al., "Efficient training of audio transformers with Patchout", arXiv 2110.05069.
Data: AudioSet, ESC-50, FSD50K, as their own recipes say.

The run is a teacher: `audiotag recipe audioset --teacher passt-audioset/passt`, or `audiotag teach DATA --teacher RUN`.
What is kept is the average of the weights over epochs. --small trains a PaSST that a few CPU cores can train, from
nothing: its shape is that of `esc10_distill`, and its figures are not those of the paper.

Measured: not run at full size here. Published: AudioSet mAP 47.6 %, ESC-50 accuracy 96.8 % over five folds, FSD50K
mAP 65.5 %.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from audiotag.cli import run_recipe

SMALL = {"width": 128, "depth": 4, "heads": 4, "stride": 16}


def passt(
    dataset: Literal["audioset", "esc50", "fsd50k"] = "esc50",
    source: Path | None = None,
    out: Path | None = None,
    fold: int = 1,
    small: bool = False,
    epochs: int | None = None,
    epoch_steps: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Train or fine-tune a PaSST.

    Args:
        dataset: what it learns; the preset is that of its name.
        source: folder of the data set's tables and recordings. Default: download ESC-50.
        out: folder for the data set and the runs. Default: passt- and the name of the data set.
        fold: held out of ESC-50.
        small: a small PaSST from nothing, for a look without a GPU.
        epochs: how many. Default: the preset's.
        epoch_steps: steps an epoch. Default: the preset's; of ESC-50 and FSD50K one pass through the clips.
        batch_size: clips a step. Default: the preset's.
    """
    from rich.console import Console

    from audiotag import evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    out = out or Path(f"passt-{dataset}")
    declaration = records.declare(dataset, source=source)
    records.build(declaration, out / "data", front_end="passt")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    changes: dict[str, Any] = {"fold": fold} if dataset == "esc50" else {}
    if dataset == "audioset":
        changes["train"] = "+".join(split for split in ("balanced", "unbalanced") if split in data.splits)
    if small:
        changes |= {"model": "passt", "model_options": SMALL, "weights": None}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"epoch_steps": epoch_steps} if epoch_steps else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    preset = training.preset(f"passt_{dataset}")
    run = training.train(preset.recipe(data, **changes), out / "passt")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    metric = "accuracy" if data.task.exclusive else "mAP"
    console.print(f"\n{metric} {100 * measured.summary[metric]:.1f} %; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(passt)
