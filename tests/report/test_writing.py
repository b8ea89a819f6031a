"""Files of a report on disk."""

from __future__ import annotations

import pytest

from audiotag import AudiotagError
from audiotag.report import writing


def test_page_and_card_are_written_as_utf_8(make_report) -> None:
    report = make_report(("日本", "🐕", "c"), command="audiotag evaluate caf\udce9", resamples=0)
    writing.write(report)
    names = {writing.PAGE, writing.CARD, writing.TABLE, writing.SUMMARY, writing.PREDICTIONS, "evaluation"}
    assert {path.name for path in report.out.iterdir()} == names
    for name in (writing.PAGE, writing.CARD):
        text = (report.out / name).read_text(encoding="utf-8")
        assert "日本" in text and "🐕" in text and "caf?" in text


def test_a_folder_that_cannot_be_written_is_one_clear_error(make_report, tmp_path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(AudiotagError, match=r"cannot be written to .*taken .*--out"):
        writing.write(make_report(out=tmp_path / "taken", resamples=0))
