"""Words spoken by a synthesizer: the programs espeak-ng and flite."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from audiotag import storage
from audiotag.errors import AudiotagError

SPEAKERS = (
    *("flite:slt", "espeak-ng:en-us+m1", "espeak-ng:en-gb+f2", "espeak-ng:en-gb-scotland+m3"),
    *("espeak-ng:en-us+f4", "espeak-ng:en-029+m7", "espeak-ng:en-gb-x-rp+f1", "flite:rms"),
    *("espeak-ng:en-us+Andy", "espeak-ng:en-us-nyc+m2", "espeak-ng:en-gb+Annie", "espeak-ng:en-gb-x-gbclan+m4"),
    *("espeak-ng:en-us+linda", "espeak-ng:en-gb-x-gbcwmd+m8", "flite:awb", "espeak-ng:en-us+f3"),
    *("espeak-ng:en-gb+Michael", "espeak-ng:en-us+steph", "espeak-ng:en-gb-x-rp+m5", "espeak-ng:en-029+f5"),
    *("espeak-ng:en-us+Alex", "flite:kal16", "espeak-ng:en-gb+m6", "espeak-ng:en-gb-scotland+belinda"),
)
"""Speakers, PROGRAM:VOICE: of espeak-ng an accent of English and a variant of the voice, of flite a recorded voice."""

_WORDS_A_MINUTE = 165  # of espeak-ng at speed 1
_PITCH = 50  # of espeak-ng, which it takes for a voice's own


def check(speaker: str) -> None:
    """Refuse a speaker of no known program, or one whose program is not installed.

    Raises:
        AudiotagError: says which.
    """
    program, colon, voice = speaker.partition(":")
    if program not in ("espeak-ng", "flite") or not colon or not voice:
        raise AudiotagError(f"a speaker is espeak-ng:VOICE or flite:VOICE, received {speaker!r}: name one of them")
    if shutil.which(program) is None:
        raise AudiotagError(f"{speaker} speaks by the program {program}, not installed here: apt install {program}")


def speak(path: Path, text: str, speaker: str, speed: float = 1.0, pitch: float = 1.0) -> None:
    """Speak a text into a WAV file; the same arguments and version of the program give the same samples.

    Args:
        path: the sound file, whole or not at all.
        text: what is said.
        speaker: PROGRAM:VOICE, as in `SPEAKERS`.
        speed: how fast, 1 as the voice has it; 0.5 to 2.
        pitch: how high, 1 as the voice has it; 0.5 to 1.5.

    Raises:
        AudiotagError: there is no such speaker, or the program is missing or fails.
    """
    check(speaker)
    program, _, voice = speaker.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        if program == "flite":
            stretch = ["--setf", f"duration_stretch={1 / speed:.4f}", "--setf", f"f0_shift={pitch:.4f}"]
            command = ["flite", "-voice", voice, *stretch, "-t", text, "-o", str(sound)]
        else:
            manner = ["-s", str(round(_WORDS_A_MINUTE * speed)), "-p", str(round(_PITCH * pitch))]
            command = ["espeak-ng", "-v", voice, *manner, "-w", str(sound), "--", text]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode or not sound.is_file():
            reason = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
            raise AudiotagError(f"{speaker} cannot speak ({reason}): name another speaker")
        with storage.write_atomically(path, "wb") as file:
            file.write(sound.read_bytes())
