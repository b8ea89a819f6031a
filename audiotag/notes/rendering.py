"""Notes played by a synthesizer: the program fluidsynth and a sound font of General MIDI."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.notes import midi
from audiotag.notes.note import Note

FONTS = ("FluidR3_GM.sf2", "TimGM6mb.sf2")
"""Sound fonts in the order of preference, as Debian's packages fluid-soundfont-gm and timgm6mb-soundfont name them."""

_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/soundfonts")
_RATE = 44_100
_GAIN = 0.5  # of the synthesizer: many notes at once stay below full scale
# Neither hall nor chorus: what is heard is the instrument, and it ends when the note does.
_DRY = ("synth.reverb.active=0", "synth.chorus.active=0", "synth.dynamic-sample-loading=1")


def program_path() -> str:
    """Where the program fluidsynth is.

    Raises:
        AudiotagError: it is not installed.
    """
    found = shutil.which("fluidsynth")
    if found is None:
        raise AudiotagError("notes are played by the program fluidsynth, not installed here: apt install fluidsynth")
    return found


def font_path(font: str | Path | None = None) -> Path:
    """A sound font's file.

    Args:
        font: a file, or the name of one where distributions keep them, without `.sf2` if you like: "TimGM6mb".
            Default: the first of `FONTS` that is there.

    Raises:
        AudiotagError: it is not there.
    """
    if font is not None and Path(font).is_file():
        return Path(font).resolve()
    names = FONTS if font is None else (str(font), f"{font}.sf2")
    for name in names:
        for folder in _FOLDERS:
            if (path := Path(folder) / name).is_file():
                return path.resolve()
    raise AudiotagError(
        f"a sound font is a file, or one of the fonts in {_FOLDERS[0]}, "
        f"{'none of which is there' if font is None else f'received {str(font)!r}'}: apt install fluid-soundfont-gm"
    )


def render(path: Path, notes: Sequence[Note], *, font: Path, program: int = 0) -> None:
    """Play notes into a sound file of 44.1 kHz; the same notes, font and version of fluidsynth give the same samples.

    Args:
        path: the sound file, `.flac` or `.wav`, whole or not at all.
        notes: in any order.
        font: file of the sound font.
        program: instrument of General MIDI, 0 (a grand piano) to 127.

    Raises:
        AudiotagError: there is no such program, or fluidsynth is missing or fails.
    """
    fluidsynth = program_path()
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "notes.mid", Path(folder) / f"sound{path.suffix}"
        midi.write(score, notes, program)
        settings = [part for setting in _DRY for part in ("-o", setting)]
        output = ["-F", str(sound), "-T", path.suffix[1:], "-O", "s16", "-r", str(_RATE), "-g", str(_GAIN)]
        command = [fluidsynth, "-n", "-i", "-q", *settings, *output, str(font), str(score)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        # It plays silence and ends well where it does not understand the font.
        if done.returncode or "error" in done.stderr or not sound.is_file():
            reason = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
            raise AudiotagError(f"fluidsynth cannot play notes with {font} ({reason}): try another sound font")
        with storage.write_atomically(path, "wb") as file:
            file.write(sound.read_bytes())
