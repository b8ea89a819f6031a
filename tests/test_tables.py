"""Tables: whatever CSV can hold survives, and what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import AudiotagError, tables

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
def test_cells_survive_the_file_and_are_not_interpreted(tmp_path_factory, rows) -> None:
    path = tmp_path_factory.mktemp("table") / "some.csv"
    tables.write(path, ("a", "b,c", 'd"'), rows)
    table = tables.read(path, ("a",))
    assert list(table.itertuples(index=False, name=None)) == rows
    assert table.columns.tolist() == ["a", "b,c", 'd"']


def test_places_are_lines_of_the_file_whatever_the_cells_hold(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes('\ufeffname,number\r\n\r\n"two\r\nlines",1\r\nx,NA\r\n'.encode())
    table = tables.read(path, ("name", "number"), ())
    assert table["name"].tolist() == ["two\r\nlines", "x"]
    assert [tables.place(table, position) for position in (0, 1)] == ["line 4", "line 5"]
    with pytest.raises(AudiotagError, match="line 5: number must be a whole number, received 'NA'"):
        tables.whole_numbers(path, table, "number")
    assert tables.whole_numbers(path, table[:1], "number") == [1]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_header_tells_the_separator(tmp_path: Path, separator: str, encoding: str) -> None:
    path = tmp_path / "some.csv"
    rows = (("name", "é"), ("a, b; c", "1"), ("d", "0,5"))
    text = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    path.write_bytes(text.encode(encoding))
    table = tables.read(path)
    assert [tuple(table.columns), *table.itertuples(index=False, name=None)] == list(rows)
    assert tables.place(table, 1) == "line 3"


def test_a_table_without_a_header_is_given_one(tmp_path: Path) -> None:
    text = '# made today\n# a, b\nx, "1,2"\n#y, 3\n'
    (tmp_path / "some.csv").write_text(text, encoding="utf-8")
    table = tables.read(tmp_path / "some.csv", header=("a", "b"))
    assert list(table.itertuples(index=False, name=None)) == [("x", "1,2"), ("#y", "3")]
    assert tables.place(table, 1) == "line 4"
    (tmp_path / "some.tsv").write_text("a\tb\nx\t1, 2; 3, 4\n", encoding="utf-8")  # it has one all the same
    assert tables.read(tmp_path / "some.tsv", header=("a", "b")).to_dict("records") == [{"a": "x", "b": "1, 2; 3, 4"}]


def test_numbers_are_finite(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("start\n1.5\n-2\ninf\n", encoding="utf-8")
    table = tables.read(path)
    assert tables.numbers(path, table[:2], "start") == [1.5, -2.0]
    with pytest.raises(AudiotagError, match="line 4: start must be a number, received 'inf'"):
        tables.numbers(path, table, "start")


def test_a_spreadsheet_s_own_encoding_is_read_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, cells = tmp_path / "vögel.csv", [("Größe", "€ 5"), ("Ärger – “ß”", "ñ")]
    for encoding, line in (("cp1252", f"{path} is not in UTF-8, it is read as Windows-1252"), ("utf-16", "")):
        path.write_bytes("\r\n".join(map(";".join, cells)).encode(encoding))
        table = tables.read(path)
        assert [tuple(table.columns), *table.itertuples(index=False, name=None)] == cells
        message = capsys.readouterr().err
        assert message.startswith(line) and message.count("\n") == bool(line)
    path.write_bytes("a,b\nö,1\n".encode("latin-1"))
    with pytest.raises(AudiotagError, match="not a UTF-8 table"):
        tables.read(path, encoding=tables.OWN)


def test_parquet_counts_rows_and_keeps_what_its_cells_are(tmp_path: Path) -> None:
    path = tmp_path / "some.parquet"
    pandas.DataFrame({"clip": [7, 8], "score": [0.5, None], "path": ["a", "b"]}).to_parquet(path)
    keys, table = tables.read_clips(path)
    assert (keys, table.columns.tolist()) == (["a", "b"], ["score"])
    assert (table["score"].tolist()[0], tables.place(table, 1)) == (0.5, "row 2")
    for content, message in ((b"no", "not a Parquet table"), (None, "no such file")):
        path.write_bytes(content) if content else path.unlink()
        with pytest.raises(AudiotagError, match=message):
            tables.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have the columns clip_id, score: clip_id, score missing, it has no header"),
        (b"clip_id\na\n", "score missing, it has clip_id"),
        (b"clip_id,score,more\n", "may have the columns clip_id, score, note alone, it has 'more'"),
        (b"clip_id,score,score\n", "'score' twice"),
        (b"clip_id,score,\n", "one has none"),
        (b"clip_id,score\na,1\nb\n", "line 3: a row has 2 cells, this one 1"),
        (b"clip_id,score\na,1,2\n", "line 2: a row has 2 cells, this one 3"),
        (b"clip_id,score\na,1\n\na,2\n", "'a' has line 2 and line 4"),
        (b"clip_id,score\n ,1\n", "line 2: every row names its clip"),
        (b'clip_id,score\n"a,1\n', "not a UTF-8 table"),
        (b"clip_id,score\n\x81,1\n", "not a UTF-8 table"),
        (b"clip_id,score\n\0\xff,1\n", "not a UTF-8 table"),
        ("clip_id,score\n\xf6,1\n".encode() + b"\xff,1\n", "not a UTF-8 table"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(content)
    with pytest.raises(AudiotagError, match=message) as caught:
        tables.read(path, ("clip_id", "score"), ("note",), key="clip_id")
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_folder_and_a_table_without_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="no such file"):
        tables.read(tmp_path / "gone.csv")
    with pytest.raises(AudiotagError, match="not a UTF-8 table"):
        tables.read(tmp_path)
    tables.write(tmp_path / "some.csv", ("name", "score"), [("a", 1)])
    with pytest.raises(AudiotagError, match=r"a column clip_id \(or filename, path, clip\)"):
        tables.read_clips(tmp_path / "some.csv")
