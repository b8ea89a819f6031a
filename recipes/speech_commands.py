"""Speech Commands: a published network of AudioSet, fine-tuned on 35 words, or on ten and what is none of them.

    audiotag recipe speech_commands --words 12

Paper: none for these networks; the values are those of ESC-50, arXiv 2211.04772.
Data: Warden, "Speech Commands: a dataset for limited-vocabulary speech recognition", arXiv 1804.03209.

Measured: not run at full size here. Published: nothing for these networks; AST 98.1 % of 35 words, arXiv 2104.01778.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from audiotag.cli import run_recipe


def speech_commands(
    source: Path | None = None,
    out: Path = Path("speech_commands"),
    words: Literal["35", "12"] = "35",
    model: str = "mn10",
    weights: str = "audioset",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Fine-tune a published network on Speech Commands.

    Args:
        source: folder with a folder a word. Default: download it.
        out: folder for the data set and the runs.
        words: every word is a class, or ten commands, other words and silence.
        model: architecture of the network; mn04, mn10, dymn10 …
        weights: what it starts from: 'audioset' for its published weights, a file or run, or 'none'.
        epochs: how many. Default: the preset's.
        batch_size: clips a step. Default: the preset's.
    """
    from rich.console import Console

    from audiotag import evaluation, records, report, training
    from audiotag.startup import import_tensorflow_quietly

    console = Console(highlight=False, soft_wrap=True)
    declaration = records.declare("speech_commands", source=source, words=words)
    records.build(declaration, out / "data")
    import_tensorflow_quietly()
    data = records.open(out / "data")

    preset = training.preset("speech_commands_mn")
    changes = {"model": model, "weights": None if weights == "none" else weights}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch_size": batch_size} if batch_size else {}
    run = training.train(preset.recipe(data, **changes), out / f"speech_commands-{model}")
    measured = evaluation.evaluate(run.path, recordings=declaration)
    report.show(measured, console)
    accuracy = 100 * measured.summary["accuracy"]
    console.print(f"\n{model}: accuracy {accuracy:.1f} % on the test split; published: {preset.published}")


if __name__ == "__main__":
    run_recipe(speech_commands)
