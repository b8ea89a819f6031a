"""AudioSet-Strong: a frame-wise MobileNet learns when each of 447 classes sounds, from onsets and offsets.

    audiotag recipe audioset_strong --source AudioSet-Strong
    audiotag recipe audioset_strong --source AudioSet-Strong --model fmn04 --teacher fmn10+tf-256_kd

Paper: Morocutti et al., "Exploring performance-complexity trade-offs in sound event detection", arXiv 2503.11373.
Data: Hershey et al., "The benefit of temporally-strong labels in audio event classification", ICASSP 2021.

A teacher's logits of every step are stored beside the records and distilled: a published frame-wise network of the 447
classes, a run, or a .keras file. A network with a sequence model has no published weights of weak labels to start from:
--model fmn10+gru-256 --weights none.

Measured: not run here. Published: PSDS1 42.3 % of fmn10 from strong labels, 43.9 % with tf-256.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audiotag.cli import run_recipe


def audioset_strong(
    source: Path | None = None,
    out: Path = Path("audioset_strong"),
    model: str = "fmn10",
    weights: str = "weak",
    teacher: str = "none",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Train a network of sound events on AudioSet's strong labels.

    Args:
        source: folder of the published tables of strong labels, mid_to_display_name.tsv and the recordings.
        out: folder for the data set and the runs.
        model: architecture that keeps time: fmn04, fmn10, fmn10+gru-256, crnn ...
        weights: what it starts from: 'weak' for the published weights of AudioSet's weak labels, which a network with a
            sequence model does not have, a file, a run, another name, or 'none'.
        teacher: published network, run or file whose steps are distilled; 'none': the labels alone.
        epochs: how many. Default: the preset's.
        batch_size: clips a step. Default: the preset's.
    """
    from rich.console import Console

    from audiotag import distill, evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    declaration = records.declare("audioset_strong", source=source)
    records.build(declaration, out / "data", front_end="efficientsed")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    changes: dict[str, Any] = {"model": model, "weights": f"{model}_weak" if weights == "weak" else weights}
    if teacher != "none":
        changes["teacher"] = distill.teach(data, teacher, frames=True, splits="train").name
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    preset = training.preset("audioset_strong_fmn")
    run = training.train(preset.recipe(data, **changes), out / f"audioset_strong-{model}")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    PSDS1 = 100 * measured.sections["sound_events"].scalars["PSDS1"]
    console.print(f"\n{model}: PSDS1 {PSDS1:.1f} % on the test split; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(audioset_strong)
