"""DCASE 2020 task 1A: a published network of AudioSet, fine-tuned on ten scenes, tested on devices new to it.

    audiotag recipe dcase20 --source dcase20

Paper: Schmid et al., arXiv 2211.04772 (MobileNets) and 2310.15648 (dynamic ones).
Data: Heittola et al., "Acoustic scene classification in DCASE 2020 Challenge", arXiv 2005.14623.

Freq-MixStyle takes the place of mixup: recordings get each other's colour, which is the device's. The evaluation slices
the test split by device; s4, s5 and s6 are in no training clip.

Measured: not run at full size here. Published: see arXiv 2310.15648.
"""

from __future__ import annotations

from pathlib import Path

from audiotag.cli import run_recipe


def dcase20(
    source: Path | None = None,
    out: Path = Path("dcase20"),
    model: str = "mn10",
    weights: str = "audioset",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Fine-tune a published network on DCASE 2020's scenes.

    Args:
        source: folder of evaluation_setup/ and audio/.
        out: folder for the data set and the runs.
        model: architecture of the network; a dymn takes the preset of the dynamic ones.
        weights: what it starts from: 'audioset' for its published weights, a file or run, or 'none'.
        epochs: how many. Default: the preset's.
        batch_size: clips a step. Default: the preset's.
    """
    from rich.console import Console

    from audiotag import evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    declaration = records.declare("dcase20", source=source)
    records.build(declaration, out / "data")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    preset = training.preset("dcase20_dymn" if model.startswith("dymn") else "dcase20_mn")
    changes = {"model": model, "weights": None if weights == "none" else weights}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    run = training.train(preset.recipe(data, **changes), out / f"dcase20-{model}")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    accuracy = 100 * measured.summary["accuracy"]
    console.print(f"\n{model}: accuracy {accuracy:.1f} % on the test split; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(dcase20)
