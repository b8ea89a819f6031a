"""How well onsets and offsets are found: segment- and event-based F1, and PSDS, against strong labels."""

from __future__ import annotations

from dataclasses import replace

import keras

from audiotag.clip_format import describe_speed
from audiotag.errors import AudiotagError
from audiotag.evaluation import calibrating
from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.event_scores import SoundEvents, judge, scorer
from audiotag.evaluation.step_scores import frame_scores, judged
from audiotag.models.frames import frame_level, frame_steps
from audiotag.records import Data
from audiotag.records.strong_labels import has_strong_labels
from audiotag.report.formats import count, figure, heading
from audiotag.report.section import Section, Table
from audiotag.tagging.event_decoding import EventDecoding

_TITLE = "Beginnings and ends"


def measure(evaluation: Evaluation) -> Section | None:
    """How well a network finds the events of a split whose strong labels are known; None where there are none.

    Notes and texts have sections of their own.
    """
    scored = evaluation.scored[0]
    network, data = scored.network, scored.data
    if (
        len(evaluation.scored) > 1
        or network is None
        or data.task.of_notes
        or data.task.of_speech
        or scored.scorer.labels.names != data.labels.names
    ):
        return None
    if reason := note(network, data, scored.split):
        return Section(_TITLE, notes=(reason,), values={"sound_events": None})
    decoding = None if scored.scorer.tagger is None else scored.scorer.tagger.step_decoding
    result = compare(network, data, scored.split, decoding=decoding)
    if result is None:
        return None
    made = section(result)
    shared = [] if decoding is None else calibrating.shared_splits(decoding.fitted_on, data, scored.split)
    if shared:
        fitted = f"thresholds and medians of steps were chosen on {', '.join(shared)}, measured here"
        made = replace(made, notes=(*made.notes, f"{fitted}: new clips will fare worse"))
    return made


def section(result: SoundEvents) -> Section:
    """The section of a comparison."""
    weak = {"clips left out, whose events have no times": str(result.weakly_labelled)} if result.weakly_labelled else {}
    listed = ", ".join(f"{heading(name)} {figure(value)}" for name, value in result.means.items())
    return Section(
        _TITLE,
        how="How well sounds are found in time, not only in the clip. 1 is perfect.",
        conclusions=(f"onsets and offsets: {listed}",),
        scalars=result.means,
        tables=(Table.of(result.classes),),
        facts={"clips": count(result.clips)} | weak | result.parameters,
        values={"sound_events": result},
    )


def compare(
    network: keras.Model, data: Data, split: str, batch_size: int = 32, decoding: EventDecoding | None = None
) -> SoundEvents | None:
    """Compare what a network says of every step with the strong labels of a split.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, classes).
        data: an open data set.
        split: expression of splits.
        batch_size: clips at a time.
        decoding: of the tagger; its medians are in the time of the recordings. None: the usual threshold, no median.

    Returns:
        None where the split has no strong labels.

    Raises:
        AudiotagError: a score that is not finite, or the reason that `note` gives.
    """
    if not has_strong_labels(data, split):
        return None
    truth, scores = judged(data, split), frame_scores(network, data, split, batch_size)
    if decoding is not None and data.speed:
        decoding = replace(decoding, smooth=tuple(seconds / data.speed for seconds in decoding.smooth))
    result = judge(truth, {clip_id: scores[clip_id] for clip_id in truth}, data.labels, decoding)
    if data.speed != 1:
        played = {"times": f"of the sound that is heard, played at {describe_speed(data.speed)}"}
        result = replace(result, parameters=result.parameters | played)
    return replace(result, weakly_labelled=len(scores) - len(truth))


def note(network: keras.Model, data: Data, split: str) -> str:
    """Why a split with strong labels cannot be measured; "" where it can, or where there is nothing to measure."""
    if not has_strong_labels(data, split):
        return ""
    try:
        frame_steps(frame_level(network))
        scorer()
    except AudiotagError as error:
        return f"onsets and offsets were not measured: {error}"
    return ""
