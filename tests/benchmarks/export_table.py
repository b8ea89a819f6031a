"""Size, difference and speed of networks in every format and precision, on real clips, in one run.

    python tests/benchmarks/export_table.py FOLDER_OF_SOUNDS [mn04_as mn01:50=mn01.safetensors crnn …]

A name is a published tagger's; an architecture's with its classes, else 527, and the file of its weights; or an
architecture's alone: then its weights are random, its normalisations follow the clips, and eight bits cost other than
they do a trained one. Nothing is refused here; "allowed" says whether `audiotag export` would write the file. Times are
of one thread: from the waveform of a window to scores, the median of interleaved rounds (`audiotag bench models`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from audiotag import AudiotagError, audio, models, scorers
from audiotag.export import Form, export, formats, parity
from audiotag.frontend import preset
from audiotag.labels import Labels
from audiotag.models.frames import frame_level
from audiotag.scorers import speed
from audiotag.tagging import AudioTagger

DEFAULT = ("mn01", "mn04", "mn10", "dymn04", "crnn", "yamnet")
PRECISIONS = ("float32", "float16", "dynamic", "int8")


def tagger(name: str, sounds: Path) -> AudioTagger:
    """A published tagger, or an architecture with weights from a file or at random."""
    named, _, weights = name.partition("=")
    architecture, _, classes = named.partition(":")
    if not weights and architecture.endswith("_as"):
        return scorers.load(architecture)
    front_end = preset("yamnet" if architecture == "yamnet" else "efficientat")
    classes = int(classes or 527)
    network = models.build(architecture, classes=classes, weights=weights or None, mels=front_end.mels)
    seconds = 0.975 if architecture == "yamnet" else 10.0
    made = AudioTagger(network, Labels(tuple(map(str, range(classes)))), front_end, seconds=seconds)
    if not weights:
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        files = sorted(sounds.iterdir())[:8]
        clips = [audio.read(file, front_end.sample_rate)[: round(seconds * front_end.sample_rate)] for file in files]
        shortest = min(map(len, clips))
        network(made.log_mel(np.stack([clip[:shortest] for clip in clips])), training=True)
    return made


def keeps_time(network: keras.Model) -> bool:
    try:
        frame_level(network)
    except AudiotagError:
        return False
    return True


def main(sounds: Path, names: list[str]) -> None:
    """Print a table a network."""
    allowed = dict(parity.TOLERANCES)
    parity.TOLERANCES.update({name: parity.Tolerance(np.inf, np.inf) for name in allowed})
    for name in names:
        with TemporaryDirectory() as folder:
            made = tagger(name, sounds)
            source = models.save(made, Path(folder) / "tagger.keras")
            print(f"\n{name.partition('=')[0]}: {made.network.count_params():,} weights", flush=True)
            rows = []
            for to in formats.NAMES:
                for precision in (each for each in PRECISIONS if each in formats.load(to).PRECISIONS):
                    frames = to != "keras" and keeps_time(made.network) and name.startswith(("crnn", "fmn"))
                    out = Path(folder) / f"{to}-{precision}{formats.load(to).SUFFIX}"
                    try:
                        artefact = export(source, Form(to, precision, frames=frames), out, clips=sounds)
                    except AudiotagError as error:
                        print(f"{to} {precision}: {error}", flush=True)
                        continue
                    rows.append((f"{to} {precision}", artefact))
            times = speed.measure([str(artefact.path) for _, artefact in rows])
            base = next(each.median for (form, _), each in zip(rows, times, strict=True) if form == "litert float32")
            print("| form | size | largest | mean | same best class | frames | allowed | ms | LiteRT float32 over it |")
            print("|-|-|-|-|-|-|-|-|-|")
            for (form, artefact), each in zip(rows, times, strict=True):
                found, limit = artefact.parity, allowed[artefact.parity.precision]
                others = found.others.get("frames")
                within = max(found.largest, others or 0) <= limit.largest and found.mean <= limit.mean
                cells = [form, artefact.size, f"{found.largest:.1e}", f"{found.mean:.1e}", f"{found.agreement:.0%}"]
                cells += ["" if others is None else f"{others:.1e}", "yes" if within else "no"]
                cells += [f"{each.median:.1f}", f"{base / each.median:.2f}"]
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:] or list(DEFAULT))
