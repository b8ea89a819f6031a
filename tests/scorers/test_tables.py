"""Tables of scores and of the truth: matched by clip, refused by row and column, masks kept."""

from __future__ import annotations

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from scipy.special import softmax

from audiotag import AudiotagError, metrics, scorers
from audiotag.metrics.predictions import Predictions

CLIPS = [f"clip{number}" for number in range(3, 12)]
SCORES = np.random.default_rng(2).random((9, 3)).round(3)
HEADER = ("clip_id", "low", "middle", "high")


def rows_of(scores=SCORES, clips=CLIPS, header=HEADER):
    return [header, *([clip, *map(float, row)] for clip, row in zip(clips, scores, strict=True))]


def predicted(path, data, outputs=None, truth=None):
    split = None if data is None else "test"
    return scorers.predict(scorers.open(path, data, outputs=outputs), data, split, labels_table=truth)


def by_clip(found):
    return dict(zip(found.predictions.clip_ids.tolist(), found.predictions.scores.tolist(), strict=True))


def test_shuffled_rows_and_columns_give_the_same_predictions(data, write_csv) -> None:
    straight = predicted(write_csv(*rows_of()), data)
    assert by_clip(straight) == dict(zip(CLIPS, SCORES.tolist(), strict=True))
    order, columns = np.random.default_rng(0).permutation(9), [2, 0, 1]
    header = ("clip_id", *(HEADER[1 + column] for column in columns))
    shuffled = predicted(
        write_csv(*rows_of(SCORES[order][:, columns], [CLIPS[row] for row in order], header), name="b.csv"), data
    )
    assert by_clip(shuffled) == by_clip(straight)
    assert shuffled.predictions.labels == straight.predictions.labels == data.labels
    truth = dict(zip(data.clips["clip_id"], data.clips["labels"], strict=True))
    for found in (straight, shuffled):
        held = np.array(HEADER[1:])[found.predictions.targets.argmax(1)].tolist()
        assert held == [truth[clip] for clip in found.predictions.clip_ids] == found.clips["labels"].tolist()
    assert (straight.subject.name, straight.subject.kind, straight.notes) == ("scores", "table of scores", ())


def test_paths_are_matched_by_file_name_and_class_names_whatever_their_case(data, write_csv) -> None:
    paths = [f"C:\\sounds\\{clip}.WAV" if row % 2 else f"/some/where/{clip}.mp3" for row, clip in enumerate(CLIPS)]
    header = ("path", "Low", "MIDDLE", " high ")
    assert by_clip(predicted(write_csv(*rows_of(SCORES, paths, header)), data)) == dict(
        zip(CLIPS, SCORES.tolist(), strict=True)
    )
    twice = rows_of(np.vstack([SCORES, SCORES[:1]]), [*paths, "/else/where/clip3.flac"], header)
    with pytest.raises(AudiotagError, match=r"'clip3' has '/some/where/clip3\.mp3' and '/else/where/clip3\.flac'"):
        predicted(write_csv(*twice), data)


def test_rows_of_other_clips_are_counted_and_missing_ones_refused(data, write_csv) -> None:
    more = write_csv(*rows_of(), ["other1", 0, 0, 1], ["clip0", 0, 0, 1])
    assert predicted(more, data).notes == ("2 rows of scores are of clips not in tones test and ignored",)
    with pytest.raises(AudiotagError, match=r"has not all \(2 are missing\) of the 9 of tones test, 'clip10'"):
        predicted(write_csv(*rows_of()[:-2]), data)
    with pytest.raises(AudiotagError, match=r"has none of the 9 of tones test"):
        predicted(write_csv(*rows_of(clips=[f"x{clip}" for clip in CLIPS])), data)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("nan", r"line 4, column 'middle' has 'nan'.*a column that is no class"),
        ("inf", "has 'inf'"),
        ("", "has ''"),
        ("loud", "has 'loud'"),
        ("0,5", "has '0,5'"),
        ("1.0001", r"numbers in \[0, 1\].*has '1.0001'.*logits"),
        ("-0.1", "has '-0.1'"),
    ],
)
def test_a_cell_that_is_no_score_is_refused_by_row_and_column(data, write_csv, cell, message) -> None:
    rows = rows_of()
    rows[3][2] = cell
    with pytest.raises(AudiotagError, match=message) as caught:
        predicted(write_csv(*rows), data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no header"),
        ([HEADER], "a header and no row"),
        ([("clip_id", "low", "low"), ("clip3", 0, 1)], "'low' twice"),
        ([("name", "low"), ("clip3", 0)], r"a column clip_id \(or filename, path, clip\)"),
        ([("clip_id", "low", " "), ("clip3", 0, 1)], "one has none"),
        ([HEADER, ("clip3", 0, 1)], r"line 2: a row has 4 cells, this one 3"),
        ([HEADER, ("clip3", 0, 1, 0, 1)], "this one 5"),
        ([HEADER, ("", 0, 1, 0)], "every row names its clip"),
        ([HEADER, ("clip3", 0, 1, 0), ("clip3", 0, 1, 0)], "'clip3' has line 2 and line 3"),
        ([("clip_id", "sea", "wind"), ("clip3", 0, 1)], r"none of the 3 \(low, middle, high\)"),
    ],
)
def test_a_table_that_is_none_is_refused(data, write_csv, rows, message) -> None:
    with pytest.raises(AudiotagError, match=message):
        predicted(write_csv(*rows), data)


def test_binary_rubbish_a_missing_file_and_useless_options_are_refused(data, tmp_path) -> None:
    (tmp_path / "scores.csv").write_bytes(b"clip_id,low\n\x81\xfe,1\n")
    with pytest.raises(AudiotagError, match="UTF-8"):
        scorers.open(tmp_path / "scores.csv")
    with pytest.raises(AudiotagError, match="no such file"):
        scorers.open(tmp_path / "gone.csv")
    with pytest.raises(AudiotagError, match="labels is for models"):
        scorers.open(tmp_path / "scores.csv", labels=data.labels)
    with pytest.raises(AudiotagError, match="outputs are scores or logits"):
        scorers.open(tmp_path / "scores.csv", outputs="votes")


def test_logits_become_probabilities_by_the_task(data, write_csv) -> None:
    logits = 8 * SCORES - 4
    found = predicted(write_csv(*rows_of(logits)), data, outputs="logits")
    expected = dict(zip(CLIPS, softmax(logits, axis=1).tolist(), strict=True))
    assert all(np.allclose(row, expected[clip], rtol=1e-12) for clip, row in by_clip(found).items())
    assert found.notes == ("scores holds logits: scores by softmax",)


def test_saved_predictions_need_no_data_set_and_are_evaluated_on_it_where_there_is_one(data, tmp_path) -> None:
    targets = np.eye(3, dtype=np.uint8)[[0] * 9]
    known, recordings = np.ones((9, 3), bool), np.array(["a", "b", "c"] * 3)
    known[:, 2] = False
    saved = Predictions(np.array(CLIPS), targets, SCORES, data.labels, "multilabel", known, recordings)
    for name in ("predictions.npz", "predictions.parquet"):
        metrics.save(saved, tmp_path / name)
        alone = predicted(tmp_path / name, None)
        assert (alone.predictions.targets == targets).all() and (alone.predictions.known == known).all()
        assert alone.clips["recording"].tolist() == alone.predictions.recordings.tolist() == recordings.tolist()
        assert alone.clips["labels"].tolist() == ["low"] * 9
        found = predicted(tmp_path / name, data)
        assert found.predictions.task == "multiclass" and found.predictions.known is None
        assert by_clip(found) == dict(zip(CLIPS, SCORES.tolist(), strict=True))
        assert found.predictions.recordings.tolist() == [f"{clip[4:]}.wav" for clip in found.predictions.clip_ids]


def test_a_parquet_table_is_read_as_a_csv_table_is(data, tmp_path, write_csv) -> None:
    columns = {"filename": [f"{clip}.wav" for clip in CLIPS], **dict(zip(HEADER[1:], SCORES.T, strict=True))}
    parquet.write_table(pyarrow.table(columns), tmp_path / "scores.parquet")
    assert by_clip(predicted(tmp_path / "scores.parquet", data)) == by_clip(predicted(write_csv(*rows_of()), data))
    columns["low"] = [None, *SCORES[1:, 0]]
    parquet.write_table(pyarrow.table(columns), tmp_path / "hole.parquet")
    with pytest.raises(AudiotagError, match="row 1, column 'low' has None"):
        scorers.open(tmp_path / "hole.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(AudiotagError, match="not a Parquet table"):
        scorers.open(tmp_path / "torn.parquet")


def test_a_wide_table_of_labels_is_the_truth_and_its_empty_cells_count_nowhere(write_csv) -> None:
    scores = write_csv(*rows_of())
    labels = write_csv(HEADER, ["clip5", 1, "", 0], ["clip3", "1.0", 1, ""], name="truth.csv")
    found = predicted(scores, None, truth=labels)
    assert found.predictions.clip_ids.tolist() == ["clip5", "clip3"] and found.predictions.task == "multilabel"
    assert found.predictions.targets.tolist() == [[1, 0, 0], [1, 1, 0]]
    assert found.predictions.known.tolist() == [[True, False, True], [True, True, False]]
    assert found.predictions.scores.tolist() == [SCORES[2].tolist(), SCORES[0].tolist()]
    assert f"the task is taken for multilabel, by the labels of {labels}" in found.notes
    bad = write_csv(HEADER, ["clip5", 1, "maybe", 0], name="bad.csv")
    with pytest.raises(AudiotagError, match="line 2, column 'middle' has 'maybe'"):
        predicted(scores, None, truth=bad)
    with pytest.raises(AudiotagError, match="holds scores and no truth"):
        predicted(scores, None)


def test_a_long_table_of_labels_is_the_truth(write_csv) -> None:
    labels = write_csv(("clip_id", "labels"), ["clip4", "Low; high"], ["clip6", ""], ["clip7", "sea"], name="truth.csv")
    found = predicted(write_csv(*rows_of()), None, truth=labels)
    assert found.predictions.targets.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert "1 of 4 classes of" in found.notes[-1] and found.notes[-1].endswith("left out: sea")
    single = write_csv(("clip_id", "labels"), ["clip4", "low"], ["clip6", "high"], name="single.csv")
    assert predicted(write_csv(*rows_of()), None, truth=single).predictions.task == "multiclass"


def test_a_mask_for_a_data_set_keeps_its_split_and_its_task(multilabel_data, write_csv) -> None:
    labels = write_csv(HEADER, ["clip0", 1, 1, 1], ["clip4", 1, "", 0], ["clip3", 0, 1, ""], name="truth.csv")
    found = predicted(write_csv(*rows_of()), multilabel_data, truth=labels)
    assert found.predictions.clip_ids.tolist() == ["clip3", "clip4"]
    assert found.predictions.known.tolist() == [[True, True, False], [True, False, True]]
    assert found.clips["split"].tolist() == ["test", "test"]
    assert f"7 clips of tones test have no row in {labels} and are left out" in found.notes
