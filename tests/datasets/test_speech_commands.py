"""Speech Commands: the published lists, the hash where they lack, other words and silence."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError

COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SPEAKERS = ("0c40e715", "0a7c2a8d", "d0faf7e4")


@pytest.fixture(scope="module")
def source(noises: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("speech_commands")
    names = [f"{word}/{speaker}_nohash_{take}.wav" for word in COMMANDS for speaker in SPEAKERS for take in (0, 1)]
    names += [f"{word}/{speaker}_nohash_0.wav" for word in ("bed", "cat", "visual") for speaker in SPEAKERS]
    noises(root, *names, seconds=0.02)
    noises(root, "_background_noise_/running_tap.wav", "_background_noise_/pink_noise.wav", seconds=2.5)
    noises(root, "yes/._0c40e715_nohash_0.wav")
    (root / "_background_noise_" / "README.md").touch()
    listed = [name for name in names if SPEAKERS[0] in name]
    (root / "validation_list.txt").write_text("\n".join([*listed, "yes/missing_nohash_0.wav", ""]), encoding="utf-8")
    tested = [name for name in names if SPEAKERS[1] in name]
    (root / "testing_list.txt").write_text("\r\n".join([*tested, ""]), encoding="utf-8")
    return root


def test_every_word_is_a_class_and_the_lists_set_the_splits(source: Path) -> None:
    declared = records.declare("speech_commands", source=source)
    assert declared.labels.names == tuple(sorted((*COMMANDS, "bed", "cat", "visual")))
    assert (declared.task, declared.seconds, declared.pad) == ("multiclass", 1.0, "zero")
    split_of = dict(zip(SPEAKERS, ("validation", "test", "train"), strict=True)) | {"missing": "validation"}
    assert len(declared.clips) == 10 * 6 + 9 + 1
    for clip in declared.clips:
        assert clip.split == split_of[clip.columns["speaker"]]
        assert clip.labels == (clip.source.split("/")[0],)


def test_other_words_are_subsampled_and_noise_is_cut(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declared = records.declare("speech_commands", source=source, words="12")
    assert declared.labels.names == (*COMMANDS, "_unknown_", "_silence_")
    counts = Counter((clip.split, clip.labels[0]) for clip in declared.clips if clip.labels[0].startswith("_"))
    assert counts == {
        **{("train", "_unknown_"): 2, ("validation", "_unknown_"): 3, ("test", "_unknown_"): 2},  # a tenth, upwards
        **{("validation", "_silence_"): 3, ("train", "_silence_"): 3},
    }
    assert "7 of 9 recordings of the other words are _unknown_" in capsys.readouterr().err
    tested = [f"{word}/{SPEAKERS[1]}_nohash_0.wav" for word in ("bed", "cat", "visual")]
    first = sorted(tested, key=lambda name: hashlib.sha1(name.encode()).hexdigest())[:2]
    unknown = [clip for clip in declared.clips if clip.labels == ("_unknown_",) and clip.split == "test"]
    assert [clip.source for clip in unknown] == first
    assert [clip.columns["word"] for clip in unknown] == [name.split("/")[0] for name in first]
    tap = [(clip.start, clip.end) for clip in declared.clips if clip.source.endswith("running_tap.wav")]
    assert tap == [(0.0, 1.0), (1.0, 2.0), (1.5, 2.5)]


def test_without_the_lists_speakers_are_hashed(noises: Callable[..., None], tmp_path: Path) -> None:
    speakers = [f"{number:08x}" for number in range(60)]
    noises(tmp_path, *(f"yes/{name}_nohash_{take}.wav" for name in speakers for take in (0, 3)), seconds=0.01)
    noises(tmp_path, *(f"no/{name}_nohash_1.wav" for name in speakers), seconds=0.01)
    for clip in records.declare("speech_commands", source=tmp_path).clips:
        # By the published code: SHA-1 of what stands before _nohash_, modulo 2 ** 27, as a percentage.
        digest = int(hashlib.sha1(clip.columns["speaker"].encode()).hexdigest(), 16)
        percentage = (digest % 2**27) * (100.0 / (2**27 - 1))
        assert clip.split == ("validation" if percentage < 10 else "test" if percentage < 20 else "train")


def test_the_published_archive_is_unpacked(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    archive = tmp_path / "speech_commands_v0.02.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(source, "./")
        link = tarfile.TarInfo("./yes/link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
    with pytest.raises(AudiotagError, match="does not have the expected SHA-256"):
        records.declare("speech_commands")
    monkeypatch.setattr("audiotag.storage.downloads.sha256", lambda path: "af14739ee7dc" + "x" * 52)
    monkeypatch.setattr("audiotag.storage.downloads.fetch", lambda url, **options: tmp_path / url.rsplit("/", 1)[-1])
    unpacked = records.declare("speech_commands")
    assert [clip.clip_id for clip in unpacked.clips] == [
        clip.clip_id for clip in records.declare("speech_commands", source=source).clips
    ]


@pytest.mark.parametrize("name", ["../out.wav", "/out.wav"])
def test_a_tar_that_would_write_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("audiotag.storage.downloads.fetch", lambda url, **options: tmp_path / url.rsplit("/", 1)[-1])
    with tarfile.open(tmp_path / "speech_commands_v0.02.tar.gz", "w:gz") as packed:
        member = tarfile.TarInfo(name)
        member.size = 3
        packed.addfile(member, io.BytesIO(b"abc"))
    with pytest.raises(AudiotagError, match="must stay inside"):
        records.declare("speech_commands")
    assert not list(tmp_path.rglob("out.wav")) and not (tmp_path / "cache" / "speech_commands_v0.02").exists()
    whole = (tmp_path / "speech_commands_v0.02.tar.gz").read_bytes()
    for content in (b"<html>", whole[:40]):
        (tmp_path / "speech_commands_v0.02.tar.gz").write_bytes(content)
        with pytest.raises(AudiotagError, match="not a whole tar archive"):
            records.declare("speech_commands")


def test_what_is_wrong_is_said(tmp_path: Path, source: Path) -> None:
    with pytest.raises(AudiotagError, match=r"no recording WORD/NAME\.wav"):
        records.declare("speech_commands", source=tmp_path)
    with pytest.raises(AudiotagError, match="35 or 12, received '10'"):
        records.declare("speech_commands", source=source, words="10")
