"""`teach` and `import_logits` with `top`: what is stored, read again, resumed, verified and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from audiotag import distill, records, storage
from audiotag.cli import run
from audiotag.cli.app import app
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.records import tfrecord
from audiotag.records.engines.work import Work, pack
from audiotag.records.example import encode_teacher
from audiotag.records.top_logits import TopLogits

pytestmark = pytest.mark.usefixtures("eager")


def probabilities(data: records.Data, teacher: str) -> dict[tuple[str, int], np.ndarray]:
    """The teacher's part of every target."""
    elements = data.read("all", teacher=teacher, separate=True, keys=True).as_numpy_iterator()
    return {(clip_id.decode(), int(variant)): parts["distillation"] for _, parts, clip_id, variant in elements}


def check_spread(whole: np.ndarray, spread: np.ndarray, top: int) -> None:
    """The largest are there, the others are their mean."""
    order = np.argsort(-whole)
    np.testing.assert_allclose(spread[order[:top]], whole[order[:top]], rtol=2e-3)
    np.testing.assert_allclose(spread[order[top:]], whole[order[top:]].mean(), rtol=2e-3)


@pytest.mark.parametrize("kind", ["data", pytest.param("exclusive", marks=pytest.mark.slow)])
def test_targets_have_the_largest_and_the_mean_of_the_others(
    request: pytest.FixtureRequest, teacher_file: Callable[..., Path], kind: str
) -> None:
    data, file = request.getfixturevalue(kind), teacher_file()
    distill.teach(data, file, name="whole")
    card = storage.read_json(distill.teach(data, file, name="one", top=1) / "teacher.json")
    assert (card["top"], card["coverage"], card["classes_known"]) == (1, 1.0, 3)
    assert "top" not in records.teachers.read(data.teacher_folder("whole"))
    whole, shortened = probabilities(data, "whole"), probabilities(data, "one")
    assert len(shortened) == 26
    for key, row in shortened.items():
        check_spread(whole[key], row, 1)
    assert records.verify(data.path) == []


def test_a_class_that_the_teacher_does_not_know_keeps_its_label(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    file = teacher_file(labels=Labels(("cat", "Rain", "DOG", "sea")))
    rename = data.path / "map.csv"
    rename.write_text("teacher,data\n,rain\n", encoding="utf-8")
    distill.teach(data, file, name="whole", label_map=rename)
    distill.teach(data, file, name="one", label_map=rename, top=1)
    rename.unlink()
    whole = probabilities(data, "whole")
    for key, row in probabilities(data, "one").items():
        assert row[1] == whole[key][1] == float(int(key[0][-1]) % 3 == 1)
        check_spread(whole[key][[0, 2]], row[[0, 2]], 1)
    assert records.verify(data.path) == []


def test_imported_logits_are_shortened_alike_and_clips_without_keep_their_labels(
    data: records.Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logits, clips = np.random.default_rng(0).normal(size=(3, 3)), ["train0", "train4", "test1"]
    np.savez(tmp_path / "big.npz", logits=logits, clip_id=clips)
    command = ["--quiet", "teach", str(data.path), "--teacher", str(tmp_path / "big.npz"), "--top", "2"]
    assert run(app, command) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        f"{data.teacher_folder('big')}: 23.08% of the records, the 2 largest logits of each, 3 of 3 classes known to "
        "the teacher"
    )
    distill.import_logits(data, tmp_path / "big.npz", name="whole")
    whole = probabilities(data, "whole")
    for key, row in probabilities(data, "big").items():
        if key[0] in clips:
            check_spread(whole[key], row, 2)
        else:
            np.testing.assert_array_equal(row, np.eye(3)[int(key[0][-1]) % 3])
    assert records.verify(data.path) == []


def test_another_top_under_the_same_name_is_refused_and_the_same_goes_on(
    data: records.Data, teacher_file: Callable[..., Path]
) -> None:
    file = teacher_file()
    folder = distill.teach(data, file, splits="test", top=2)
    before = {path.name: path.read_bytes() for path in folder.glob("test*")}
    with pytest.raises(AudiotagError, match="holds the 2 largest of the logits of each record, asked for are all of"):
        distill.teach(data, file)
    with pytest.raises(AudiotagError, match="asked for are the 1 largest of them: choose another name"):
        distill.teach(data, file, top=1)
    distill.teach(data, file, top=2)
    assert before.items() <= {path.name: path.read_bytes() for path in folder.iterdir()}.items()
    assert storage.read_json(folder / "teacher.json")["coverage"] == 1.0


@pytest.mark.parametrize("top", [0, -1, 3, 20])
def test_a_top_of_no_or_of_all_classes_is_refused(
    data: records.Data, teacher_file: Callable[..., Path], top: int
) -> None:
    with pytest.raises(AudiotagError, match=f"less than the 3 classes of noises that teacher knows, received {top}"):
        distill.teach(data, teacher_file(), top=top)
    assert data.teachers == []


class OnItsWay:
    """An engine whose work travels to a worker, which is this process."""

    def make_shards(self, work: Work, shards: list, advance: Callable[[int], None]) -> Iterator[object]:
        received = pack(work).unpack()
        for shard in shards:
            yield received.finish(shard, advance)


def test_an_engine_s_workers_write_the_same_bytes(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    file = teacher_file()
    here = distill.teach(data, file, name="here", top=1)
    there = distill.teach(data, file, name="there", top=1, engine=OnItsWay())
    for path in here.glob("*.tfrecord"):
        assert path.read_bytes() == (there / path.name).read_bytes()
    assert storage.read_json(there / "teacher.json")["top"] == 1


@pytest.mark.parametrize(
    ("largest", "message"),
    [
        (TopLogits(np.array([0]), np.array([1.0], np.float32), 0.5), "2 bytes and 1 classes, the 2 largest 2 each"),
        (TopLogits(np.array([0, 0]), np.array([1.0, 1.0], np.float32), 0.5), "for a class twice"),
        (TopLogits(np.array([0, 3]), np.array([1.0, 1.0], np.float32), 0.5), "that its card does not count as known"),
        (TopLogits(np.array([0, 1]), np.array([1.0, 0.0], np.float32), np.nan), "hold NaN or infinite values"),
    ],
)
def test_verification_looks_into_shortened_outputs(
    data: records.Data, teacher_file: Callable[..., Path], largest: TopLogits, message: str
) -> None:
    folder = distill.teach(data, teacher_file(), top=2)
    shard, card = data.shards("test")[0].name, storage.read_json(folder / "teacher.json")
    written = tfrecord.write(folder / shard, [encode_teacher(*key, largest) for key in data.keys(shard)])
    card["shards"][shard]["sha256"] = written.sha256
    storage.write_json(folder / "teacher.json", card)
    problems = records.verify(data.path)
    assert len(problems) == len(data.keys(shard))
    assert all(message in problem.message for problem in problems)
