"""Transcripts as text, JSON, time-marked words (CTM) and subtitles (SRT)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from audiotag import storage
from audiotag.errors import AudiotagError, suggest
from audiotag.speech import Word
from audiotag.tagging.words import Transcript

FORMATS = ("text", "json", "ctm", "srt")
PAUSE = 0.6
"""From so many seconds between two words on, another subtitle begins."""

LONGEST = 6.0, 42
"""Seconds and letters of a subtitle."""


def check(format: str) -> None:
    """Refuse a format that there is not."""
    if format not in FORMATS:
        raise AudiotagError(f"no format of words is named {format!r}: {suggest(format, FORMATS)}")


def write(result: Transcript, format: str, name: str, out: Path | None = None) -> None:
    """Write the words of a recording.

    Args:
        result: what `words` gave.
        format: "text" (a line), "json" (an object with text, seconds and words, each with text, start, end and score),
            "ctm" (NIST's: a line a word: recording, channel, start, length, word, score) or "srt" (subtitles: a few
            words that follow each other without a pause).
        name: of the recording.
        out: the file; None: standard output.

    Raises:
        AudiotagError: no such format.
    """
    check(format)
    text = {"text": _text, "json": _json, "ctm": _ctm, "srt": _srt}[format](result, name)
    if out is None:
        sys.stdout.write(text)
        return
    with storage.write_atomically(out) as file:
        file.write(text)


def _text(result: Transcript, name: str) -> str:
    return f"{result.text}\n"


def _json(result: Transcript, name: str) -> str:
    rows = [
        {"text": word.text, "start": round(word.start, 3), "end": round(word.end, 3), "score": round(word.score, 4)}
        for word in result.words
    ]
    recording = {"recording": name, "seconds": round(result.seconds, 3), "text": result.text, "words": rows}
    return json.dumps(recording, ensure_ascii=False) + "\n"


def _ctm(result: Transcript, name: str) -> str:
    recording = "_".join(name.split())  # spaces separate the fields
    return "".join(
        f"{recording} 1 {word.start:.3f} {word.end - word.start:.3f} {word.text} {word.score:.4f}\n"
        for word in result.words
    )


def _srt(result: Transcript, name: str) -> str:
    return "\n".join(
        f"{number}\n{_clock(own[0].start)} --> {_clock(own[-1].end)}\n{' '.join(word.text for word in own)}\n"
        for number, own in enumerate(_subtitles(result.words), 1)
    )


def _subtitles(words: Sequence[Word]) -> list[list[Word]]:
    groups: list[list[Word]] = []
    for word in words:
        last = groups[-1] if groups else []
        letters = sum(len(each.text) + 1 for each in last) + len(word.text)
        fits = last and letters <= LONGEST[1] and word.end - last[0].start <= LONGEST[0]
        if fits and word.start - last[-1].end < PAUSE:
            last.append(word)
        else:
            groups.append([word])
    return groups


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{thousandths:03d}"
