import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag import distill, models, records, storage
from audiotag.errors import AudiotagError
from audiotag.scorers.scorer import Scorer

pytestmark = pytest.mark.usefixtures("eager")


def expected(file: Path, data: records.Data) -> dict[tuple[str, int], np.ndarray]:
    network = models.load(file)[0]
    return {
        (clip_id.decode(), int(variant)): np.asarray(network(log_mel[None]))[0]
        for log_mel, _, clip_id, variant in data.read("all", keys=True).as_numpy_iterator()
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_view_of_every_clip_gets_the_teachers_logits_in_the_order_of_the_records(
    data: records.Data, teacher_file: Callable[..., Path], stored: Callable
) -> None:
    file = teacher_file()
    folder = distill.teach(data, file, batch_size=4)
    assert folder == data.path / "teachers" / "teacher"
    logits, wanted = stored(folder, data), expected(file, data)
    assert list(logits) == [key for split in data.splits for shard in data.shards(split) for key in data.keys(shard)]
    assert len(logits) == 26 and len({row.tobytes() for row in logits.values()}) == 26
    for key, row in wanted.items():
        np.testing.assert_allclose(logits[key], row, atol=1e-5)


def test_the_manifest_says_whose_outputs_these_are_and_verification_finds_no_fault(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    file = teacher_file()
    manifest = storage.read_json(distill.teach(data, file) / "teacher.json")
    assert (manifest["name"], manifest["classes"], manifest["coverage"]) == ("teacher", 3, 1.0)
    weights = b"".join(
        f"{weight.dtype} {weight.shape} ".encode() + weight.tobytes() for weight in models.load(file)[0].get_weights()
    )
    assert (manifest["fingerprint"], manifest["sha256"]) == (data.fingerprint, hashlib.sha256(weights).hexdigest())
    for name, entry in manifest["shards"].items():
        assert entry["sha256"] == storage.sha256(data.teacher_folder("teacher") / name)
    assert records.verify(data.path) == []


def test_training_targets_are_the_sigmoid_of_the_stored_logits(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    wanted = expected(file := teacher_file(), data)
    distill.teach(data, file)
    elements = data.read("train", teacher="teacher", label_weight=0.25, keys=True).as_numpy_iterator()
    for _, target, clip_id, variant in elements:
        label = np.eye(3)[int(clip_id.decode().removeprefix("train")) % 3]
        p = 1 / (1 + np.exp(-wanted[clip_id.decode(), int(variant)]))
        np.testing.assert_allclose(target, 0.25 * label + 0.75 * p, atol=1e-5)


def test_the_logits_of_several_teachers_are_averaged(
    data: records.Data, teacher_file: Callable[..., Path], stored: Callable
) -> None:
    files = [teacher_file("one", 1), teacher_file("two", 2)]
    folder = distill.teach(data, files)
    assert folder.name == "one+two"
    one, two = (expected(file, data) for file in files)
    for key, row in stored(folder, data).items():
        np.testing.assert_allclose(row, (one[key] + two[key]) / 2, atol=1e-5)


def test_splits_can_be_taught_one_after_the_other_and_coverage_says_how_far(
    data: records.Data, teacher_file: Callable[..., Path], stored: Callable
) -> None:
    file = teacher_file()
    manifest = storage.read_json(distill.teach(data, file, splits="test") / "teacher.json")
    assert manifest["coverage"] == pytest.approx(4 / 13)
    assert manifest["coverage_by_split"] == {"test": 1.0, "train": 0.0}
    folder = distill.teach(data, file, splits="train")
    assert storage.read_json(folder / "teacher.json")["coverage"] == 1.0
    assert len(stored(folder, data)) == 26


def test_finished_shards_are_kept_and_damaged_ones_made_again(
    data: records.Data, teacher_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = distill.teach(data, file := teacher_file())
    whole = contents(folder)
    (folder / data.shards("test")[0].name).write_bytes(b"damaged")
    seen: list[int] = []
    original = Scorer.raw

    def watched(self: Scorer, batch: Any) -> np.ndarray:
        seen.extend([1] * (self.kind == "ensemble"))
        return original(self, batch)

    monkeypatch.setattr(Scorer, "raw", watched)
    distill.teach(data, file)
    assert (len(seen), contents(folder)) == (1, whole)
    distill.teach(data, file, resume=False)
    assert (len(seen), contents(folder)) == (3, whole)


KILLED = """
import os, signal, sys
from audiotag import distill, records
from audiotag.scorers.scorer import Scorer

seen = []
def raw(self, batch, original=Scorer.raw):
    seen.extend([1] * (self.kind == "ensemble"))
    if len(seen) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, batch)

Scorer.raw = raw
distill.teach(records.open(sys.argv[1]), sys.argv[2], batch_size=4)
"""


def test_teaching_that_was_killed_ends_with_the_same_bytes(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    file = teacher_file()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(data.path), str(file)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -9, killed.stderr
    folder = data.teacher_folder("teacher")
    assert 0 < storage.read_json(folder / "teacher.json")["coverage"] < 1
    resumed = contents(distill.teach(data, file, batch_size=4))
    straight = contents(distill.teach(data, file, batch_size=4, name="straight"))
    shards = [shard.name for split in data.splits for shard in data.shards(split)]
    assert {name: resumed[name] for name in shards} == {name: straight[name] for name in shards}
    assert storage.read_json(folder / "teacher.json")["coverage"] == 1.0


def test_a_run_folder_is_a_teacher_by_its_student(
    data: records.Data, teacher_file: Callable[..., Path], tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "big"
    run.mkdir(parents=True)
    with pytest.raises(AudiotagError, match=r"holds tagger\.keras or student\.keras"):
        distill.teach(data, run)
    teacher_file().rename(run / "student.keras")
    assert distill.teach(data, run).name == "big"


def test_another_teacher_of_the_same_name_is_refused(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    distill.teach(data, teacher_file("first", 1), name="big")
    with pytest.raises(AudiotagError, match=r"holds the outputs of model first \(.*\), not of model second \("):
        distill.teach(data, teacher_file("second", 2), name="big")


def test_the_same_teacher_saved_again_is_the_same_teacher(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    file = teacher_file()
    before = storage.read_json(distill.teach(data, file) / "teacher.json")
    models.save(models.load(file)[0], file, models.card(file))
    assert storage.read_json(distill.teach(data, file) / "teacher.json") == before


def test_a_folder_of_another_build_is_refused(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    folder = distill.teach(data, file := teacher_file())
    manifest = storage.read_json(folder / "teacher.json")
    storage.write_json(folder / "teacher.json", manifest | {"fingerprint": "0" * 64})
    with pytest.raises(AudiotagError, match="another build of noises"):
        distill.teach(data, file)


def test_a_published_model_that_does_not_suit_is_refused_before_it_is_fetched(
    data: records.Data, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(storage.CACHE_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(AudiotagError, match=r"mn04_as takes log-mel of another front end .*--keep-waveforms"):
        distill.teach(data, "mn04_as")
    with pytest.raises(AudiotagError, match="did you mean 'mn04_as'"):
        distill.teach(data, "mn04_ass")
    with pytest.raises(AudiotagError, match="mn04_as states it itself: leave it out"):
        distill.teach(data, "mn04_as", labels=["dog"])


def test_a_teacher_of_another_front_end_is_refused_naming_both(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    other = dataclasses.replace(data.front_end, name="coarse", hop=400)
    with pytest.raises(AudiotagError, match=r"'coarse'.*'small'.*hop"):
        distill.teach(data, teacher_file(front_end=other))


def test_logits_that_are_not_finite_stop_the_teaching_and_name_the_clip(
    data: records.Data, teacher_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "raw", lambda self, batch: np.full((32, 3), np.nan))
    with pytest.raises(AudiotagError, match=r"nan for clip '(train|test)\d', variant \d"):
        distill.teach(data, teacher_file())
    assert "teacher" not in records.open(data.path).teachers


@pytest.mark.parametrize(
    ("choices", "message"),
    [({"name": "../out"}, r"received '\.\./out'"), ({"batch_size": 0}, "batch_size"), ({"splits": "tset"}, "'test'")],
)
def test_a_choice_that_cannot_be_is_refused(
    data: records.Data, teacher_file: Callable[..., Path], choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(AudiotagError, match=message):
        distill.teach(data, teacher_file(), **choices)


def test_no_teacher_at_all_is_refused(data: records.Data) -> None:
    with pytest.raises(AudiotagError, match="empty list"):
        distill.teach(data, [])


def test_a_damaged_record_shard_is_named(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    shard = data.shards("train")[0]
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(AudiotagError, match=f"{shard.name} is missing or damaged"):
        distill.teach(data, teacher_file())
