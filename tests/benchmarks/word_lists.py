"""Rates of wrong words of runs on splits they were not trained on: each step for itself, and by a list of words.

python tests/benchmarks/word_lists.py data/speakers one,two,three runs/fold1=fold1 runs/fold2=fold2
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.special import log_softmax

from audiotag import records, scorers
from audiotag.metrics.word_errors import Heard, compare
from audiotag.models.characters import character_level
from audiotag.models.frames import frame_steps
from audiotag.records.clips import clips_of
from audiotag.speech import WordList, beam_search, greedy, normalised
from audiotag.speech.text import spelled


def main(folder: str, words: str, *runs: str) -> None:
    data = records.open(folder)
    listed = WordList(words.split(","), data.labels)
    ways = {"each step": greedy, "list of words": lambda logarithms: beam_search(logarithms, words=listed)}
    heard: dict[str, dict[str, Heard]] = {way: {} for way in ways}
    for run, split in (pair.rsplit("=", 1) for pair in runs):
        network = character_level(scorers.open(run).network)
        steps, rows = frame_steps(network), clips_of(data, split).set_index("clip_id")
        for log_mel, target, keys, _ in data.read(split, batch_size=16, variants=0, steps=steps, keys=True):
            logits = log_softmax(network.predict_on_batch(log_mel.numpy()).astype(np.float64), axis=-1)
            lasting = (target["steps"].numpy()[..., 0] >= 0).sum(axis=1)
            for key, of_clip, length in zip(keys.numpy(), logits, lasting, strict=True):
                row = rows.loc[key.decode()]
                for way, decode in ways.items():
                    found = normalised(spelled(decode(of_clip[:length]).characters, data.labels))
                    heard[way][row.name] = Heard(row["text"], found, length * 0.04, row.get("speaker", ""))
    for way, clips in heard.items():
        result = compare(clips)
        low, high = result.intervals["WER"]
        print(
            f"{way}: WER {result.rates['WER']:.2%} ({low:.2%} to {high:.2%}), CER {result.rates['CER']:.2%}, mean of "
            f"{len(result.speakers)} speakers {result.mean_of_speakers:.2%}, {result.inserted_an_hour:.1f} words an "
            f"hour of {60 * result.silent_hours:.1f} minutes in which nothing is said"
        )
        print(result.speakers.sort_values("WER").to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
