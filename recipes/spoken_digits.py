"""Spoken digits: sequences of them, learnt by characters, and measured on speakers that the network has not heard.

    apt install espeak-ng flite; audiotag recipe spoken_digits
    audiotag recipe spoken_digits --source free-spoken-digit-dataset

Paper: Graves et al., "Connectionist temporal classification", ICML 2006.
Data: `datasets/spoken_digits.py`: synthesised voices, or single recordings such as Free Spoken Digit's.

Measured with these values: WER 6.1 % of 24 synthesised speakers, each unseen, in three folds; 3.5 % where the ten words
are known (docs/speech.md); three and a half minutes of processor time a fold. Published: nothing for this data.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.cli import run_recipe


def spoken_digits(
    source: Path | None = None,
    out: Path = Path("spoken_digits"),
    folds: int = 3,
    fold: int | None = None,
    clips: int = 3000,
    epochs: int = 4,
    width: float = 0.5,
    batch_size: int = 8,
) -> None:
    """Train a network on the digits of some speakers and transcribe those of the others, fold by fold.

    Args:
        source: folder of single recordings. Default: synthesised voices.
        out: folder for the data set and the runs.
        folds: that share the speakers; 0: one a speaker.
        fold: the one that is held out. Default: each of them in turn.
        clips: how many sequences.
        epochs: how many.
        width: of the network's convolutions.
        batch_size: clips a step.
    """
    from rich.console import Console

    from audiotag import evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    options = {"split": "speaker", "folds": folds, "clips": clips, "seconds": 4.0}
    declaration = records.declare("spoken_digits", source=source, **options)
    records.build(declaration, out / "data", front_end="speech")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    recipe = training.Recipe(
        data.path,
        model="speech",
        model_options={"width": width, "dropout": 0.1},
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=2e-3,
        warmup=0,
        augment={"gain": 12, "filter_augment": 6},
    )
    held_out = [fold] if fold else [int(split.removeprefix("fold")) for split in data.splits]
    runs = []
    for number in held_out:
        console.print(f"\n[bold]held-out fold {number}[/]")
        runs.append(training.train(replace(recipe, fold=number), out / f"speech-fold{number}").path)
    measured = evaluation.evaluate(runs, recordings=declaration, out=runs[0] if fold else out / "evaluation")
    report.show(measured, console)
    for line in measured.sections["speech"].conclusions:
        console.print(line)


if __name__ == "__main__":
    run_recipe(spoken_digits)
