"""The usual spellings of splits."""

from __future__ import annotations

from audiotag.clips.splits import recognise


def test_usual_spellings_are_recognised_in_any_case() -> None:
    names = ("Train", "valid", "TESTING", "Fold_3", "fold 02", "dog", "trains", "fold", "")
    assert recognise(names) == {
        "Train": "train",
        "valid": "validation",
        "TESTING": "test",
        "Fold_3": "fold3",
        "fold 02": "fold2",
    }


def test_a_development_set_is_for_training_where_nothing_else_is() -> None:
    assert recognise(["dev", "eval"]) == {"dev": "train", "eval": "test"}
    assert recognise(["dev", "eval", "train"]) == {"dev": "validation", "eval": "test", "train": "train"}
