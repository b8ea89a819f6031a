"""Clips of speech: recordings with what is said in them."""

from __future__ import annotations

from dataclasses import replace

from audiotag.clips.declaration import TEXT, Clip, Event
from audiotag.errors import AudioError
from audiotag.labels import Labels
from audiotag.speech import text as texts

STEP_SECONDS = 0.04
"""The longest steps from which a text is learnt: so many characters a second can be told at most."""

_ROUNDING = 0.01  # seconds, or steps


def spoken(clip: Clip, text: str, labels: Labels) -> Clip:
    """A clip with its text, normalised, in its column `TEXT`, and the characters of the text as labels.

    A clip whose text has characters that are no classes is rejected when it is built, and they are named.

    Args:
        clip: without labels.
        text: what is said in it, as it was written down; "" where nothing is said (noise).
        labels: the characters, as of `speech.labels`.
    """
    normalised = texts.normalised(text)
    if unknown := texts.outside(normalised, labels):
        fault = f"its text has {unknown!r}, and the letters are {''.join(labels.names[1:])}: {normalised!r}"
        return replace(clip, fault=clip.fault or fault, columns={**clip.columns, TEXT: normalised})
    known = set(texts.names_of(normalised))
    return replace(
        clip,
        labels=tuple(name for name in labels if name in known),
        columns={**clip.columns, TEXT: normalised},
    )


def characters(text: str, seconds: float, longest: float) -> list[Event]:
    """The characters of a text as events, in their order: each is somewhere in the recording.

    Args:
        text: normalised.
        seconds: length of the recording.
        longest: length of a clip, seconds.

    Raises:
        AudioError: the recording is longer than a clip, which would cut words off, or too short for so many characters:
            no way to tell them has that few steps.
    """
    names = texts.names_of(text)
    if names and seconds > longest + _ROUNDING:
        raise AudioError(
            f"it lasts {seconds:.2f} s, and {longest:g} s of it would cut off what is said: build longer clips"
        )
    steps, needed = int(seconds / STEP_SECONDS + _ROUNDING), texts.steps_needed(names)
    if needed > steps:
        raise AudioError(
            f"its text needs {needed} steps of {STEP_SECONDS:g} s (a character each, one more between two that are the "
            f"same), its {seconds:.2f} s give {steps}: correct the text or the part of the recording"
        )
    return [Event(0.0, min(seconds, longest), name) for name in names]
