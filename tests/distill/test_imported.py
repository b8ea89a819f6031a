from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag import distill, records, storage
from audiotag.errors import AudiotagError

LOGITS = np.random.default_rng(0).normal(scale=4, size=(5, 3)).astype(np.float32)
CLIPS = ["train0", "train3", "test1", "nowhere", "train8"]


def targets(data: records.Data, teacher: str) -> dict[tuple[str, int], np.ndarray]:
    """The teacher's share of every record's target; the labels where it has none."""
    elements = data.read("all", teacher=teacher, label_weight=0.0, keys=True).as_numpy_iterator()
    return {(clip_id.decode(), int(variant)): target for _, target, clip_id, variant in elements}


def labels_of(clip_id: str) -> np.ndarray:
    return np.eye(3)[int(clip_id[-1]) % 3]


def test_one_row_serves_every_variant_of_its_clip_and_other_clips_keep_their_labels(
    data: records.Data, tmp_path: Path
) -> None:
    np.savez(tmp_path / "big.npz", logits=LOGITS, clip_id=CLIPS)
    folder = distill.import_logits(data, tmp_path / "big.npz")
    manifest = storage.read_json(folder / "teacher.json")
    assert manifest["coverage"] == pytest.approx(8 / 26)
    assert manifest["coverage_by_split"] == pytest.approx({"train": 6 / 18, "test": 2 / 8})
    assert manifest["unknown_rows"] == 1
    for (clip_id, _), target in targets(data, "big").items():
        known = clip_id in CLIPS
        wanted = 1 / (1 + np.exp(-LOGITS[CLIPS.index(clip_id)])) if known else labels_of(clip_id)
        np.testing.assert_allclose(target, wanted, atol=1e-6)
    assert records.verify(data.path) == []


def test_a_row_with_a_variant_serves_that_variant_alone(data: records.Data, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", logits=LOGITS[:2], clip_id=["train0", "train0"], variant=[1, 0])
    distill.import_logits(data, tmp_path / "a.npz", name="both")
    np.savez(tmp_path / "b.npz", logits=LOGITS[:1], clip_id=["train0"], variant=[1])
    distill.import_logits(data, tmp_path / "b.npz", name="one")
    both, one = targets(data, "both"), targets(data, "one")
    np.testing.assert_allclose(both["train0", 0], 1 / (1 + np.exp(-LOGITS[1])), atol=1e-6)
    np.testing.assert_allclose(one["train0", 1], 1 / (1 + np.exp(-LOGITS[0])), atol=1e-6)
    np.testing.assert_array_equal(one["train0", 0], labels_of("train0"))


def test_logits_over_other_classes_are_matched_with_the_data_set_s(data: records.Data, tmp_path: Path) -> None:
    np.savez(tmp_path / "big.npz", logits=LOGITS[:, :2], clip_id=CLIPS)
    folder = distill.import_logits(data, tmp_path / "big.npz", labels=["Sea", "DOG"])
    manifest = storage.read_json(folder / "teacher.json")
    assert (manifest["classes_known"], manifest["classes_without"]) == (2, ["rain"])
    for (clip_id, _), target in targets(data, "big").items():
        wanted = labels_of(clip_id)
        if clip_id in CLIPS:
            wanted[[2, 0]] = 1 / (1 + np.exp(-LOGITS[CLIPS.index(clip_id), :2]))
        np.testing.assert_allclose(target, wanted, atol=1e-6)
    assert records.verify(data.path) == []


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_an_array_and_a_table_of_clips_give_the_same_as_one_file(
    data: records.Data, tmp_path: Path, dtype: type
) -> None:
    logits = LOGITS.astype(dtype)
    np.save(tmp_path / "table.npy", logits)
    (tmp_path / "ids.csv").write_text("clip_id\n" + "\n".join(CLIPS), encoding="utf-8")
    np.savez(tmp_path / "one.npz", logits=logits, clip_id=CLIPS)
    table = distill.import_logits(data, tmp_path / "table.npy", tmp_path / "ids.csv")
    one = distill.import_logits(data, tmp_path / "one.npz", name="one")
    for shard in data.shards("train"):
        assert (table / shard.name).read_bytes() == (one / shard.name).read_bytes()


def test_the_same_file_twice_changes_nothing_and_another_is_refused(data: records.Data, tmp_path: Path) -> None:
    np.savez(tmp_path / "big.npz", logits=LOGITS, clip_id=CLIPS)
    folder = distill.import_logits(data, tmp_path / "big.npz")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    distill.import_logits(data, tmp_path / "big.npz")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    np.savez(tmp_path / "big.npz", logits=LOGITS + 1, clip_id=CLIPS)
    with pytest.raises(AudiotagError, match=r"choose another name"):
        distill.import_logits(data, tmp_path / "big.npz")


def bad_logits(value: float) -> np.ndarray:
    logits = LOGITS.copy()
    logits[2, 1] = value
    return logits


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"logits": LOGITS[:, :2], "clip_id": CLIPS}, "has 2 outputs, noises has 3"),
        ({"logits": bad_logits(np.nan), "clip_id": CLIPS}, r"nan in row 2 \(clip 'test1'\)"),
        ({"logits": bad_logits(-np.inf), "clip_id": CLIPS}, "-inf in row 2"),
        ({"logits": LOGITS.astype(float) * 1e39, "clip_id": CLIPS}, "finite in float32, .* row 0"),
        ({"logits": LOGITS, "clip_id": CLIPS[:4]}, "5 rows for 4 clips"),
        ({"logits": LOGITS[:0], "clip_id": CLIPS[:0]}, "0 rows"),
        ({"logits": LOGITS, "clip_id": CLIPS, "variant": [0]}, "5 rows"),
        ({"logits": LOGITS.ravel(), "clip_id": CLIPS}, r"shape \(rows, classes\)"),
        ({"logits": LOGITS.astype(int), "clip_id": CLIPS}, "logits are floats"),
        ({"logits": LOGITS, "clip_id": ["x"] + ["train0"] * 2 + ["y", "z"]}, "'train0' has logits in rows 1 and 2"),
        ({"logits": LOGITS, "clip_id": [f"other{i}" for i in range(5)]}, "none of the 5 clips .* is in noises"),
        ({"logits": LOGITS, "names": CLIPS}, "it holds logits, names"),
        ({"logits": LOGITS, "clip_id": np.array(CLIPS, object)}, "without pickle"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_and_nothing_is_written(
    data: records.Data, tmp_path: Path, arrays: dict[str, Any], said: str
) -> None:
    np.savez(tmp_path / "big.npz", **arrays)
    with pytest.raises(AudiotagError, match=said):
        distill.import_logits(data, tmp_path / "big.npz")
    assert data.teachers == []


def saved(path: Path, table: str | None = "clip_id\n" + "\n".join(CLIPS)) -> tuple[Path, Path | None]:
    np.save(path / "big.npy", LOGITS)
    if table is None:
        return path / "big.npy", None
    (path / "ids.csv").write_text(table, encoding="utf-8")
    return path / "big.npy", path / "ids.csv"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: saved(path, None), "give ids"),
        (lambda path: saved(path, "name\na"), "it has name"),
        (lambda path: saved(path, ""), "columns clip_id"),
        (lambda path: saved(path, "clip_id,variant\ntrain0,first\n"), "whole number"),
        (lambda path: (saved(path)[0], path / "none.csv"), r"no such file: .*none\.csv"),
        (lambda path: (path / "none.npy", saved(path)[1]), r"no such file: .*none\.npy"),
        (lambda path: (path / "logits.h5", None), "a .npz or .npy file"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    data: records.Data, tmp_path: Path, make: Callable[[Path], tuple[Path, Path | None]], said: str
) -> None:
    with pytest.raises(AudiotagError, match=said):
        distill.import_logits(data, *make(tmp_path))
    assert data.teachers == []


def test_a_file_that_is_no_array_is_refused(data: records.Data, tmp_path: Path) -> None:
    for name in ("text.npz", "text.npy"):
        (tmp_path / name).write_text("not numbers", encoding="utf-8")
        with pytest.raises(AudiotagError, match="without pickle"):
            distill.import_logits(data, tmp_path / name, saved(tmp_path)[1] if name.endswith("npy") else None)
