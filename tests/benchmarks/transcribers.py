"""Transcribe the recordings of a data set of notes as whole files, beside another transcriber's MIDI files of them.

    audiotag build piano_render --front-end pitch --out data/piano
    audiotag train data/piano --model notes --mixup 0 --out runs/piano
    python tests/benchmarks/transcribers.py data/piano test runs/piano [FOLDER of NAME.mid]

It prints F1 of onsets, of onsets with offsets and of frames: means over recordings, with intervals.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from audiotag import records, scorers
from audiotag.metrics.transcription import KINDS, Transcriptions, compare
from audiotag.notes import midi
from audiotag.records.recorded_notes import recorded_notes
from audiotag.tagging.transcribing import transcribe


def row(name: str, result: Transcriptions) -> str:
    cells = []
    for kind in KINDS:
        low, high = result.intervals[f"{kind}_F1"]
        cells.append(f"{result.means[f'{kind}_F1']:.3f} ({low:.3f} to {high:.3f})")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("split")
    parser.add_argument("model")
    parser.add_argument("others", nargs="?", type=Path, help="folder of MIDI files named as the recordings")
    parser.add_argument("--onset-threshold", type=float, help="default: as calibrated, else 0.5")
    parser.add_argument("--frame-threshold", type=float, help="default: as calibrated, else 0.5")
    given = parser.parse_args()
    data = records.open(given.data)
    recordings = recorded_notes(data, given.split)
    truth = {name: own.notes for name, own in recordings.items()}
    model = scorers.open(given.model)
    started, seconds, found = time.process_time(), 0.0, {}
    for name in truth:
        result = transcribe(model, data.recordings / name, given.onset_threshold, given.frame_threshold)
        found[name], seconds = result.notes, seconds + result.seconds
    spent = time.process_time() - started
    print(f"{len(truth)} recordings, {sum(map(len, truth.values()))} notes; {seconds:.0f} s of sound in {spent:.0f} s")
    print(f"| {' | '.join(('transcriber', *KINDS))} |\n|{'-|' * (1 + len(KINDS))}")
    print(row(given.model, compare(truth, found)))
    if given.others is not None:
        others = {name: midi.read(given.others / f"{Path(name).stem}.mid").notes for name in truth}
        print(row(str(given.others), compare(truth, others)))


if __name__ == "__main__":
    main()
