"""The worst mistakes to look at and to listen to: a log-mel picture and the sound, found under the same name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from audiotag.report.tensorboard import figure, markdown
from audiotag.tensorboard.events import EventFile, class_tag

if TYPE_CHECKING:
    from audiotag.evaluation.sections.mistakes import Mistake
    from audiotag.task import Task


def add_mistakes(file: EventFile, mistakes: tuple[Mistake, ...], task: Task, step: int) -> None:
    """Add the picture and the sound of every mistake that has one.

    Their tags differ in the last part only, `picture` or `sound`, since TensorBoard gives a tag to one plugin.
    """
    digits = len(str(len(mistakes)))
    for number, mistake in enumerate(mistakes, start=1):
        what = class_tag(f"{number:0{digits}d} {mistake.kind} {mistake.label} in clip {mistake.clip_id}")
        name, about = f"{number}. {mistake.kind}: {mistake.label}", describe(mistake, task)
        if mistake.log_mel is not None:
            file.image(f"mistakes/{what}/picture", picture(mistake, task), step, name=name, description=about)
        if mistake.waveform is not None:
            file.audio(f"mistakes/{what}/sound", wav(mistake), step, name=name, description=about)


def describe(mistake: Mistake, task: Task) -> str:
    """What was heard, what is true, and the score, as Markdown."""
    heard = ", ".join(f"{markdown.plain(name)} {score:.3f}" for name, score in mistake.heard)
    truth = ", ".join(markdown.plain(name) for name in mistake.truth) or "no class"
    return (
        f"**{mistake.kind}: {markdown.plain(mistake.label)}**, score {mistake.score:.3f} "
        f"({_limit(mistake, task)} {mistake.threshold:.3f})\n\n"
        f"* Truth: {truth}\n* Heard: {heard}\n* Clip: {markdown.plain(mistake.clip_id)}"
    )


def _limit(mistake: Mistake, task: Task) -> str:
    """What the score is measured against."""
    if task == "multilabel":
        return "threshold"
    return "the true class has" if mistake.kind == "false alarm" else "the predicted class has"


def wav(mistake: Mistake) -> bytes:
    """The sound as the content of a WAV file, 16 bits; what is louder than full scale is cut off."""
    import soundfile

    content = io.BytesIO()
    samples = np.clip(mistake.waveform, -1.0, 1.0)
    soundfile.write(content, samples, mistake.sample_rate, subtype="PCM_16", format="WAV")
    return content.getvalue()


def picture(mistake: Mistake, task: Task) -> bytes:
    """The log-mel that the network saw, the scores in its title, as a PNG."""
    frames, mels = mistake.log_mel.shape
    seconds = None if mistake.waveform is None else len(mistake.waveform) / mistake.sample_rate
    # Axes at a fixed place draw in half the time of a layout that must first measure its texts.
    drawing = figure.new(6.4, 3.4)
    drawing.set_layout_engine(None)
    axes = drawing.add_axes((0.085, 0.14, 0.895, 0.66))
    extent = (0.0, seconds or float(frames), 0.0, float(mels))
    axes.imshow(mistake.log_mel.T.astype(np.float32), "magma", aspect="auto", origin="lower", extent=extent)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("frame" if seconds is None else "time in s", fontsize=9)
    axes.set_ylabel("mel band", fontsize=9)
    heard = ", ".join(f"{figure.short(name)} {score:.2f}" for name, score in mistake.heard[:3])
    truth = ", ".join(map(figure.short, mistake.truth[:4])) or "no class"
    limit = f"{_limit(mistake, task)} {mistake.threshold:.2f}"
    title = f"{mistake.kind}: {figure.short(mistake.label)} {mistake.score:.2f}  ({limit})"
    axes.set_title(f"{title}\ntruth: {truth}\nheard: {heard}", fontsize=9, loc="left", parse_math=False)
    return figure.png(drawing)
