"""Vocabularies brought together, against what a person would read off them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from audiotag import distill, records, storage
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.scorers.vocabulary import Matching, match

pytestmark = pytest.mark.usefixtures("eager")

BIG = Labels(
    ("Speech", "Rain", "Dog", "Sea, waves", "Bark"), ("/m/09x0r", "/m/06mb1", "/m/0bt9lr", "/m/sea", "/m/bark")
)


def a_data_set(*names: str, ids: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(name="small", labels=Labels(names, ids))


def matched(name: str, theirs: Labels, data: SimpleNamespace, table: Path | None = None) -> Matching:
    return match(name, theirs, data.labels, data.name, table)


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("teacher,data", *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("data", "sources"),
    [
        (a_data_set("hound", "drops", ids=("/m/0bt9lr", "/m/06mb1")), ((2,), (1,))),
        (a_data_set(" dog", "RAIN", "cat"), ((2,), (1,), ())),
        (a_data_set("Rain", ids=("/m/0bt9lr",)), ((2,),)),  # the id decides
        (a_data_set(*BIG.names, ids=("a", "b", "c", "d", "e")), ((0,), (1,), (2,), (3,), (4,))),
    ],
)
def test_classes_are_matched_by_id_and_then_by_name(data: SimpleNamespace, sources: tuple) -> None:
    assert matched("big", BIG, data).sources == sources


def test_ids_that_only_count_do_not_match() -> None:
    counted = Labels(("Rain", "Dog"), ("0", "1"))
    assert matched("big", counted, a_data_set("dog", "rain", ids=("0", "1"))).sources == ((1,), (0,))


def test_a_table_decides_for_the_classes_that_it_names_and_no_other(tmp_path: Path) -> None:
    rows = ("Bark,dog", "/m/0bt9lr,dog", '"sea, WAVES",ocean', ",rain")
    found = matched("big", BIG, a_data_set("dog", "ocean", "rain", "speech"), table(tmp_path / "map.csv", *rows))
    assert found.sources == ((2, 4), (3,), (), (0,))


def test_the_largest_logit_of_several_classes_counts_and_unknown_classes_are_nan() -> None:
    logits = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    mapped = Matching(((2, 4), (), (0,)), 5)
    wanted = np.stack([np.maximum(logits[:, 2], logits[:, 4]), np.full(7, np.nan), logits[:, 0]], axis=1)
    np.testing.assert_array_equal(mapped.apply(logits), wanted)
    assert mapped.known.tolist() == [True, False, True]
    same = Matching(((0,), (1,), (2,), (3,), (4,)), 5)
    assert same.is_identity and same.apply(logits) is logits
    assert not Matching(((0,), (1,)), 5).is_identity


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("big,small\na,b\n", "columns teacher and data, it has big, small"),
        ("", "it has none"),
        ("teacher,data\nBarks,dog\n", r"line 2: big has no class 'Barks': did you mean 'Bark'"),
        ("teacher,data\nBark,dog\nBark,dgo\n", r"line 3: small has no class 'dgo': did you mean 'dog'"),
        ("teacher,data\nBark,\n", "line 2: the column data"),
        ("teacher,data\n\udc81,x\n", "UTF-8"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "map.csv").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(AudiotagError, match=said):
        matched("big", BIG, a_data_set("dog", "rain"), tmp_path / "map.csv")
    with pytest.raises(AudiotagError, match="no such file"):
        matched("big", BIG, a_data_set("dog"), tmp_path / "gone.csv")


def test_a_teacher_that_knows_nothing_or_too_little_is_refused() -> None:
    with pytest.raises(
        AudiotagError,
        match=r"big must know a class of small, it has 5 \(Speech, Rain, Dog …\) and none of the 2 .*--map",
    ):
        matched("big", BIG, a_data_set("cat", "cow"))


def test_where_classes_compete_the_teacher_must_know_them_all(
    exclusive: records.Data, teacher_file: Callable[..., Path]
) -> None:
    with pytest.raises(AudiotagError, match=r"multiclass .* big lacks 1 of the 3 of noises \(sea\): .*--map"):
        distill.teach(exclusive, teacher_file("big", labels=Labels(("cat", "Rain", "DOG"))))


def test_classes_without_a_teacher_keep_their_labels_in_training(
    data: records.Data, teacher_file: Callable[..., Path], stored: Callable
) -> None:
    file = teacher_file(labels=Labels(("cat", "Rain", "DOG")))
    folder = distill.teach(data, file)
    card = storage.read_json(folder / "teacher.json")
    assert (card["classes"], card["classes_known"], card["classes_without"]) == (3, 2, ["sea"])
    assert card["coverage"] == 1.0
    whole = stored(distill.teach(data, file, name="own", labels=None, label_map=None), data)
    for _, target, clip_id, variant in data.read(
        "all", teacher="teacher", label_weight=0.25, temperature=2.0, keys=True
    ).as_numpy_iterator():
        name = clip_id.decode()
        label = np.eye(3)[int(name[5:] if name.startswith("train") else name[4:]) % 3]
        logits = whole[name, int(variant)]
        p = np.array([1 / (1 + np.exp(-logits[0] / 2)), 1 / (1 + np.exp(-logits[1] / 2)), label[2]])
        np.testing.assert_allclose(target, 0.25 * label + 0.75 * p, atol=1e-6)
    assert records.verify(data.path) == []


def test_the_same_teacher_matched_otherwise_is_another_one(
    data: records.Data, teacher_file: Callable[..., Path], tmp_path: Path
) -> None:
    file = teacher_file(labels=Labels(("cat", "rain", "dog")))
    distill.teach(data, file)
    with pytest.raises(AudiotagError, match="choose another name"):
        distill.teach(data, file, label_map=table(tmp_path / "map.csv", "cat,sea"))


def test_teachers_of_different_classes_are_averaged_where_both_know_one(
    data: records.Data, teacher_file: Callable[..., Path], stored: Callable
) -> None:
    files = [teacher_file("one", 1, Labels(("dog", "rain"))), teacher_file("two", 2, Labels(("cat", "dog")))]
    one, two = (stored(distill.teach(data, file), data) for file in files)
    for key, row in stored(distill.teach(data, files), data).items():
        np.testing.assert_allclose(row[0], (one[key][0] + two[key][0]) / 2, atol=1e-6)
        np.testing.assert_array_equal(row[1:], one[key][1:])
        assert np.isnan(row[2])
