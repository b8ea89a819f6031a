"""Recordings that nobody labelled, from a folder to a student: their targets are the teacher's alone."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio, cli, records, training
from audiotag.cli.app import app
from audiotag.records import teachers

pytestmark = pytest.mark.usefixtures("eager")

NAMES = ("high", "low")
LABELLED, UNLABELLED = 8, 6


def build(root: Path, task: str) -> Path:
    """A folder a class and one of unlabelled recordings; where the task is multilabel, a table of them."""
    generator, rows = np.random.default_rng(0), ["path,labels,split"]
    for number in range(LABELLED + UNLABELLED):
        folder = NAMES[number % 2] if number < LABELLED else "unlabelled"
        audio.write(root / "sounds" / folder / f"{number}.wav", generator.normal(scale=0.1, size=8000), 16_000)
        labels = {0: "high", 1: "low", 2: "high;low", 3: ""}[number % 4] if number < LABELLED else ""
        rows.append(f"{folder}/{number}.wav,{labels},{'unlabelled' if number >= LABELLED else 'train'}")
    source = [str(root / "sounds")]
    if task == "multilabel":
        (root / "clips.csv").write_text("\n".join(rows), encoding="utf-8")
        source = ["folder", "--source", *source, "--table", str(root / "clips.csv")]
    options = ["--seconds", "0.5", "--front-end", "yamnet", "--workers", "1", "--variants", "1", "--augment", "light"]
    assert cli.run(app, ["--quiet", "build", *source, "--out", str(root / "data"), *options]) == 0
    return root / "data"


def logits_of(data: records.Data, network: keras.Model) -> dict[tuple[str, int], np.ndarray]:
    return {
        (clip_id, int(variant)): row
        for batch in data.batches(batch_size=16, variants=None)
        for clip_id, variant, row in zip(
            batch["clip_id"], batch["variant"], np.asarray(network(batch["log_mel"])), strict=True
        )
    }


@pytest.fixture(scope="module", params=["multiclass", "multilabel"])
def half_labelled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[records.Data, dict[tuple[str, int], np.ndarray]]:
    """A data set with and without labels, taught by `random`, and the logits of that network."""
    data = records.open(build(tmp_path_factory.mktemp(request.param), request.param))
    keras.utils.set_random_seed(0)
    log_mel = keras.Input((None, 64, 1))
    network = keras.Sequential(
        [log_mel, keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    file = data.path.parent / "random.keras"
    network.save(file)
    assert cli.run(app, ["--quiet", "teach", str(data.path), "--teacher", str(file)]) == 0
    return records.open(data.path), logits_of(data, network)


def test_targets_of_unlabelled_clips_are_the_teacher_s_alone_beside_labelled_ones(
    half_labelled: tuple[records.Data, dict[tuple[str, int], np.ndarray]],
) -> None:
    data, logits = half_labelled
    splits = "+".join(split for split in data.splits if split != "validation")
    assert data.count("unlabelled") == 2 * UNLABELLED and teachers.coverage(data, "random", splits) == 1
    unlabelled = set(data.clips.query("split == 'unlabelled'")["clip_id"])
    options = {"teacher": "random", "batch_size": 7, "keys": True, "shuffle": True, "balance": True, "first_epoch": 0}
    steps = 3 * data.steps(splits, 7)
    apart = data.read(splits, separate=True, **options).take(steps)
    together = data.read(splits, label_weight=0.25, **options).take(steps)
    drawn = set()
    for (_, parts, clip_ids, variants), (_, targets, *_) in zip(apart, together, strict=True):
        for row, key in enumerate(zip([name.decode() for name in clip_ids.numpy()], variants.numpy(), strict=True)):
            label, distillation = parts["label"][row].numpy(), parts["distillation"][row].numpy()
            probabilities = data.task.probabilities(logits[key][None])[0]
            np.testing.assert_allclose(distillation, probabilities, atol=1e-5)
            assert np.isnan(label).all() == (key[0] in unlabelled)
            expected = probabilities if key[0] in unlabelled else 0.25 * label + 0.75 * probabilities
            np.testing.assert_allclose(targets[row], expected, atol=1e-5)
            drawn.add(key[0] in unlabelled)
    assert drawn == {True, False}


@pytest.mark.slow
def test_a_student_learns_from_unlabelled_clips_alone_and_beside_others(
    half_labelled: tuple[records.Data, dict[tuple[str, int], np.ndarray]], tmp_path: Path
) -> None:
    data, _ = half_labelled
    tiny = {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4}
    small = {"model": "passt", "model_options": tiny, "epochs": 1, "batch_size": 6, "validation": "none"}
    train = "train+unlabelled" if data.task.exclusive else "unlabelled"  # each once, since training takes long
    recipe = training.Recipe(data=data.path, train=train, teacher="random", balance=True, **small)
    run = training.train(recipe, tmp_path / "run")
    assert all(np.isfinite(number) for number in run.history[0].values())
    assert run.student.is_file()
