"""Splits drawn for clips whose data set states none: recordings, their copies and what belongs together stay whole."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from audiotag.clips import sources, splits
from audiotag.clips.declaration import Clip
from audiotag.errors import AudiotagError


def draw(clips: Sequence[Clip], root: Path, group_by: str | None = None, unusable: Container[str] = ()) -> list[Clip]:
    """Draw train, validation and test for whole groups of recordings, see `splits.draw`.

    Args:
        clips: their splits do not matter.
        root: folder of the recordings.
        group_by: a column of all clips, whose equal cells stay in one split, but for empty ones. Default: recordings
            do, by "recording" or by their path, and copies of one another.
        unusable: ids of clips that will be rejected: they must not use up a class's few places.
    """
    group_of = _groups(clips, root, group_by, unusable)
    labels_of: dict[str, set[str]] = {}
    for clip in clips:
        if clip.clip_id not in unusable:
            labels_of.setdefault(group_of[_recording(clip)], set()).update(clip.labels or {""})
    split_of = splits.draw(labels_of)
    return [replace(clip, split=split_of.get(group_of[_recording(clip)], "train")) for clip in clips]


def check_groups(clips: Sequence[Clip], group_by: str) -> None:
    """Refuse stated splits that divide a group; arguments as of `draw`."""
    first: dict[str, Clip] = {}
    for clip in clips:
        group = clip.columns[group_by]
        other = first.setdefault(group, clip)
        if group and other.split != clip.split:
            raise AudiotagError(
                f"a group is in one split, {group_by} {group!r} is in {other.split} ({other.clip_id}) and in "
                f"{clip.split} ({clip.clip_id}): move one, or remove the column of splits to have them drawn"
            )


def _recording(clip: Clip) -> str:
    return clip.columns.get("recording") or clip.source


def _groups(clips: Sequence[Clip], root: Path, group_by: str | None, unusable: Container[str]) -> dict[str, str]:
    """By recording, the name of those that stay in one split: of one cell of `group_by`, or copies of one another."""
    group_of = {_recording(clip): _recording(clip) for clip in clips}

    def find(name: str) -> str:
        while group_of[name] != name:
            name = group_of[name]
        return name

    def join(names: Sequence[str]) -> None:
        roots = sorted({find(name) for name in names})
        group_of.update(dict.fromkeys(roots, roots[0]))

    recordings: dict[str, list[str]] = {}
    together: dict[str, list[str]] = {}
    for clip in clips:
        recordings.setdefault(clip.source, []).append(_recording(clip))
        if group_by and clip.columns[group_by]:
            together.setdefault(clip.columns[group_by], []).append(_recording(clip))
    usable = sources.survey(root, sorted({clip.source for clip in clips if clip.clip_id not in unusable}))
    copies = sources.same_bytes(root, usable)
    for group in (*recordings.values(), *together.values()):
        join(group)
    for group in copies:
        join([recordings[source][0] for source in group])
    return {name: find(name) for name in group_of}
