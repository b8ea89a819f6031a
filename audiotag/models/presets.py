"""The published weights that audiotag knows: what they are, where they lie, how good they are said to be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from audiotag import frontend, storage
from audiotag.errors import AudiotagError, suggest
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

EFFICIENTAT = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"
PASST = "https://github.com/kkoutini/PaSST/releases/download/"
MN_PAPER = "https://arxiv.org/abs/2211.04772"
PASST_PAPER = "https://arxiv.org/abs/2110.05069"

# The only checksum that is published; the others are recorded at the first download and held to from then on.
_CHECKSUMS = {"mn04_as": "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c"}


@dataclass(frozen=True)
class Preset:
    """Published weights.

    Args:
        name: what `build(weights=…)` and `audiotag.load` call them.
        architecture: what `build` calls the network.
        url: where the checkpoint is published.
        front_end: the log-mel that the weights were trained on.
        seconds: length of the clips they were trained on.
        labels: "audioset", or "imagenet": a start for training, which names no sounds.
        mAP: mean average precision on AudioSet's evaluation set as published, percent.
        parameters: in millions, with the published head.
        macs: multiply-adds for 10 s, in thousand millions; None where none is published.
        licence: licence of the weights.
        paper: address of the paper.
        sha256: published checksum; None: recorded at the first download.
    """

    name: str
    architecture: str
    url: str
    front_end: LogMelConfig
    seconds: float
    labels: str
    mAP: float | None
    parameters: float | None
    macs: float | None
    licence: str
    paper: str
    sha256: str | None = None

    def fetch(self) -> Path:
        """The checkpoint's file, from the cache or downloaded into it."""
        return storage.fetch(self.url, sha256_hex=self.sha256)


def _mn_front_end(hop_ms: int | None = None, mels: int | None = None) -> LogMelConfig:
    standard = frontend.preset("efficientat")
    if hop_ms is not None:
        return dataclasses.replace(
            standard, name=f"efficientat_hop_{hop_ms}", hop=hop_ms * standard.sample_rate // 1000
        )
    if mels is not None:
        return dataclasses.replace(standard, name=f"efficientat_mels_{mels}", mels=mels)
    return standard


# name, architecture, file, mAP; the first AudioSet row of an architecture is its "audioset" weights.
_MN = (
    ("mn01_as", "mn01", "mn01_as_mAP_298", 29.8),
    ("mn02_as", "mn02", "mn02_as_mAP_378", 37.8),
    ("mn04_as", "mn04", "mn04_as_mAP_432", 43.2),
    ("mn05_as", "mn05", "mn05_as_mAP_443", 44.3),
    ("mn10_as", "mn10", "mn10_as_mAP_471", 47.1),
    ("mn20_as", "mn20", "mn20_as_mAP_478", 47.8),
    ("mn30_as", "mn30", "mn30_as_mAP_482", 48.2),
    ("mn40_as", "mn40", "mn40_as_mAP_484", 48.4),
    ("mn40_as_2", "mn40", "mn40_as_mAP_483", 48.3),
    ("mn40_as_3", "mn40", "mn40_as_mAP_483(2)", 48.3),
    ("mn40_as_no_im_pre", "mn40", "mn40_as_no_im_pre_mAP_483", 48.3),
    ("mn40_as_no_im_pre_2", "mn40", "mn40_as_no_im_pre_mAP_483(2)", 48.3),
    ("mn40_as_no_im_pre_3", "mn40", "mn40_as_no_im_pre_mAP_482", 48.2),
    ("mn40_as_ext", "mn40", "mn40_as_ext_mAP_487", 48.7),
    ("mn40_as_ext_2", "mn40", "mn40_as_ext_mAP_486", 48.6),
    ("mn40_as_ext_3", "mn40", "mn40_as_ext_mAP_485", 48.5),
    ("mn10_as_fc", "mn10_fc", "mn10_as_fc_mAP_465", 46.5),
    ("mn10_as_fc_s2221", "mn10_fc_s2221", "mn10_as_fc_s2221_mAP_466", 46.6),
    ("mn10_as_fc_s2211", "mn10_fc_s2211", "mn10_as_fc_s2211_mAP_466", 46.6),
)
# file, hop in ms or mel bands, mAP, MACs: only the front end differs from mn10_as.
_MN10_HOPS = (("475", 5, 47.5, 1.07), ("463", 15, 46.3, 0.36), ("456", 20, 45.6, 0.27), ("447", 25, 44.7, 0.22))
_MN10_MELS = (("453", 40, 45.3, 0.21), ("461", 64, 46.1, 0.27), ("474", 256, 47.4, 1.08))
_MN_SIZES = {
    "mn01": (0.124, 0.018),
    "mn02": (0.325, 0.040),
    "mn04": (0.983, 0.11),
    "mn05": (1.43, 0.16),
    "mn10": (4.88, 0.54),
    "mn20": (17.91, 2.06),
    "mn30": (39.09, 4.55),
    "mn40": (68.43, 8.03),
    "mn10_fc": (3.48, 0.60),
    "mn10_fc_s2221": (3.48, 1.15),
    "mn10_fc_s2211": (3.48, 3.98),
}
# name, architecture, release and file, mAP
_PASST = (
    ("passt_s_as", "passt_s", "v.0.0.9/passt-s-kd-ap.486", 48.6),
    ("passt_s_as_swa", "passt_s", "v0.0.1-audioset/passt-s-f128-p16-s10-ap.476-swa", 47.6),
    ("passt_s_as_472", "passt_s", "v0.0.2-audioset/passt-s-f128-p16-s10-ap.472", 47.2),
    ("passt_s_s12_as_swa", "passt_s_s12", "v0.0.2-audioset/passt-s-f128-p16-s12-ap.473-swa", 47.3),
    ("passt_s_s12_as", "passt_s_s12", "v0.0.2-audioset/passt-s-f128-p16-s12-ap.470", 47.0),
    ("passt_s_s14_as_swa", "passt_s_s14", "v0.0.2-audioset/passt-s-f128-p16-s14-ap.471-swa", 47.1),
    ("passt_s_s14_as", "passt_s_s14", "v0.0.2-audioset/passt-s-f128-p16-s14-ap.469", 46.9),
    ("passt_s_s16_as_swa", "passt_s_s16", "v0.0.2-audioset/passt-s-f128-p16-s16-ap.473-swa", 47.3),
    ("passt_s_s16_as", "passt_s_s16", "v0.0.2-audioset/passt-s-f128-p16-s16-ap.468", 46.8),
    ("passt_s_20sec_as", "passt_s_20sec", "v0.0.5/passt-s-f128-20sec-p16-s10-ap.474-swa", 47.4),
    ("passt_s_30sec_as", "passt_s_30sec", "v0.0.5/passt-s-f128-30sec-p16-s10-ap.473-swa", 47.3),
    ("passt_l_as", "passt_l", "v.0.0.10/passt-l-kd-ap.47", 47.1),
)
_PASST_SECONDS = {"passt_s_20sec": 20.0, "passt_s_30sec": 30.0}


def _table() -> dict[str, Preset]:
    def mn(
        name: str, architecture: str, file: str, mean_ap: float | None, macs: float | None, front_end: LogMelConfig
    ) -> Preset:
        is_start = mean_ap is None
        return Preset(
            name,
            architecture,
            f"{EFFICIENTAT}{file}.pt",
            front_end,
            seconds=10.0,
            labels="imagenet" if is_start else "audioset",
            mAP=mean_ap,
            parameters=None if is_start else _MN_SIZES[architecture][0],
            macs=macs,
            licence="MIT",
            paper=MN_PAPER,
            sha256=_CHECKSUMS.get(name),
        )

    rows = [mn(*row, _MN_SIZES[row[1]][1], _mn_front_end()) for row in _MN]
    rows += [
        mn(f"mn10_as_hop_{hop}", "mn10", f"mn10_as_hop_{hop}_mAP_{score}", mean_ap, macs, _mn_front_end(hop_ms=hop))
        for score, hop, mean_ap, macs in _MN10_HOPS
    ]
    rows += [
        mn(f"mn10_as_mels_{mels}", "mn10", f"mn10_as_mels_{mels}_mAP_{score}", mean_ap, macs, _mn_front_end(mels=mels))
        for score, mels, mean_ap, macs in _MN10_MELS
    ]
    widths = ("01", "02", "04", "05", "10", "20", "30", "40")
    rows += [mn(f"mn{width}_im", f"mn{width}", f"mn{width}_im", None, None, _mn_front_end()) for width in widths]
    rows += [
        Preset(
            name,
            architecture,
            f"{PASST}{file}.pt",
            frontend.preset("passt"),
            seconds=_PASST_SECONDS.get(architecture, 10.0),
            labels="audioset",
            mAP=mean_ap,
            parameters=None if architecture != "passt_s" else 86.15,
            macs=None,
            licence="Apache-2.0",
            paper=PASST_PAPER,
        )
        for name, architecture, file, mean_ap in _PASST
    ]
    return {row.name: row for row in rows}


PRESETS = _table()
"""Every published checkpoint that `build` can load, by name."""


def preset(name: str) -> Preset:
    """Published weights by name; an architecture's name stands for its AudioSet weights.

    Raises:
        AudiotagError: an unknown name; the nearest is suggested.
    """
    if name in PRESETS:
        return PRESETS[name]
    if any(row.architecture == name for row in PRESETS.values()):
        return for_architecture(name)
    raise AudiotagError(f"no published weights are named {name!r}: {suggest(name, PRESETS)}")


def for_architecture(architecture: str) -> Preset:
    """The AudioSet weights of an architecture (its first row in the table).

    Raises:
        AudiotagError: none are published.
    """
    for row in PRESETS.values():
        if row.architecture == architecture and row.labels == "audioset":
            return row
    known = {row.architecture for row in PRESETS.values()}
    raise AudiotagError(f"no AudioSet weights are published for {architecture!r}: {suggest(architecture, known)}")


def audioset_labels() -> Labels:
    """AudioSet's 527 classes in the order of every AudioSet model's outputs; ids are the ontology's mids.

    The class list is that of Google's AudioSet ontology (https://research.google.com/audioset), licensed CC BY 4.0.
    """
    return Labels.read(Path(__file__).with_name("audioset.csv"))
