"""Options of every command for models that do not state themselves what they take and give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from audiotag.scorers import Scorer

SOURCE = (
    "A run folder; a .keras, .tflite or .onnx file; a SavedModel; a published name; module:function. "
    "Several are averaged."
)

Labels = Annotated[
    Path | None, typer.Option("--labels", help="Classes of a model that does not state them: labels.csv, or a text.")
]
FrontEnd = Annotated[str | None, typer.Option("--front-end", help="Log-mel of such a model: a preset's name.")]
SampleRate = Annotated[int | None, typer.Option("--sample-rate", help="Of the waveforms of such a model, Hz.")]
Task = Annotated[str | None, typer.Option("--task", help="Of such a model: multilabel or multiclass.")]
Outputs = Annotated[str | None, typer.Option("--outputs", help="What such a model gives: scores or logits.")]
Data = Annotated[
    str | None,
    typer.Option("--data", help="A data set that says all this: built for such a model."),
]

Channel = Annotated[
    str | None,
    typer.Option(help="mean, left, right, loudest or a number. Default: the mean; where it cancels, the loudest."),
]
Speed = Annotated[
    float | None,
    typer.Option(
        help="Play faster or slower: 0.1 for bats, 8 for whales. Times are unchanged. Default: as in the training."
    ),
]


def open_model(models: list[str], data: str | None, **stated: Any) -> Scorer:
    """What scores sound, of the command line; arguments as of `audiotag.scorers.open_model`."""
    from audiotag import records, scorers

    if any(map(scorers.needs_keras, models)):
        import_tensorflow_quietly()
    return scorers.open_model(models, None if data is None else records.open(data), **stated)
