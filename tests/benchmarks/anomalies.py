"""Does surprise find where a recording breaks? Halves of clips of different classes, put together, beside whole clips.

    python tests/benchmarks/anomalies.py runs/esc10-tokens --split fold5

Of each pair the first half of one clip and the second half of another are one recording: its surprise within half a
second of the break is compared with that of the first clip, whole, in the same place. It prints the area under the ROC
curve (0.5 is chance), and how often the curve's peak lies there, for the model, for a bigram, and for the change of the
log-mel from token to token.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.metrics import roc_auc_score

from audiotag import tokens
from audiotag.frontend import log_mel
from audiotag.metrics.next_token import baseline
from audiotag.tokens.retrieval import sounds
from audiotag.tokens.surprise import of_tokens, peaks, smooth

NEAR = 0.5  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--split", required=True)
    options = parser.parse_args()
    model = tokens.open_model(options.run)
    data = model.data()
    waveform_of, records, rate = sounds(data), data.source(), model.tokenizer.rate
    clip_ids = np.random.default_rng(0).permutation(data.rows(options.split)[0])
    labels = records.rows(clip_ids)["labels"].tolist()
    bigram = baseline("bigram", data.rows(data.card["learnt_from"])[1], len(data.labels))
    width = round(rate)

    def curves(sound: np.ndarray) -> dict[str, np.ndarray]:
        found = model.tokens_of(sound)
        steps = log_mel(sound, model.tokenizer.clip_format.front_end)[: len(found) * model.vectors.distance]
        steps = steps.reshape(len(found), model.vectors.distance, -1).mean(axis=1)
        change = np.abs(np.diff(steps, axis=0, prepend=steps[:1])).mean(axis=1)
        return {
            "model": of_tokens(model, found).smoothed,
            "bigram": smooth(bigram(found[None])[0], width),
            "change of log-mel": smooth(change, width),
        }

    whole: dict[str, list[float]] = {}
    broken: dict[str, list[float]] = {}
    hits: dict[str, list[bool]] = {}
    for number, clip_id in enumerate(clip_ids):
        other = next(
            place for place in range(number + 1, number + len(labels)) if labels[place % len(labels)] != labels[number]
        )
        first, second = waveform_of(clip_id), waveform_of(clip_ids[other % len(labels)])
        half = len(first) // 2
        if not np.ptp(first[half:]) or not np.ptp(second[half:]) or not np.ptp(first[:half]):
            continue  # clips that end in digital silence
        break_at = half / model.tokenizer.clip_format.front_end.sample_rate * rate
        near = slice(round(break_at - NEAR * rate), round(break_at + NEAR * rate) + 1)
        for name, curve in curves(first).items():
            whole.setdefault(name, []).append(float(curve[near].max()))
        for name, curve in curves(np.concatenate([first[:half], second[half:]])).items():
            broken.setdefault(name, []).append(float(curve[near].max()))
            hits.setdefault(name, []).append(near.start <= int(peaks(curve[None], width)[0]) < near.stop)
    print(f"{len(whole['model'])} pairs of {options.split}")
    for name in whole:
        truth = [0] * len(whole[name]) + [1] * len(broken[name])
        area = roc_auc_score(truth, whole[name] + broken[name])
        print(f"{name:18} AUC {area:.3f}, peak within {NEAR:g} s of the break {np.mean(hits[name]):.3f}")


if __name__ == "__main__":
    main()
