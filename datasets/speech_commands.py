"""Speech Commands v2: 105,829 recordings of one second, 35 spoken words; or ten of them, other words and silence."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from pathlib import Path
from typing import Literal

from audiotag import progress, records, storage
from audiotag.clips.cutting import cut
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

URL = "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"  # 2.4 GB
SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
LICENCE = "CC BY 4.0"
CITATION = "P. Warden, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, arXiv:1804.03209, 2018"
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
UNKNOWN, SILENCE, NOISE = "_unknown_", "_silence_", "_background_noise_"
UNKNOWN_SHARE = 0.1  # of the commands of a split, as published
NOISE_SPLITS = {"running_tap.wav": "validation", "exercise_bike.wav": "test"}  # all others: train
MOST_FILES = 2**27 - 1  # of a class, in the published rule


def hashed_split(name: str) -> str:
    """The published rule where the lists lack: the same speaker, the part before `_nohash_`, is in one split."""
    digest = hashlib.sha1(re.sub("_nohash_.*$", "", name).encode(), usedforsecurity=False).hexdigest()
    percentage = int(digest, 16) % (MOST_FILES + 1) * (100 / MOST_FILES)
    return "validation" if percentage < 10 else "test" if percentage < 20 else "train"


def declare(source: str | Path | None = None, words: Literal["35", "12"] = "35") -> records.Declaration:
    """Declare Speech Commands; the splits train, validation and test are those of the published lists.

    With 12 words the other 25 words are `_unknown_`: of each split, as many as a tenth of its commands, those whose
    paths have the lowest SHA-1. `_silence_` are the recordings of `_background_noise_` in clips of 1 s: running_tap is
    for validation, exercise_bike for test, the others for training.

    Args:
        source: folder with a folder a word, `validation_list.txt` and `testing_list.txt` (without both, splits follow
            the published rule, a hash of the speaker), and `_background_noise_`. Default: download it (2.4 GB).
        words: "35": every word is a class; "12": ten commands, `_unknown_` and `_silence_`.
    """
    if str(words) not in ("35", "12"):
        raise AudiotagError(f"words must be 35 or 12, received {words!r}")
    if source is None:
        source = storage.fetch_archive(URL, "speech_commands_v0.02", sha256_hex=SHA256)
    root = Path(source).resolve()
    split_of = {}
    for list_name, split in (("validation_list.txt", "validation"), ("testing_list.txt", "test")):
        if (root / list_name).is_file():
            split_of |= dict.fromkeys((root / list_name).read_text(encoding="utf-8").split(), split)
    lists = bool(split_of)
    files = {path.relative_to(root).as_posix() for path in root.glob("[!_.]*/[!.]*.wav")}
    recordings = sorted(files | split_of.keys())  # what a list names and is missing is rejected, not lost
    if not recordings:
        raise AudiotagError(f"{root} has no recording WORD/NAME.wav: is it the folder of Speech Commands?")
    clips = []
    for path in recordings:
        word, name = path.split("/")[0], path.rpartition("/")[2]
        split = split_of.get(path, "train") if lists else hashed_split(name)
        clips.append(records.Clip(path, path, (word,), split, columns={"speaker": name.partition("_nohash_")[0]}))
    names = tuple(sorted({clip.labels[0] for clip in clips}))
    if str(words) == "12":
        clips, names = _of_twelve(root, clips), (*COMMANDS, UNKNOWN, SILENCE)
    return records.Declaration(
        name=f"speech_commands_{words}",
        version="0.02",
        task="multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(names),
        clips=tuple(clips),
        seconds=1.0,
        root=root,
        pad="zero",
    )


def _of_twelve(root: Path, clips: list[records.Clip]) -> list[records.Clip]:
    commands = [clip for clip in clips if clip.labels[0] in COMMANDS]
    wanted = {split: math.ceil(UNKNOWN_SHARE * count) for split, count in Counter(c.split for c in commands).items()}
    others = [
        records.Clip(clip.clip_id, clip.source, (UNKNOWN,), clip.split, columns=clip.columns | {"word": clip.labels[0]})
        for clip in clips
        if clip.labels[0] not in COMMANDS
    ]
    others.sort(key=lambda clip: hashlib.sha1(clip.source.encode(), usedforsecurity=False).digest())
    of_split = {split: [clip for clip in others if clip.split == split] for split in wanted}
    unknown = [clip for split, count in wanted.items() for clip in of_split[split][:count]]
    progress.say(
        f"{root}: {len(unknown)} of {len(others)} recordings of the other words are {UNKNOWN}, the rest unused"
    )
    noises = sorted(path.name for path in (root / NOISE).glob("[!.]*.wav"))
    whole = [
        records.Clip(f"{NOISE}/{name}", f"{NOISE}/{name}", (SILENCE,), NOISE_SPLITS.get(name, "train"))
        for name in noises
    ]
    return [*commands, *unknown, *(clip for noise in whole for clip in cut(root, noise, 1.0))]
