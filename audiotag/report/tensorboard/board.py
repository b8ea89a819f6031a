"""What TensorBoard shows of an evaluation, tab by tab."""

from __future__ import annotations

import io
import shutil

import numpy as np
import soundfile

from audiotag.metrics.curves import at_thresholds, histogram
from audiotag.report import card
from audiotag.report.report import Report
from audiotag.report.section import Exhibit, Section
from audiotag.report.templates import plain
from audiotag.report.tensorboard import pictures, png, projector
from audiotag.tensorboard import graph, hparams
from audiotag.tensorboard.events import PATTERN, EventFile, class_tag
from audiotag.tensorboard.scalars import add_layout, add_scalars

FOLDER = "evaluation"
_CLICK = "Click it for its full size."
_BINS = 30


def write(report: Report, step: int = 0) -> None:
    """Put an evaluation into TensorBoard's folder `evaluation` in the report's; what an earlier one left there goes.

    Args:
        report: what an evaluation found.
        step: where its points stand: the last epoch, so that they end the curves of the training.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = report.out / FOLDER
    old = list(folder.glob(PATTERN))
    shutil.rmtree(folder / hparams.FOLDER, ignore_errors=True)
    for name in projector.FILES:
        (folder / name).unlink(missing_ok=True)
    with EventFile(folder) as file:
        network = report.subject.network
        if network is not None and graph.is_functional(network):
            file.graph(graph.definition(network).SerializeToString())
        add_layout(file)
        add_scalars(file, report.table, report.summary, step)
        # A path may hold bytes that are no text; they become question marks.
        file.text("report", card.render(report, whole=False).encode("utf-8", "replace").decode(), step)
        for name, draw in pictures.PICTURES.items():
            file.image(f"charts/{name}", draw(report), step, name=name.replace("_", " "), description=_CLICK)
        _add_curves(file, report, step)
        for name, section in report.shown():
            add_section(file, name, section, step)
    if report.embeddings is not None:
        projector.write(folder, report)
    # Last, so that a reader finds the earlier evaluation until the new one is whole.
    for path in old:
        path.unlink(missing_ok=True)


def _add_curves(file: EventFile, report: Report, step: int) -> None:
    """Precision-recall curve and histograms of scores of every class that has clips."""
    for index, name in enumerate(report.predictions.labels.names):
        truth, scores = report.predictions.of_class(index)
        if not truth.any():
            continue
        tag, clips = class_tag(name), f"{int(truth.sum())} clips of this class"
        file.curve(f"pr_curve/{tag}", at_thresholds(truth, scores), step, name=name, description=clips)
        for chosen, which in ((truth, "with"), (~truth, "without")):
            counts, edges = histogram(scores[chosen], _BINS)
            about = f"scores of the {int(chosen.sum())} clips {which} the class"
            buckets = np.stack([edges[:-1], edges[1:], counts], axis=1)
            file.histogram(f"scores/{tag}/{which}", buckets, step, description=about)


def add_section(file: EventFile, name: str, section: Section, step: int) -> None:
    """Numbers, charts, and clips to look at and to listen to."""
    for key, value in section.scalars.items():
        file.scalar(f"{name}/{key}", value, step)
    for chart in section.figures:
        about = f"{chart.caption} {_CLICK}"
        file.image(f"charts/{chart.name}", png.draw(chart), step, name=chart.name.replace("_", " "), description=about)
    digits = len(str(len(section.exhibits)))
    for number, exhibit in enumerate(section.exhibits, start=1):
        # Their tags differ in the last part only, since TensorBoard gives a tag to one plugin.
        tag = class_tag(f"{number:0{digits}d} {exhibit.kind} {exhibit.label} in clip {exhibit.clip_id}")
        about = {"name": f"{number}. {exhibit.kind}: {exhibit.label}", "description": describe(exhibit)}
        if exhibit.picture is not None:
            file.image(f"{name}/{tag}/picture", png.draw(exhibit.picture), step, **about)
        if exhibit.waveform is not None:
            file.audio(f"{name}/{tag}/sound", wav(exhibit), step, **about)


def describe(exhibit: Exhibit) -> str:
    """What is known of an exhibit, as Markdown."""
    scores = ", ".join(f"{plain(name)} {score:.3f}" for name, score in exhibit.scores)
    head = f"**{exhibit.kind}: {plain(exhibit.label)}**"
    return f"{head}\n\n{plain(exhibit.text)}\n\n* Highest scores: {scores}\n* Clip: {plain(exhibit.clip_id)}"


def wav(exhibit: Exhibit) -> bytes:
    """The sound as the content of a WAV file, 16 bits; what is louder than full scale is cut off."""
    content = io.BytesIO()
    samples = np.clip(exhibit.waveform, -1.0, 1.0)
    soundfile.write(content, samples, exhibit.sample_rate, subtype="PCM_16", format="WAV")
    return content.getvalue()
