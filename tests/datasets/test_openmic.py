"""OpenMIC-2018 on a data set of its layout: partial labels, the published partitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import records
from audiotag.errors import AudiotagError
from tests.in_process import ThisProcess

LABELS = """sample_key,instrument,relevance,num_responses
000046_3840,clarinet,0.17105,3
000046_3840,flute,0.0,3
000135_483840,drums,0.5,5
000135_483840,flute,0.92,3
001006_1,banjo,1.0,3
"""


@pytest.fixture
def openmic(tmp_path: Path) -> Path:
    root = tmp_path / "openmic-2018"
    (root / "partitions").mkdir(parents=True)
    (root / "openmic-2018-aggregated-labels.csv").write_text(LABELS, encoding="utf-8")
    (root / "partitions" / "split01_train.csv").write_text("000046_3840\n000135_483840\n", encoding="utf-8")
    (root / "partitions" / "split01_test.csv").write_text("001006_1\n", encoding="utf-8")
    for seed, key in enumerate(("000046_3840", "000135_483840", "001006_1")):
        sound = np.random.default_rng(seed).normal(scale=0.1, size=8000).astype(np.float32)
        (root / "audio" / key[:3]).mkdir(parents=True, exist_ok=True)
        soundfile.write(root / "audio" / key[:3] / f"{key}.ogg", sound, 8000)
    return root


def test_what_nobody_judged_is_unknown(openmic: Path, tmp_path: Path) -> None:
    declared = records.declare("openmic", source=openmic)
    assert declared.labels.names == ("banjo", "clarinet", "drums", "flute")
    assert [(clip.clip_id, clip.labels, clip.split, clip.columns["unknown"]) for clip in declared.clips] == [
        ("000046_3840", (), "train", "banjo;drums"),
        ("000135_483840", ("drums", "flute"), "train", "banjo;clarinet"),
        ("001006_1", ("banjo",), "test", "clarinet;drums;flute"),
    ]
    report = records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert (report.clips, report.rejected) == (3, 0)
    data = records.open(tmp_path / "data")
    target = {
        clip_id: row
        for batch in data.batches(batch_size=4)
        for clip_id, row in zip(batch["clip_id"], batch["target"], strict=True)
    }
    np.testing.assert_array_equal(target["000046_3840"], [np.nan, 0, np.nan, 0])
    np.testing.assert_array_equal(target["001006_1"], [1, np.nan, np.nan, np.nan])
    assert not records.verify(tmp_path / "data")


def test_an_excerpt_without_a_partition_is_refused(openmic: Path) -> None:
    (openmic / "partitions" / "split01_test.csv").write_text("", encoding="utf-8")
    with pytest.raises(AudiotagError, match=r"every excerpt is in a partition.*'001006_1'"):
        records.declare("openmic", source=openmic)
    with pytest.raises(AudiotagError, match="not downloaded: unpack"):
        records.declare("openmic")
