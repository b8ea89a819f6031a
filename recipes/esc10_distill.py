"""ESC-10 by cross-validation: a teacher, its logits for every augmented view, a student; all five folds or one.

    audiotag recipe esc10_distill --source ESC-50-master --folds all

Paper: Schmid et al., "Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation",
arXiv 2211.04772. Data: Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.

Three ways of training the student, told apart by --teacher:
    --teacher none     labels alone
    --teacher passt    a small PaSST trained here on the same folds
    --teacher mn04     a published AudioSet network (any name of `audiotag models`), fine-tuned on the same folds
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audiotag.cli import run_recipe
from audiotag.errors import AudiotagError

PASST = {"model": "passt", "learning_rate": 5e-4}
PASST_OPTIONS = {"width": 192, "depth": 6, "heads": 3, "stride": 16, "patchout_time": 8}


def esc10_distill(
    source: Annotated[Path | None, typer.Option(help="Folder of meta/ and audio/; default: download ESC-50.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the data set and the runs.")] = Path("esc10"),
    folds: Annotated[str, typer.Option(help="Held-out folds: 'all', '1' or '1,3'.")] = "1",
    student: Annotated[str, typer.Option(help="Model to distil.")] = "mn02",
    weights: Annotated[str | None, typer.Option(help="Published weights the student starts from.")] = None,
    teacher: Annotated[str, typer.Option(help="none, passt, or a published model to fine-tune.")] = "passt",
    variants: Annotated[int, typer.Option(help="Augmented views of every clip.")] = 4,
    augment: Annotated[str, typer.Option(help="Augmentation policy.")] = "standard",
    epochs: Annotated[int, typer.Option(help="Epochs of the student.")] = 20,
    teacher_epochs: Annotated[int, typer.Option(help="Epochs of the teacher.")] = 15,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate of the student.")] = 2e-3,
    seed: Annotated[int, typer.Option(help="Seed of augmentation and training.")] = 0,
) -> None:
    """Cross-validate a student on ESC-10, with or without a teacher."""
    from rich.console import Console

    from audiotag import augment as augmentation
    from audiotag import distill, evaluation, records, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console()
    declaration = records.declare("esc50", source=source, subset="esc10")
    built = records.build(declaration, out / "data", policy=augmentation.policy(augment), variants=variants, seed=seed)
    import_tensorflow_quietly()
    data = records.open(built.path)

    accuracies = {}
    for fold in chosen_folds(folds, data.splits):
        common: dict[str, Any] = {"data": data.path, "fold": fold, "seed": seed, "monitor": "last"}
        if teacher != "none":
            console.rule(f"fold {fold}: the teacher, {teacher}", align="left")
            taught = training.train(
                teacher_recipe(teacher, data, common, teacher_epochs), out / f"{teacher}-fold{fold}"
            )
            distill.teach(data, taught.path, name=taught.path.name)
        console.rule(f"fold {fold}: the student, {student}", align="left")
        run = training.train(
            training.Recipe(
                **common,
                model=student,
                weights=weights,
                teacher=None if teacher == "none" else taught.path.name,
                epochs=epochs,
                learning_rate=learning_rate,
            ),
            out / f"{student}-from-{teacher}-fold{fold}",
        )
        report = evaluation.evaluate(run.path)
        evaluation.show(report, console)
        accuracies[fold] = report.summary["accuracy"]

    for fold, accuracy in accuracies.items():
        console.print(f"fold {fold}: accuracy {accuracy:.4f}", highlight=False)
    mean = sum(accuracies.values()) / len(accuracies)
    console.print(
        f"{student}, teacher {teacher}: mean accuracy {mean:.4f} over {len(accuracies)} folds", highlight=False
    )


def chosen_folds(text: str, splits: dict[str, int]) -> list[int]:
    """The held-out folds that "all", "1" or "1,3" names."""
    known = sorted(int(name.removeprefix("fold")) for name in splits)
    chosen = known if text == "all" else [int(part) for part in text.split(",") if part.strip().isdigit()]
    if not chosen or not set(chosen) <= set(known):
        raise AudiotagError(f"--folds is 'all' or some of {known}, received {text!r}")
    return chosen


def teacher_recipe(teacher: str, data: Any, common: dict[str, Any], epochs: int) -> Any:
    """How the teacher is trained: a PaSST from nothing, or a published network with a new head."""
    from audiotag import training

    if teacher == "passt":
        options = PASST_OPTIONS
        return training.Recipe(**common, **PASST, model_options=options, epochs=epochs)
    return training.Recipe(**common, model=teacher, weights="audioset", epochs=epochs, learning_rate=3e-4)


if __name__ == "__main__":
    run_recipe(esc10_distill)
