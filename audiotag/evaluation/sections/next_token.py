"""How many bits the next token needs, of a language model and of what is known without one."""

from __future__ import annotations

import dataclasses

from audiotag.metrics.next_token import LEVEL, NextToken
from audiotag.report.formats import count, figure, percent
from audiotag.report.section import Section, Table


def section(result: NextToken) -> Section:
    """The section of a comparison; its table's first row is the model."""
    of = result.table.set_index("predictor")
    name = of.index[0]
    mean, low, high = result.better
    interval = "" if low != low else f" ({figure(low)} to {figure(high)})"
    verdict = "fewer" if mean > 0 else "more"
    line = (
        f"{name}: {figure(of.bits_per_token[name])} bits a token, {figure(abs(mean))}{interval if mean > 0 else ''} "
        f"{verdict} than the bigram's {figure(of.bits_per_token['bigram'])}"
    )
    columns = {"low": "from", "high": "to"}
    table = result.table.rename(columns=columns)
    table.columns = [column.replace("_", " ") for column in table.columns]
    return Section(
        "The next token",
        how="Bits that each token needs, given those before it in its clip: -log2 of its probability, averaged. "
        "Fewer is better. A repeat is the same token as the one before, anything else a change; the first of a clip is "
        "neither.",
        conclusions=(line,),
        scalars={
            "bits_per_token": float(of.bits_per_token[name]),
            "bits_per_second": float(of.bits_per_second[name]),
            "bits_fewer_than_bigram": mean,
        },
        tables=(Table.of(table, sortable=False),),
        facts={
            "clips": count(result.clips),
            "tokens": count(result.tokens),
            "repeats": percent(result.repeats),
            "intervals": f"{percent(LEVEL)}, of {count(result.resamples)} draws of clips",
        },
        values={"next_token": dataclasses.asdict(result)},
    )
