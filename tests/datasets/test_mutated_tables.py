"""Tables that went wrong in any way: a build ends, every row is in its table, and what is refused is one line."""

from __future__ import annotations

import contextlib
import csv
import io
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from audiotag import cli, progress
from audiotag.cli.app import app
from audiotag.clips.recordings import Recordings
from audiotag.records.engines.local import Local

GIGABYTE = 1 << 20  # KiB
NAMES = ("a.wav", "dog/b.wav", "dog/é.wav", "c.wav", "broken.wav", "gone.wav")
COLUMNS = {
    "start": ("", "0", "0.02", "0,05", "0.09"),
    "end": ("", "0.1", "0.08"),
    "split": ("train",),
    "fold": ("1", "1.0", "Fold 1"),
    "clip_id": ("",),
    "recording": ("", "tape"),
    "site": ("", "north", "\U0001f332"),
    "dog ": ("0", "1"),
}
CELLS = (
    *("", " ", "nan", "0", "1", "1.0", "0,5", "-1", "1e400", "inf", "0.02", "0.05", "3", "dog", "Dog", "cat", "a;b"),
    *(
        "a,b",
        "train",
        "val",
        "test",
        "Fold 1",
        "all",
        "#N/A",
        "e\u0301",
        "\ufeff",
        "\u2028",
        "🐕",
        "=1+1",
        "background",
    ),
    *("../a.wav", "/etc/passwd", r"dog\b.wav", r"C:\x\root\a.wav", ".", "x" * 300, "\0", "two\nlines", '"', 'say "hi"'),
)


@pytest.fixture(scope="module")
def root(noises: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutated") / "root"
    noises(folder, *NAMES[:4])
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    """Shards are made in this process, in bounded memory: it takes seconds to start another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Local,
            "make_shards",
            lambda self, work, shards, advance: (work.finish(shard, advance) for shard in shards),
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GIGABYTE
    progress.set_quiet(False)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[str]], str]:
    """Rows of cells, the header first, and a separator: a table that is right but for a few cells."""
    further = draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=3, unique=True))
    table = [[draw(st.sampled_from(("path", "filename"))), draw(st.sampled_from(("label", "labels"))), *further]]
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    names += draw(st.lists(st.sampled_from(NAMES), max_size=1))
    for name in names:
        cells = [draw(st.sampled_from(COLUMNS[column])) for column in further]
        table.append([name, draw(st.sampled_from(("dog", "cat", "dog;cat", "rain"))), *cells])
    for _ in range(draw(st.integers(0, 2))):
        row, column = draw(st.integers(0, len(table) - 1)), draw(st.integers(0, len(further) + 1))
        table[row][column] = draw(st.sampled_from(CELLS) | st.text(max_size=6))
    return table, draw(st.sampled_from(",;\t"))


@st.composite
def contents(draw: st.DrawFn) -> tuple[bytes, list[list[str]] | None]:
    """The bytes of a table; and its rows, where nothing was done to the bytes."""
    table, separator = draw(tables())
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(table)
    written = text.getvalue().encode(errors="surrogatepass")
    changes = draw(st.booleans()) and draw(
        st.lists(st.tuples(st.integers(0, len(written)), st.integers(0, 3), st.binary(max_size=3)), max_size=3)
    )
    for place, cut, put in changes or ():
        written = written[:place] + put + written[place + cut :]
    return written, None if changes else table


def check(root: Path, written: bytes, rows: list[list[str]] | None) -> None:
    """Build from the table, and account for every row."""
    table, out = root.parent / "table.csv", root.parent / "out"
    table.write_bytes(written)
    shutil.rmtree(out, ignore_errors=True)
    stdout, stderr = io.StringIO(), io.StringIO()
    arguments = ["build", "folder", "--source", root, "--table", table, "--out", out, "--seconds", "0.1"]
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = cli.run(app, ["--quiet", *map(str, arguments), "--allow-one-class"])
    message = stderr.getvalue()
    event(f"exit code {code}")
    if code == 2:
        assert message.startswith("audiotag: ") and message.count("\n") == 1 and len(message) < 1500
        assert not out.exists()
        return
    assert (code in (0, 1), message) == (True, "")
    if rows is not None:
        with (out / "clips.csv").open(encoding="utf-8", newline="") as file:
            clips = list(csv.DictReader(file))
        cells = [row[0].strip() for row in rows[1:] if any(cell.strip() for cell in row)]
        assert {clip["source"] for clip in clips} == set(map(Recordings(root).find, cells))
        assert all(clip["reason"] for clip in clips if clip["status"] != "ok")


SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=75, **SETTINGS)
@given(content=contents())
def test_a_mutated_table_is_built_or_refused_in_one_line(root: Path, content: tuple[bytes, list | None]) -> None:
    check(root, *content)


@pytest.mark.slow
@settings(max_examples=2000, **SETTINGS)
@given(content=contents())
def test_two_thousand_mutated_tables(root: Path, content: tuple[bytes, list | None]) -> None:
    check(root, *content)
