"""Clips with what they look and sound like, from the records and the recordings."""

from __future__ import annotations

import numpy as np
import soundfile

from audiotag.report.illustration import illustrate
from audiotag.report.section import Exhibit

RATE = 8000


def test_clips_are_illustrated_in_their_order(data, data_with_waveforms, sounds, tmp_path, log_mel_of) -> None:
    ids = ("clip9", "clip3", "clip9")
    exhibits = [Exhibit(clip_id, "miss", "low", "") for clip_id in ids]
    for shown in illustrate(exhibits, data), illustrate(exhibits, data, tmp_path):
        assert tuple(exhibit.clip_id for exhibit in shown) == ids
        assert all((exhibit.waveform, exhibit.sample_rate) == (None, 0) for exhibit in shown)
        np.testing.assert_array_equal([exhibit.log_mel for exhibit in shown], log_mel_of(ids)[..., 0])
    for shown in illustrate(exhibits, data, sounds), illustrate(exhibits, data_with_waveforms):
        for exhibit in shown:
            recording, _ = soundfile.read(sounds / f"{exhibit.clip_id.removeprefix('clip')}.wav")
            np.testing.assert_allclose(exhibit.waveform, recording, atol=2e-5)
            assert exhibit.sample_rate == RATE
