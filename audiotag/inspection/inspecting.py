"""Inspecting a data set: measured once, said in sections, written as a page and tables."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from audiotag import records, storage
from audiotag.errors import AudiotagError, AudioWarning
from audiotag.inspection import sections
from audiotag.inspection.inspected import MOST_HEARD, Inspected, measure
from audiotag.records import Data, Declaration
from audiotag.report import formats
from audiotag.report.document import Document, Key
from audiotag.report.html import document_page

PAGE, CLIPS, SUMMARY = "inspection.html", "clips.csv", "inspection.json"


@dataclass(frozen=True)
class Inspection:
    """What is in a data set.

    Args:
        out: folder of everything written: `inspection.html`, `inspection.json`, `clips.csv` (a row a clip with what was
            measured of it), and a table a section that has any.
        document: what the page shows.
        clips: as of `clips.csv`.
        tables: those of the sections by name.
    """

    out: Path
    document: Document
    clips: pandas.DataFrame
    tables: dict[str, pandas.DataFrame]

    @property
    def findings(self) -> list[str]:
        """What was found, a line each, with what to do."""
        return self.document.conclusions

    def summary(self) -> dict[str, Any]:
        """What programs read: name, figures, findings, and the tables but that of all clips."""
        of_tables = {name: _plain(table) for name, table in self.tables.items()}
        figures = {key.name: key.value for key in self.document.keys}
        facts = {"name": self.document.title, "figures": figures, "findings": self.findings}
        return {**facts, "tables": of_tables, "folder": str(self.out)}


def inspect(
    path: str | Path,
    out: str | Path | None = None,
    *,
    source: Declaration | str | Path | None = None,
    against: str | Path | None = None,
) -> Inspection:
    """Look into a data set: classes, leaks, near-duplicates, levels, bandwidth, lengths, rejected clips.

    Nothing is written into the data set.

    Args:
        path: folder of the data set.
        out: folder for the page and the tables. Default: `inspection-NAME` in the current folder, NAME that of the data
            set's folder.
        source: folder of the recordings; or the declaration, whose sounds may be no files. Default: where the build
            found them. Without recordings, levels are those of kept waveforms, or of the log-mel as far as it tells.
        against: folder of another data set of the same front end: sounds that it has too are listed.

    Raises:
        AudiotagError: no data set, a damaged one, one of another front end, no such folder of recordings, or a folder
            that cannot be written.
    """
    data = records.open(path)
    out = Path(f"inspection-{data.path.resolve().name}" if out is None else out)
    if not storage.is_remote(data.path) and out.resolve().is_relative_to(data.path.resolve()):
        raise AudiotagError(f"an inspection is written beside a data set, received {out} inside it: choose another")
    if isinstance(source, str | Path):
        source = storage.place(source)
    if isinstance(source, Path) and not source.is_dir():
        raise AudiotagError(f"there is no folder of recordings {source}: say with --source where they lie")
    other = None if against is None else records.open(against)
    if other is not None and (difference := data.front_end.difference(other.front_end)):
        raise AudiotagError(
            f"sounds are compared in log-mels of one front end, {data.name} and {other.name} differ in {difference}: "
            "build one of them again with the other's front end"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)  # the sections say it
        inspected = measure(data, source)
        if other is not None:
            inspected = replace(inspected, against=measure(other, sound=False))
        measured = sections.measure(inspected)
    tables = {
        name: value
        for section in measured.values()
        if section is not None
        for name, value in section.values.items()
        if len(value)
    }
    command = f"audiotag inspect {shlex.quote(str(path))} --out {shlex.quote(str(out))}"
    command += "" if against is None else f" --against {shlex.quote(str(against))}"
    files = (CLIPS, *(f"{name}.csv" for name in tables))
    document = _document(data, inspected, measured, command, files)
    inspection = Inspection(out, document, inspected.clips.drop(columns="digest"), tables)
    _write(inspection)
    return inspection


def _document(data: Data, inspected: Inspected, measured: dict[str, Any], command: str, files: tuple) -> Document:
    clips, labels = inspected.clips, data.labels
    splits = formats.names([f"{split} {formats.count(count)}" for split, count in data.splits.items()], 12)
    heard = f"of {formats.count(int(clips['seconds'].notna().sum()))} clips, from their {inspected.heard}"
    findings = sum(len(section.conclusions) for section in measured.values() if section is not None)
    keys = (
        Key("clips", formats.count(len(clips)), f"of {data.seconds:g} s: {splits}"),
        Key("classes", formats.count(len(labels)), str(data.task)),
        Key("hours", f"{len(clips) * data.seconds / 3600:.3g}", "of sound that the network hears, without variants"),
        Key("findings", str(findings), "each says what to do"),
    )
    facts = {
        "data set": str(data.path),
        "front end": data.front_end.describe(),
        "stored": data.stored.kind + (", with waveforms" if data.waveforms else ""),
        "variants": str(data.variants),
        "levels and lengths": heard if inspected.heard else "the recordings are not at hand: see --source",
        "licence": data.manifest.licence,
        "citation": data.manifest.citation,
        "fingerprint": data.fingerprint[:16],
    }
    if inspected.heard == "recordings" and len(clips) > MOST_HEARD:
        facts["levels and lengths"] += f", evenly chosen (at most {formats.count(MOST_HEARD)} are read)"
    lead = f"{formats.count(len(clips))} clips, {formats.count(len(labels))} classes, {data.task}."
    return Document(data.name, "What is in the data set", lead, keys, measured, facts, command, files)


def _write(inspection: Inspection) -> None:
    try:
        inspection.out.mkdir(parents=True, exist_ok=True)
        for name in _former_tables(inspection.out) - set(inspection.tables):
            (inspection.out / f"{name}.csv").unlink(missing_ok=True)
        for name, table in ({"clips": inspection.clips} | inspection.tables).items():
            with storage.write_atomically(inspection.out / f"{name}.csv") as file:
                table.to_csv(file, index=False, lineterminator="\n")
        storage.write_json(inspection.out / SUMMARY, inspection.summary())
        with storage.write_atomically(inspection.out / PAGE, "wb") as file:
            file.write(document_page.render(inspection.document).encode("utf-8", "replace"))
    except OSError as error:
        raise AudiotagError(
            f"the inspection cannot be written to {inspection.out} ({error.strerror or error}): make room, or name "
            "another folder with --out"
        ) from error


def _former_tables(out: Path) -> set[str]:
    """Tables that an earlier inspection has written there."""
    if not (out / SUMMARY).is_file():
        return set()
    summary = storage.read_json(out / SUMMARY)
    names = summary.get("tables", {}) if isinstance(summary, dict) else {}
    return {name for name in names if (out / f"{name}.csv").parent == out}


def _plain(table: pandas.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON knows them: null where a number is not defined or infinite."""
    finite = table.replace([np.inf, -np.inf], np.nan).astype(object)
    return finite.where(finite.notna(), None).to_dict("records")
