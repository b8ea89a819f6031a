"""`evaluate` of a language model: bits of the next token beside the baselines, and what surprised it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from audiotag import models, run_folder, storage
from audiotag.errors import AudiotagError
from audiotag.evaluation.sections import next_token, surprise
from audiotag.metrics.next_token import NextToken, compare
from audiotag.report import formats, tables
from audiotag.report.document import Document, Key
from audiotag.report.html import document_page
from audiotag.report.tensorboard import board
from audiotag.report.writing import PAGE, SUMMARY, TABLE
from audiotag.tensorboard.events import PATTERN, EventFile
from audiotag.tokens import LanguageModel, TokenData, open_model
from audiotag.tokens.language_model import bits_of


@dataclass(frozen=True)
class LanguageReport:
    """What the evaluation of a language model found.

    Args:
        out: folder of everything written: `report.html`, `metrics.csv` (a row a predictor), `metrics.json`,
            `evaluation/` (TensorBoard).
        document: what the page shows.
        result: the bits.
    """

    out: Path
    document: Document
    result: NextToken


def evaluate(
    run: Path | str,
    *,
    data: Path | str | None = None,
    split: str | None = None,
    out: Path | str | None = None,
    resamples: int = 1000,
) -> LanguageReport:
    """Measure a language model on a split, and write page, tables and TensorBoard's scalars.

    Args:
        run: its folder.
        data: a folder of tokens of the same tokenizer. Default: that of the training.
        split: expression of splits. Default: "test" where there is one, else what the run was validated on.
        out: folder of what is written. Default: the run; `evaluation-<split>` in it where another split is named.
        resamples: of the bootstrap over clips; 0: no intervals.

    Raises:
        AudiotagError: no language model, tokens of another tokenizer, or no such split.
    """
    run, model = Path(run), open_model(run)
    tokens, recipe = model.data(data), run_folder.recipe(run)
    usual = "test" if "test" in tokens.splits else recipe.get("validation")
    chosen = usual if split is None else split
    if chosen in (None, run_folder.NO_VALIDATION):
        raise AudiotagError(f"{tokens.name} has no split 'test': name one with --split ({', '.join(tokens.splits)})")
    same = tokens.fingerprint == recipe.get("fingerprint") and chosen == usual
    if out is None:
        out = run if same else storage.inside(run, f"evaluation-{chosen if data is None else tokens.name}")
    out = Path(out)
    clip_ids, rows = tokens.rows(chosen)
    bits = bits_of(model.network, rows)
    training = model.data().rows(recipe["train"])[1]
    of_tokens = (len(tokens.labels), tokens.tokenizer.rate)
    result = compare(recipe.get("model", model.network.name), bits, rows, training, *of_tokens, resamples)
    measured = {"next_token": next_token.section(result), "surprise": None}
    if not tokens.tokenizer.of_notes:  # whose tokens stand at no fixed times
        measured["surprise"] = surprise.section(clip_ids, bits, tokens)
    notes = _seen(tokens, recipe, chosen)
    command = ["audiotag", "evaluate", str(run), *([] if data is None else ["--data", str(data)])]
    command += [] if split is None else ["--split", split]
    document = _document(model, tokens, chosen, measured, notes, shlex.join(command))
    _write(out, document, result, _last_epoch(run))
    return LanguageReport(out, document, result)


def _seen(tokens: TokenData, recipe: dict, split: str) -> str:
    """A note where the model, or its best epoch, was chosen on the clips that are measured; "" where not."""
    measured = set(tokens.select(split))
    if tokens.fingerprint != recipe.get("fingerprint"):
        return ""
    if shared := sorted(measured & set(tokens.select(recipe["train"]))):
        return f"it was trained on {', '.join(shared)}, measured here: new clips will fare worse"
    validation = recipe["validation"]
    watched = set() if validation == run_folder.NO_VALIDATION else set(tokens.select(validation))
    if recipe["monitor"] != run_folder.LAST and (shared := sorted(measured & watched)):
        return f"the best epoch was chosen on {', '.join(shared)}, measured here: new clips will fare slightly worse"
    return ""


def _document(model: LanguageModel, tokens: TokenData, split: str, measured: dict, note: str, command: str) -> Document:
    scalars, tokenizer = measured["next_token"].scalars, model.tokenizer
    what = tokenizer.source + (f", {tokenizer.layer}" if tokenizer.layer else "")
    keys = (
        Key("bits a token", formats.figure(scalars["bits_per_token"]), f"of {split}"),
        Key("bits a second", formats.figure(scalars["bits_per_second"]), f"at {tokenizer.rate:g} tokens a second"),
        Key("fewer than a bigram", formats.figure(scalars["bits_fewer_than_bigram"], "+"), "bits a token"),
        Key("parameters", formats.count(models.parameters(model.network)), model.network.name),
    )
    facts = {
        "tokens": str(tokens.path),
        "different tokens": formats.count(len(tokens.labels)),
        "made of": what,
        "learnt from": tokens.card["learnt_from"],
        "tokenizer": tokenizer.fingerprint[:16],
        "front end": tokens.front_end.describe(),
    }
    kind = "tokens of notes" if tokenizer.of_notes else "sound tokens"
    lead = f"A language model of {kind} on {tokens.name}, {split}." + (f" Note: {note}." if note else "")
    return Document(
        model.run.resolve().name, "How well the next sound is predicted", lead, keys, measured, facts, command
    )


def _write(out: Path, document: Document, result: NextToken, step: int) -> None:
    """Write every file; what an earlier evaluation left there is replaced."""
    values = {"format": tables.FORMAT, "task": "tokens", "command": document.command, "versions": tables.versions()}
    values["summary"] = document.sections["next_token"].scalars | {"clips": result.clips}
    values |= {name: value for _, section in document.shown() for name, value in section.values.items()}
    with storage.write_atomically(out / TABLE) as file:
        result.table.to_csv(file, index=False, float_format="%.6f", lineterminator="\n")
    storage.write_json(out / SUMMARY, tables.plain(values))
    with storage.write_atomically(out / PAGE, "wb") as file:
        file.write(document_page.render(document).encode("utf-8", "replace"))
    folder = out / run_folder.EVALUATION
    old = list(folder.glob(PATTERN))
    with EventFile(folder) as file:
        for row in result.table.itertuples():
            for name in ("bits_per_token", "bits_per_second", "at_repeats", "at_changes"):
                file.scalar(f"{name}/{row.predictor.replace(' ', '_')}", getattr(row, name), step)
        for name, section in document.shown():
            board.add_section(file, name, section, step)
    for path in old:
        path.unlink(missing_ok=True)


def _last_epoch(run: Path) -> int:
    """The epoch at which points stand in TensorBoard: the last that was trained."""
    files = (run / run_folder.CHECKPOINTS).glob("epoch-*.npz")
    return max((int(file.stem.split("-")[1]) for file in files), default=0)
