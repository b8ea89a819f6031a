"""Log-mel of a 10 s clip at 32 kHz: the NumPy function and the Keras layer beside librosa, in one run.

python tests/benchmarks/frontend.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import librosa
import numpy as np
import tensorflow as tf

from audiotag.frontend import LogMel, log_mel, preset


def main(rounds: int = 30) -> None:
    """Time the three in turns, so that a busy machine is unfair to all, and print medians and ratios."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    config = preset("efficientat")
    waveform = np.random.default_rng(0).normal(scale=0.1, size=10 * config.sample_rate).astype(np.float32)
    layer = LogMel(config)
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None), tf.float32)])
    batch = tf.constant(waveform[None])

    def by_librosa() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=waveform, sr=32_000, n_fft=1024, win_length=800, hop_length=320, n_mels=128, fmax=15_000
        )
        return np.log(power + 1e-5)

    contenders: dict[str, Callable[[], object]] = {
        "librosa": by_librosa,
        "log_mel (NumPy, SciPy)": lambda: log_mel(waveform, config),
        "LogMel (tf.function)": lambda: traced(batch).numpy(),
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - started)
    reference = float(np.median(taken["librosa"]))
    for name, seconds in taken.items():
        median = float(np.median(seconds))
        print(f"{name:24s} {1e3 * median:7.2f} ms   {reference / median:5.2f} x librosa's speed")


if __name__ == "__main__":
    main()
