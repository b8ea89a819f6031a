"""A table for people; times of labels of one window are said once."""

from __future__ import annotations

from typing import IO

from audiotag.tagging.files import FileTags, shown_path
from audiotag.tagging.result_lines import Format

SUFFIX = ".txt"
ALONE = False


def lines(stream: IO[str], several: bool) -> Format:
    """What comes first, and what a result becomes; of a stream, and whether several files go into it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def show(result: FileTags) -> str:
        if result.reason:
            return ""
        table = Table(box=None, pad_edge=False, show_header=bool(result.tags))
        for heading in ("from s", "to s", "score"):
            table.add_column(heading, justify="right")
        table.add_column("label", overflow="fold")
        before = None
        for tag in result.tags:
            times = (f"{tag.start:.2f}", f"{tag.end:.2f}")
            table.add_row(*(("", "") if times == before else times), f"{tag.score:.3f}", Text(tag.label))
            before = times
        with console.capture() as shown:
            console.print(Text(shown_path(result.path), style="bold"), soft_wrap=True)
            console.print(table)
            if not result.tags:
                console.print("no label reaches the threshold")
        return shown.get()

    return "", show
