"""AudioSet: a transformer looks at every clip once, and a small network learns from its logits and the labels.

    audiotag recipe audioset --source AudioSet --teacher passt_s_ensemble_9

Paper: Schmid et al., "Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation",
arXiv 2211.04772; dynamic networks: arXiv 2310.15648; the teachers: Koutini et al., arXiv 2110.05069.
Data: Gemmeke et al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017.

Three ways of training, each a preset:
    --model mn10                     MobileNet from ImageNet's weights
    --model mn10 --weights none      MobileNet from nothing
    --model dymn10                   dynamic MobileNet from ImageNet's weights

Measured: not run at full size here. Published: mAP 47.1 % of mn10, 48.4 % of mn40, 47.7 % of dymn10, from nine PaSSTs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from audiotag.cli import run_recipe


def audioset(
    source: Path | None = None,
    out: Path = Path("audioset"),
    model: str = "mn10",
    weights: Literal["imagenet", "none"] = "imagenet",
    teacher: str = "passt_s",
    epochs: int | None = None,
    epoch_steps: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Distil a student of AudioSet's 527 classes from a transformer.

    Args:
        source: folder of class_labels_indices.csv, the tables of segments and the recordings.
        out: folder for the data set and the runs.
        model: architecture of the student: mn04, mn10, dymn10 …
        weights: what it starts from: ImageNet's weights of its architecture, or none.
        teacher: published network or ensemble, run or file that teaches it; 'none': the labels alone.
        epochs: how many. Default: the preset's.
        epoch_steps: steps an epoch. Default: the preset's, about 100,000 clips.
        batch_size: clips a step. Default: the preset's.
    """
    from rich.console import Console

    from audiotag import distill, evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    declaration = records.declare("audioset", source=source)
    records.build(declaration, out / "data")
    import_tensorflow_quietly()
    data = records.open(out / "data")
    train = "+".join(split for split in ("balanced", "unbalanced") if split in data.splits)

    changes: dict[str, Any] = {"model": model, "train": train}
    if teacher != "none":
        changes["teacher"] = distill.teach(data, teacher, splits=train).name
    if weights == "imagenet":
        changes["weights"] = f"{model}_im"
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"epoch_steps": epoch_steps} if epoch_steps else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    dynamic, start = model.startswith("dymn"), "audioset_mn_imagenet" if weights == "imagenet" else "audioset_mn"
    preset = training.preset("audioset_dymn" if dynamic else start)
    run = training.train(preset.recipe(data, **changes), out / f"audioset-{model}")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    mAP = 100 * measured.summary["mAP"]
    console.print(f"\n{model}: mAP {mAP:.1f} % on the test split; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(audioset)
