"""What a sweep varies, from what is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.sweeps import Choices, Range, parse


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("learning_rate=1e-4..1e-2:log", Range("learning_rate", 1e-4, 1e-2, log=True)),
        ("--learning-rate=0.001,0.01", Choices("learning_rate", (0.001, 0.01))),
        ("learning_rate=none,0.01", Choices("learning_rate", (None, 0.01))),
        ("mixup=0..0.5", Range("mixup", 0.0, 0.5)),
        ("epochs=10..40", Range("epochs", 10, 40)),
        ("batch_size=16, 32,64", Choices("batch_size", (16, 32, 64))),
        ("model=mn02,mn04", Choices("model", ("mn02", "mn04"))),
        ("teacher=none,passt_s", Choices("teacher", (None, "passt_s"))),
        ("weights=../a.keras,audioset", Choices("weights", ("../a.keras", "audioset"))),
        ("balance=yes,no", Choices("balance", (True, False))),
        ("new_head=none,True", Choices("new_head", (None, True))),
    ],
)
def test_values_have_the_type_of_the_field(text: str, dimension: object) -> None:
    assert parse(text) == dimension
    assert parse(str(dimension)) == dimension


numbers = st.floats(1e-9, 1e9)


@given(st.lists(numbers, min_size=2, max_size=2, unique=True).map(sorted), st.booleans())
def test_a_range_is_written_as_it_is_read(ends: list[float], log: bool) -> None:
    dimension = Range("mixup", *ends, log=log)
    assert parse(str(dimension)) == dimension


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is NAME=VALUES"),
        ("mixup", "is NAME=VALUES, received 'mixup': write mixup=A,B,C"),
        ("mixup=", "is NAME=VALUES"),
        ("mixap=0,1", "did you mean 'mixup'"),
        ("mixup=0", "two values or more"),
        ("mixup=0,0.0", "none of them twice"),
        ("mixup=0,,1", "a number or none, received ''"),
        ("mixup=0..", "a number, received ''"),
        ("mixup=a..b", "a number, received 'a'"),
        ("mixup=0,nan", "a number or none, received 'nan'"),
        ("mixup=1..inf", "a number, received 'inf'"),
        ("mixup=1..0", "from less to more"),
        ("mixup=1..1", "from less to more"),
        ("mixup=0..1:log", "above 0"),
        ("mixup=1..2:linear", "ends in :log or in nothing"),
        ("epochs=1.5,2", "a whole number, received '1.5'"),
        ("epochs=none,2", "a whole number, received 'none'"),
        ("balance=yes,perhaps", "yes or no, received 'perhaps'"),
        ("model_options=head,mlp", "choose another field"),
        *((f"{name}=1,2", "are compared by it") for name in ("data", "train", "validation", "fold", "monitor")),
    ],
)
def test_what_cannot_be_varied_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(AudiotagError, match=message) as refused:
        parse(text)
    assert "\n" not in str(refused.value)
