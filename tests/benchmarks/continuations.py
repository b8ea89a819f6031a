"""Continuations, judged by a tagger that had no part in them: how far they stay with the classes of their prompts.

    python tests/benchmarks/continuations.py runs/esc10-tokens --split fold5 --tagger mn04_as [--write DIR]

Each clip's first half is a prompt, which is continued for as long again. The tagger names the prompt and what follows:
how often its best class is the same, and how alike its scores are (cosine). Beside it: what really follows, the prompt
once more, the continuation of another prompt, and pieces of the same clips for tokens that a bigram draws. Then how
long the longest run of tokens is that a training clip has too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from audiotag import audio, progress, scorers, tokens
from audiotag.metrics.next_token import baseline
from audiotag.tokens.continuing import continue_sound
from audiotag.tokens.retrieval import FADE, Store, joined, sounds
from audiotag.tokens.sampling import Sampling


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--split", required=True)
    parser.add_argument("--tagger", default="mn04_as")
    parser.add_argument("--clips", type=int, default=80)
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--write", type=Path, help="write the first three continuations into this folder")
    options = parser.parse_args()
    model = tokens.open_model(options.run)
    data = model.data()
    tagger = scorers.open_model(options.tagger)
    if tagger.sample_rate != model.tokenizer.clip_format.front_end.sample_rate:
        raise SystemExit("the tagger takes another rate")
    waveform_of, clip_ids = sounds(data), data.rows(options.split)[0]
    clip_ids = np.random.default_rng(0).permutation(clip_ids)[: options.clips]
    store, rate = Store(data, data.card["learnt_from"]), tagger.sample_rate
    bigram = _bigram(data)
    heard: dict[str, list[np.ndarray]] = {}
    runs: dict[str, list[float]] = {"model": [], "bigram": []}
    with progress.bar("Continuing", len(clip_ids), "clips") as advance:
        for number, clip_id in enumerate(clip_ids):
            whole = waveform_of(clip_id)
            half = len(whole) // 2
            prompt, rest = whole[:half], whole[half : 2 * half]
            if not np.ptp(prompt) or not np.ptp(rest):
                advance(1)
                continue  # clips that end in digital silence say nothing
            made = continue_sound(model, prompt, half / rate, data=data, sampling=Sampling(options.top_p, seed=number))
            drawn = _drawn(bigram, made.prompt_tokens[-1], len(made.tokens), options.top_p, number)
            pieces = store.pieces(drawn, made.prompt_tokens)
            of_bigram = joined(prompt, pieces, waveform_of, model.samples_a_token, round(FADE * rate))
            runs["model"].append(made.longest / made.rate)
            runs["bigram"].append(store.longest_run(drawn) / made.rate)
            parts = {"prompt": prompt, "what really follows": rest, "the model": made.continuation}
            parts |= {"the bigram": of_bigram[half : 2 * half]}
            for name, sound in parts.items():
                heard.setdefault(name, []).append(tagger.predict_on_batch(sound[None, :half])[0])
            if options.write and number < 3:
                audio.write(options.write / f"{clip_id}.continued.wav", made.waveform, rate)
            advance(1)
    scores = {name: np.stack(values) for name, values in heard.items()}
    prompts = scores.pop("prompt")
    scores["the prompt once more"] = prompts
    scores["another prompt's continuation"] = np.roll(scores["the model"], 1, axis=0)
    print(f"{len(prompts)} prompts of {half / rate:g} s, of {options.split}; judged by {options.tagger}")
    print(f"{'what follows':32} same best class            cosine of scores     (95 % intervals over prompts)")
    for name, values in scores.items():
        same = (values.argmax(axis=1) == prompts.argmax(axis=1)).astype(float)
        lengths = np.linalg.norm(values, axis=1) * np.linalg.norm(prompts, axis=1)
        print(f"{name:32} {_with_interval(same)}   {_with_interval((values * prompts).sum(axis=1) / lengths)}")
    for name, seconds in runs.items():
        print(
            f"longest run as in a training clip, {name}: median {np.median(seconds):.2f} s, most {max(seconds):.2f} s"
        )


def _with_interval(values: np.ndarray) -> str:
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def _bigram(data: tokens.TokenData) -> np.ndarray:
    """Probabilities of the next token (tokens, tokens), as the baseline of the evaluation has them."""
    size = len(data.labels)
    bits = baseline("bigram", data.rows(data.card["learnt_from"])[1], size)
    pairs = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1).reshape(-1, 2)
    return 2.0 ** -bits(pairs)[:, 1].reshape(size, size)


def _drawn(bigram: np.ndarray, last: int, count: int, top_p: float, seed: int) -> np.ndarray:
    from audiotag.tokens.sampling import probabilities

    random, found = np.random.default_rng(seed), [int(last)]
    for _ in range(count):
        shares = probabilities(np.log(bigram[found[-1]]), Sampling(top_p))
        found.append(int(random.choice(len(shares), p=shares)))
    return np.array(found[1:], np.int32)


if __name__ == "__main__":
    main()
