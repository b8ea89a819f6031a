"""Figures of transcriptions: against mir_eval's own, hand-made cases, and draws of recordings."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.metrics import transcription
from audiotag.metrics.transcription import FRAME_SECONDS, compare
from audiotag.notes import Grid, Note, apart, draw
from audiotag.notes.rolls import FRAME, rows_of

mir_eval = pytest.importorskip("mir_eval", reason="mir_eval is not installed: pip install 'audiotag[notes]'")


def random_pair(seed: int, count: int = 40) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """Notes, and the same with some moved, some lengthened, some another pitch, some left out."""
    random = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(count):
        onset, length, pitch = random.uniform(0, 8), random.uniform(0.05, 1.0), int(random.integers(50, 70))
        truth.append(Note(onset, onset + length, pitch, 64))
        moved = max(onset + random.normal(0, 0.04), 0.0)
        other = Note(moved, moved + length * random.uniform(0.7, 1.3), pitch + int(random.random() < 0.1), 64)
        found += [other] if random.random() < 0.9 else []
    return apart(truth)[0], apart(found)[0]


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_are_mir_eval_s(seed: int) -> None:
    truth, found = random_pair(seed)
    row = compare({"a": truth}, {"a": found}).recordings.loc["a"]

    def arrays(notes: tuple[Note, ...]) -> tuple[np.ndarray, np.ndarray]:
        pitches = mir_eval.util.midi_to_hz(np.array([note.pitch for note in notes]))
        return np.array([(note.onset, note.offset) for note in notes]), pitches

    for kind, share in (("onset", None), ("onset_offset", 0.2)):
        precision, recall, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
            *arrays(truth), *arrays(found), offset_ratio=share
        )
        ours = [row[f"{kind}_{rate}"] for rate in ("precision", "recall", "F1")]
        assert ours == pytest.approx([precision, recall, f1], rel=1e-12)
    grid = Grid(1200, FRAME_SECONDS)
    frames = [
        [
            mir_eval.util.midi_to_hz(21.0 + np.flatnonzero(step)) if step.any() else np.array([])
            for step in draw(rows_of(notes), grid)[..., FRAME]
        ]
        for notes in (truth, found)
    ]
    times = np.arange(grid.count) * FRAME_SECONDS
    precision, recall, *_ = mir_eval.multipitch.metrics(times, frames[0], times, frames[1])
    assert (row["frame_precision"], row["frame_recall"]) == pytest.approx((precision, recall))


def test_what_is_right_within_which_tolerance() -> None:
    truth = [Note(1.0, 2.0, 60, 64), Note(3.0, 3.1, 62, 64)]
    for found, onset, whole in (
        (truth, 1.0, 1.0),
        ([Note(1.049, 2.19, 60, 1), Note(2.951, 3.149, 62, 127)], 1.0, 1.0),
        ([Note(1.0, 2.21, 60, 64), Note(3.0, 3.16, 62, 64)], 1.0, 0.0),
        ([Note(1.06, 2.0, 60, 64), Note(3.0, 3.1, 63, 64)], 0.0, 0.0),
        ([Note(1.0, 2.0, 60, 64)], 2 / 3, 2 / 3),
    ):
        means = compare({"a": truth}, {"a": found}).means
        assert (means["onset_F1"], means["onset_offset_F1"]) == pytest.approx((onset, whole))


def test_means_are_over_recordings_and_silence_counts_where_something_is_found() -> None:
    note = Note(0.0, 1.0, 60, 64)
    result = compare(
        {"a": [note], "b": [note], "silent": [], "quiet": []}, {"a": [note], "b": [], "silent": [], "quiet": [note]}
    )
    assert result.recordings["onset_F1"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(result.recordings.loc["silent", "onset_F1"])
    assert result.recordings.loc["quiet", "onset_F1"] == 0.0
    assert result.means["onset_F1"] == pytest.approx(1 / 3)
    assert np.isnan(result.intervals["onset_F1"]).all()
    assert result.reason.startswith("4 recordings: intervals need at least 5")


def test_intervals_are_those_of_drawn_recordings() -> None:
    pairs = {f"{seed}": random_pair(seed, 15) for seed in range(8)}
    truth, found = ({name: pair[index] for name, pair in pairs.items()} for index in (0, 1))
    result = compare(truth, found, resamples=4000, seed=1)
    values = result.recordings["onset_F1"].to_numpy()
    random = np.random.default_rng(7)
    drawn = [values[random.integers(8, size=8)].mean() for _ in range(4000)]
    assert result.intervals["onset_F1"] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.01)
    assert result.means["onset_F1"] == pytest.approx(values.mean())
    assert result.intervals == compare(truth, found, resamples=4000, seed=1).intervals


def test_what_cannot_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AudiotagError, match="received 'b' in one of both"):
        compare({"a": []}, {"a": [], "b": []})
    with pytest.raises(AudiotagError, match="at least one, received none"):
        compare({}, {})
    monkeypatch.setitem(__import__("sys").modules, "mir_eval", None)
    with pytest.raises(AudiotagError, match=r"pip install 'audiotag\[notes\]'"):
        transcription.compare({"a": []}, {"a": []})
