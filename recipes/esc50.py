"""ESC-50: a published network of AudioSet, fine-tuned and measured by cross-validation.

    audiotag recipe esc50 --source ESC-50-master

Paper: Schmid et al., arXiv 2211.04772 (MobileNets) and 2310.15648 (dynamic ones).
Data: Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.

Every fold is measured after the last epoch of a network trained on the others: it chooses nothing.

Measured: not run at full size here. Published: accuracy 97.45 % of mn40, 97.4 % of dymn20, mean of five folds.
"""

from __future__ import annotations

from pathlib import Path

from audiotag.cli import run_recipe


def esc50(
    source: Path | None = None,
    out: Path = Path("esc50"),
    fold: int | None = None,
    model: str = "mn10",
    weights: str = "audioset",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Fine-tune a published network on ESC-50, a fold at a time.

    Args:
        source: folder of meta/ and audio/. Default: download it.
        out: folder for the data set and the runs.
        fold: the one that is held out. Default: each of them in turn.
        model: architecture of the network; a dymn takes the preset of the dynamic ones.
        weights: what it starts from: 'audioset' for its published weights, a file or run, or 'none'.
        epochs: how many. Default: the preset's.
        batch_size: clips a step. Default: the preset's.
    """
    from rich.console import Console

    from audiotag import evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    declaration = records.declare("esc50", source=source)
    records.build(declaration, out / "data")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    preset = training.preset("esc50_dymn" if model.startswith("dymn") else "esc50_mn")
    changes = {"model": model, "weights": None if weights == "none" else weights}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    held_out = [fold] if fold else [int(split.removeprefix("fold")) for split in data.splits]
    runs = []
    for number in held_out:
        console.print(f"\n[bold]{model}, held-out fold {number}[/]")
        recipe = preset.recipe(data, fold=number, **changes)
        runs.append(training.train(recipe, out / f"esc50-{model}-fold{number}").path)
    measured = evaluation.evaluate(runs, recordings=declaration, out=runs[0] if fold else out / "evaluation")
    report.show(measured, console)
    accuracy = 100 * measured.summary["accuracy"]
    console.print(f"\n{model}: accuracy {accuracy:.1f} % on the held-out folds; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(esc50)
