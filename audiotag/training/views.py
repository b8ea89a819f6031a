"""Examples as the student gets them, seen and heard in TensorBoard: augmented, masked and mixed."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np

from audiotag.frontend import LogMelConfig, waveform
from audiotag.labels import Labels
from audiotag.tensorboard.events import EventFile

SHOWN = 4


def show(
    batch: dict[str, np.ndarray],
    augmentation: keras.layers.Layer | None,
    labels: Labels,
    config: LogMelConfig,
    folder: Path,
) -> None:
    """Write the first examples of a batch, after augmentation, as pictures and sounds.

    Args:
        batch: of `Trainee`: the first of a run.
        augmentation: a fresh one, so that it draws what the run's own draws for its first batch. None: there is none.
        labels: names of the targets.
        config: of the log-mel.
        folder: TensorBoard's run.
    """
    import soundfile

    batch = {name: keras.ops.convert_to_tensor(values) for name, values in batch.items()}
    views = batch if augmentation is None else augmentation(batch, training=True)
    views = {name: keras.ops.convert_to_numpy(values)[:SHOWN] for name, values in views.items()}
    with EventFile(folder) as file:
        for number, log_mel in enumerate(views["log_mel"][..., 0].astype(np.float32), start=1):
            about = describe({name: views[name][number - 1] for name in views if name != "log_mel"}, labels)
            file.image(f"views/{number}/picture", picture(log_mel), 1, name=f"example {number}", description=about)
            sound = io.BytesIO()
            soundfile.write(sound, waveform(log_mel, config), config.sample_rate, subtype="PCM_16", format="WAV")
            file.audio(f"views/{number}/sound", sound.getvalue(), 1, name=f"example {number}", description=about)


def describe(targets: dict[str, np.ndarray], labels: Labels) -> str:
    """Targets of an example, each class with its share: "label: dog 0.72, rain 0.28"; of the time where it has steps.

    A step that is asked more than one thing of a class is left out.
    """
    lines = []
    for kind, values in targets.items():
        if values.shape[-1] != len(labels):
            continue
        values = values.mean(axis=0) if values.ndim == 2 else values
        order = [index for index in np.argsort(-np.nan_to_num(values)) if values[index] > 0.01][:5]
        shares = ", ".join(f"{labels.names[index]} {values[index]:.2f}" for index in order)
        unknown = int(np.isnan(values).sum())
        lines.append(f"{kind}: {shares or 'none'}" + (f" ({unknown} classes that nobody judged)" if unknown else ""))
    return "\n\n".join(lines)


def picture(log_mel: np.ndarray) -> bytes:
    """A log-mel (frames, mels) as a PNG, time to the right, high frequencies above, a pixel a value or more."""
    import matplotlib
    from PIL import Image

    values = log_mel.T[::-1]
    low, high = np.percentile(values, (1, 99.9))
    shades = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    pixels = (matplotlib.colormaps["magma"](shades)[..., :3] * 255).astype(np.uint8)
    times = max(1, 256 // len(values))
    image, content = Image.fromarray(pixels.repeat(times, axis=0).repeat(times, axis=1)), io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
