"""How long each kind of model takes for a recording: tags, sound events, notes, words and surprise, in one run.

    python tests/benchmarks/task_speed.py FILE RUN [RUN …]

Each RUN is asked for what it was trained for, of the whole of FILE, on one thread, log-mel included; the best of three.
It prints the parameters and the real-time factor: seconds of sound a second of computing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from audiotag import audio, models, run_folder, scorers, tokens
from audiotag.tagging.events import events
from audiotag.tagging.tags import tag
from audiotag.tagging.transcribing import transcribe
from audiotag.tagging.words import words
from audiotag.tokens.surprise import surprise

ROUNDS = 3
OF_STEPS = {"notes": transcribe, "characters": words, "active classes": events}


def task_of(source: str, waveform_at: Callable[[int], object]) -> tuple[str, int, Callable[[], object]]:
    """What a model is asked for, its parameters, and the asking."""
    if tokens.is_language_model(Path(source)):
        model = tokens.open_model(source)
        heard = waveform_at(model.tokenizer.clip_format.front_end.sample_rate)
        return "surprise", models.parameters(model.network), lambda: surprise(model, heard)
    scorer = scorers.open_model(source)
    heard, asked = waveform_at(scorer.sample_rate), scorer.task.asked_of_steps
    recipe = run_folder.recipe(Path(source)) if Path(source).is_dir() else {}
    of_steps = recipe.get("strong_weight", scorer.task.strong_weight) > 0
    what, ask = (asked, OF_STEPS[asked]) if of_steps else ("tags", tag)
    return what, models.parameters(scorer.network), lambda: ask(scorer, heard)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()

    def waveform_at(rate: int) -> object:
        return audio.read(given.file, rate)

    print("| model | what | parameters | real-time factor |\n|-|-|-|-|")
    for source in given.models:
        what, parameters, ask = task_of(source, waveform_at)
        seconds = audio.seconds(given.file)
        ask()
        spent = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            ask()
            spent.append(time.perf_counter() - started)
        print(f"| {source} | {what} | {parameters:,} | {seconds / min(spent):,.0f} |")


if __name__ == "__main__":
    main()
