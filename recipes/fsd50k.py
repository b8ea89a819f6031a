"""FSD50K: a published network of AudioSet, fine-tuned on 200 classes of Freesound's recordings.

    audiotag recipe fsd50k --source FSD50K

Paper: Schmid et al., arXiv 2211.04772 (MobileNets) and 2310.15648 (dynamic ones).
Data: Fonseca et al., "FSD50K: an open dataset of human-labeled sound events", TASLP 30, 2022.

Recordings of more than 10 s are cut into clips that have its labels; the last epoch is kept, as published.

Measured: not run at full size here. Published: mAP 65.6 % of the best MobileNet, on whole recordings.
"""

from __future__ import annotations

from pathlib import Path

from audiotag.cli import run_recipe


def fsd50k(
    source: Path | None = None,
    out: Path = Path("fsd50k"),
    model: str = "mn10",
    weights: str = "audioset",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Fine-tune a published network on FSD50K.

    Args:
        source: folder of FSD50K.ground_truth/, FSD50K.dev_audio/ and FSD50K.eval_audio/.
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
    declaration = records.declare("fsd50k", source=source)
    records.build(declaration, out / "data")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    preset = training.preset("fsd50k_dymn" if model.startswith("dymn") else "fsd50k_mn")
    changes = {"model": model, "weights": None if weights == "none" else weights}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    run = training.train(preset.recipe(data, **changes), out / f"fsd50k-{model}")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    mAP = 100 * measured.summary["mAP"]
    console.print(f"\n{model}: mAP {mAP:.1f} % on the test split; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(fsd50k)
