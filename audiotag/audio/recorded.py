"""When a recording began: by what its recorder wrote into the file, or by its name."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import soundfile

_DATE_AND_TIME = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)[ _T-]?(\d\d)[:-]?(\d\d)[:-]?(\d\d)(?!\d)(Z|[+-]\d{4})?")
_SECONDS_IN_HEX = re.compile(r"[0-9A-F]{8}")
_COMMENT = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.\d+)? (\d\d)/(\d\d)/(\d{4}) \(UTC([+-]\d{1,2})?(?::?(\d\d))?\)"
)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # of a number that may be a time


def recorded_at(path: Path) -> datetime | None:
    """When the first sample was recorded; None where nobody says.

    First by the comment that an AudioMoth writes into its WAV files, "Recorded at 06:00:00 03/05/2021 (UTC) by …"; else
    by the file's name, which holds a date and a time as AudioMoth, Song Meter (Wildlife Acoustics) and many programs
    write them, `20210503_060000` and the like, or is the seconds since 1970 in hexadecimal (the first AudioMoths).

    Returns:
        With a time zone where it is stated; a name without one is the recorder's own time.
    """
    return _by_comment(path) or _by_name(path.stem)


def _by_comment(path: Path) -> datetime | None:
    if path.suffix.lower() != ".wav":
        return None
    try:
        with soundfile.SoundFile(path) as file:
            found = _COMMENT.search(file.comment)
    except (soundfile.LibsndfileError, OSError):
        return None
    if not found:
        return None
    hour, minute, second, day, month, year = map(int, found.groups()[:6])
    hours = int(found[7] or 0)
    minutes = int(found[8] or 0) * (-1 if hours < 0 else 1)
    return _valid(year, month, day, hour, minute, second, timezone(timedelta(hours=hours, minutes=minutes)))


def _by_name(name: str) -> datetime | None:
    for found in _DATE_AND_TIME.finditer(name):
        zone = None
        if found[7]:
            zone = UTC if found[7] == "Z" else datetime.strptime(found[7], "%z").tzinfo
        if moment := _valid(*map(int, found.groups()[:6]), zone):
            return moment
    if _SECONDS_IN_HEX.fullmatch(name):
        moment = datetime.fromtimestamp(int(name, 16), UTC)
        if _EARLIEST <= moment <= datetime.now(UTC):
            return moment
    return None


def _valid(
    year: int, month: int, day: int, hour: int, minute: int, second: int, zone: timezone | None
) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:  # digits that are no date
        return None
