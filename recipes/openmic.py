"""OpenMIC-2018: a published network of AudioSet, fine-tuned on 20 instruments.

    audiotag recipe openmic --source openmic-2018

Paper: Schmid et al., arXiv 2211.04772 (MobileNets) and 2310.15648 (dynamic ones).
Data: Humphrey et al., "OpenMIC-2018: an open data-set for multiple instrument recognition", ISMIR 2018.

Two or three instruments were judged in a clip: the others are neither learnt nor measured there.

Measured: not run at full size here. Published: mAP 85.5 % of dymn20, 84.3 % of PaSST.
"""

from __future__ import annotations

from pathlib import Path

from audiotag.cli import run_recipe


def openmic(
    source: Path | None = None,
    out: Path = Path("openmic"),
    model: str = "mn10",
    weights: str = "audioset",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Fine-tune a published network on OpenMIC-2018.

    Args:
        source: folder of openmic-2018-aggregated-labels.csv, partitions/ and audio/.
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
    declaration = records.declare("openmic", source=source)
    records.build(declaration, out / "data")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    preset = training.preset("openmic_dymn" if model.startswith("dymn") else "openmic_mn")
    changes = {"model": model, "weights": None if weights == "none" else weights}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    run = training.train(preset.recipe(data, **changes), out / f"openmic-{model}")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    mAP = 100 * measured.summary["mAP"]
    console.print(f"\n{model}: mAP {mAP:.1f} % on the test split; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(openmic)
