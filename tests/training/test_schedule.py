import math
from itertools import pairwise

import pytest

from audiotag.errors import AudiotagError
from audiotag.training import Schedule


def test_the_published_audioset_schedule_has_its_published_values() -> None:
    schedule = Schedule(peak=8e-4, warmup=8, ramp_start=80, ramp_epochs=95, last=0.01)
    assert schedule(0) == pytest.approx(8e-4 * math.exp(-5 * (1 - 0.5 / 8) ** 2))
    assert schedule(4) == pytest.approx(8e-4 * math.exp(-1.25))
    assert [schedule(epoch) for epoch in (8, 40, 80)] == [8e-4] * 3
    assert schedule(80 + 19) == pytest.approx(8e-4 * (0.8 + 0.2 * 0.01))
    assert [schedule(epoch) for epoch in (175, 199)] == pytest.approx([8e-6] * 2)


def test_the_learning_rate_rises_then_falls_and_is_always_positive() -> None:
    rates = [Schedule(1.0, 10, 10, 65, 0.01)(epoch) for epoch in range(80)]
    assert all(earlier < later for earlier, later in pairwise(rates[:11]))
    assert all(earlier > later for earlier, later in pairwise(rates[10:76]))
    assert min(rates) > 0


def test_without_warmup_training_starts_at_the_peak() -> None:
    assert Schedule(0.1, 0, 5, 5, 0.5)(0) == 0.1


@pytest.mark.parametrize(
    ("values", "said"),
    [((0, 0, 0, 1, 0.1), "learning_rate"), ((1, -1, 0, 1, 0.1), "warm-up -1"), ((1, 0, 0, 0, 0.1), "ramp epochs 0"),
     ((1, 0, 0, 1, 1.1), "1.1")],
)  # fmt: skip
def test_a_value_outside_its_range_is_refused(values: tuple[float, ...], said: str) -> None:
    with pytest.raises(AudiotagError, match=said):
        Schedule(*values)
