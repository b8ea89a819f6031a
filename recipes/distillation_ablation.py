"""What of distillation helps: students that differ in one thing, on ESC-10 by folds or on synthetic sounds by seeds.

    audiotag recipe distillation_ablation --source ESC-50-master --folds all
    audiotag recipe distillation_ablation --data synthetic --seeds 0,1,2
    audiotag recipe distillation_ablation --source ESC-50-master --student mn04 --sounds SOUNDS

Every arm is a run of the same student on the same views, with the same schedule and seed; each is measured once, after
its last epoch, on clips that chose nothing. A run that is there is not trained again. Papers: arXiv 2211.04772 (stored
logits), 2106.05237 (teachers that see the student's views), 1412.6550 (features).

The tables that stand in docs/distillation.md were made by these commands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.cli import run_recipe
from audiotag.errors import AudiotagError, suggest

LIVE = {"live_teacher": "{teacher}"}
FURTHER = {"weights": "{stage1}", "new_head": True, "learning_rate": 1e-3, "epochs": 10}  # half the others' epochs
ARMS: dict[str, dict[str, Any]] = {
    "labels": {},
    "stored, untouched": {"teacher": "untouched"},
    "stored": {"teacher": "views"},
    "stored, top 3": {"teacher": "top"},
    "live": LIVE,
    "live, temperature 2": LIVE | {"temperature": 2.0},
    "live, half labels": LIVE | {"label_weight": 0.5},
    "live, features": LIVE | {"features": "block7,block11,block15"},
    "self": {"live_teacher": "{labels}"},
    "two stages, labels": FURTHER,
    "two stages, live": FURTHER | LIVE,
    "two stages, live, features": FURTHER | LIVE | {"features": "block7,block11,block15,features"},
}
"""What differs from the first arm; {teacher}, {labels} and {stage1} are runs."""


def distillation_ablation(
    data: str = "esc10",
    source: Path | None = None,
    sounds: Path | None = None,
    out: Path = Path("ablation"),
    arms: str = "all",
    folds: str = "all",
    seeds: str = "0",
    student: str = "mn02",
    variants: int = 1,
    epochs: int = 20,
    teacher_epochs: int | None = None,
    stage1_epochs: int = 5,
    clips: int = 1680,
) -> None:
    """Train students with and without a teacher, and compare them clip by clip.

    Args:
        data: 'esc10', or 'synthetic' for a multilabel set that needs no download.
        source: folder of ESC-50's meta/ and audio/. Default: download it.
        sounds: folder of recordings without labels, for the arms of two stages; none of them may be of the data set.
        out: folder for the data set and the runs.
        arms: names separated by ';', or 'all' (the last three need sounds).
        folds: of ESC-10, held out: 'all', '1' or '1,3'.
        seeds: of the trainings, separated by commas.
        student: architecture of the students.
        variants: augmented views of every clip, by the policy 'strong'.
        epochs: of the students.
        teacher_epochs: of the teacher. Default: 3 on ESC-10 (the head of the published mn04), 20 on synthetic sounds.
        stage1_epochs: of the first stage, from end to end.
        clips: synthetic ones.
    """
    from audiotag import augment, records
    from audiotag.startup import import_tensorflow_quietly

    chosen = chosen_arms(arms, with_sounds=sounds is not None)
    options = {"source": source, "subset": "esc10"} if data == "esc10" else {"clips": clips, "seconds": 1.5}
    declaration = records.declare("esc50" if data == "esc10" else "synthetic", **options)
    records.build(declaration, out / "data", policy=augment.policy("strong"), variants=variants)
    import_tensorflow_quietly()
    opened = records.open(out / "data")
    common: dict[str, Any] = {"data": opened.path, "model": student, "epochs": epochs, "batch_size": 16}
    common |= {"learning_rate": 2e-3, "ema": 0.99, "monitor": "last"}
    stage1 = first_stage(sounds, out, student, stage1_epochs) if sounds is not None else None
    held_out = [{"fold": fold} for fold in _numbers(folds, opened.splits)] if data == "esc10" else [{}]
    predictions: dict[str, list[Any]] = {name: [] for name in chosen}
    for place in [place | {"seed": seed} for seed in _numbers(seeds) for place in held_out]:
        runs = {"{teacher}": teach(opened, out, place, teacher_epochs, chosen), "{stage1}": stage1}
        for name in chosen:
            changes = {field: runs.get(value, value) for field, value in ARMS[name].items()}
            recipe = common | place | changes
            if recipe.get("teacher"):
                recipe["teacher"] += _suffix(place)
            runs["{labels}"] = runs.get("{labels}") or (out / f"labels{_suffix(place)}")
            predictions[name].append(run(recipe, out / f"{_plain(name)}{_suffix(place)}", opened))
    show(predictions, "accuracy" if data == "esc10" else "mAP")


def chosen_arms(text: str, *, with_sounds: bool) -> list[str]:
    """The arms that "all" or names separated by `;` stand for, the first arm before all others."""
    names = list(ARMS) if text == "all" else [name.strip() for name in text.split(";")]
    for name in names:
        if name not in ARMS:
            raise AudiotagError(f"no arm is named {name!r}: {suggest(name, ARMS)}")
        if not with_sounds and "{stage1}" in ARMS[name].values():
            if text != "all":
                raise AudiotagError(f"the arm {name!r} learns from recordings without labels: name them with --sounds")
            names = [other for other in names if other != name]
    return list(dict.fromkeys(["labels", *names]))


def run(recipe: dict[str, Any], out: Path, data: Any) -> Any:
    """Train, and predict the clips that were held out."""
    from audiotag import scorers, training

    print(f"\n{out.name}")
    trained = training.train(training.Recipe(**recipe), out)
    split = f"fold{recipe['fold']}" if "fold" in recipe else "test"
    return scorers.predict(scorers.open(trained.path), data, split).predictions


def teach(data: Any, out: Path, place: dict[str, int], epochs: int | None, arms: list[str]) -> Path:
    """A teacher of the same training clips, and its stored answers where an arm asks for them."""
    from audiotag import distill, scorers, training
    from audiotag.tagging.calibration import logits_of

    choices: dict[str, Any] = {"data": data.path, "monitor": "last", "batch_size": 16, **place}
    if "fold" in place:
        choices |= {"model": "mn04", "weights": "audioset", "freeze": "last", "learning_rate": 3e-3, "mixup": 0.0}
    else:
        choices |= {"model": "mn10", "learning_rate": 1e-3}
    recipe = training.Recipe(**choices, epochs=epochs or (3 if "fold" in place else 20))
    teacher = training.train(recipe, out / f"teacher{_suffix(place)}").path
    asked = {ARMS[name].get("teacher") for name in arms} - {None}
    if "views" in asked:
        distill.teach(data, teacher, name=f"views{_suffix(place)}")
    if "top" in asked:
        distill.teach(data, teacher, name=f"top{_suffix(place)}", top=3)
    if "untouched" in asked:
        logits = out / f"untouched{_suffix(place)}.npz"
        heard = scorers.predict(scorers.open(teacher), data, "all").predictions  # a clip, one row for all its views
        np.savez(logits, logits=logits_of(heard.scores, heard.task), clip_id=heard.clip_ids)
        distill.import_logits(data, logits)
    return teacher


def first_stage(sounds: Path, out: Path, student: str, epochs: int) -> Path:
    """A student of the published mn04 in all of AudioSet's classes, from recordings that nobody has labelled.

    One of the teacher's own shapes first learns blockwise, which brings random weights near the teacher's function
    within minutes; then, as any other, from end to end.
    """
    from audiotag import records, training

    records.build(records.declare("unlabelled", source=sounds, seconds=2.0, most=3), out / "sounds")
    common: dict[str, Any] = {"data": out / "sounds", "model": student, "batch_size": 32, "validation": "none"}
    common |= {"live_teacher": "mn04_as", "label_weight": 0.0, "features": "all", "clip": 5.0}
    common |= {"augment": {"roll": 100, "gain": 6.0}}
    weights = None
    if student == "mn04":
        recipe = training.Recipe(**common, blockwise=True, epochs=4, learning_rate=1e-2, ema=0.95)
        weights = training.train(recipe, out / "stage1-blockwise").path
    recipe = training.Recipe(**common, weights=weights, epochs=epochs, learning_rate=4e-3, ema=0.99)
    return training.train(recipe, out / "stage1").path


def show(predictions: dict[str, list[Any]], metric: str) -> None:
    """A row an arm: its mean over places, the standard error, and the paired difference to the first arm's clips."""
    from rich.console import Console
    from rich.table import Table

    from audiotag import metrics
    from audiotag.metrics import per_class

    table = Table("arm", metric, "standard error", "less the labels'", "95 %", "each")
    for name, results in predictions.items():
        each = [per_class.summary(result, per_class.per_class(result))[metric] for result in results]
        error = np.std(each, ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan
        row = [name, f"{np.mean(each):.4f}", f"{error:.4f}"]
        if name != "labels":
            paired = metrics.compare(together(predictions["labels"]), together(results)).means.loc[metric]
            row += [f"{paired['difference']:+.4f}", f"{paired['low']:+.4f} to {paired['high']:+.4f}"]
        table.add_row(*row, *[""] * (5 - len(row)), " ".join(f"{value:.4f}" for value in each))
    Console(width=140).print(table)


def together(results: list[Any]) -> Any:
    """Predictions of several places as one; a clip that is there for several seeds is one recording."""
    clips = [result.clip_ids for result in results]
    fields = {name: np.concatenate([getattr(result, name) for result in results]) for name in ("targets", "scores")}
    numbered = [f"{number} {clip}" for number, part in enumerate(clips) for clip in part]
    return replace(results[0], clip_ids=np.array(numbered), recordings=np.concatenate(clips), **fields)


def _numbers(text: str, splits: Iterable[str] = ()) -> list[int]:
    """Numbers separated by commas, or those of all folds."""
    if text == "all":
        return sorted(int(split.removeprefix("fold")) for split in splits)
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise AudiotagError(f"numbers are separated by commas, received {text!r}: write 1,3") from error


def _suffix(place: dict[str, int]) -> str:
    return "".join(f"-{name}{value}" for name, value in sorted(place.items()) if name == "fold" or value)


def _plain(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "-")


if __name__ == "__main__":
    run_recipe(distillation_ablation)
