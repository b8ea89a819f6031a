"""What `weights` names: published weights or a file. This is the one place that tells which, and loads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from audiotag import run_folder
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.models import files, presets
from audiotag.models.checkpoint import load_state_dict
from audiotag.models.conversion import classes_of, convert, copy_weights
from audiotag.models.presets import Preset

KINDS = (".pt", ".pth", ".h5", ".safetensors", ".keras")
"""Suffixes of files with weights."""


@dataclass(frozen=True)
class Weights:
    """Weights of one architecture, of `resolve`.

    Args:
        preset: the published weights; None: those of a file.
        path: the file; None: that of the published weights, which is fetched where it is needed.
        body_alone: whether they are those of an MN, for an FMN of its width: all that they have in common, convolutions
            and batch normalisation, is loaded, sequence model and head stay as they are.
    """

    preset: Preset | None = None
    path: Path | None = None
    body_alone: bool = False

    @property
    def card(self) -> files.ModelCard | None:
        """The card of a `.keras` file; None for other weights."""
        return files.card(self.path) if self.is_keras else None

    @property
    def is_keras(self) -> bool:
        """Whether they are those of a `.keras` file."""
        return self.path is not None and self.path.suffix == ".keras"

    @property
    def of_sounds(self) -> bool:
        """Whether they were trained on sounds, not on images alone."""
        return self.preset is None or self.preset.labels != "imagenet"

    @property
    def labels(self) -> Labels | None:
        """The classes of their outputs; None where they do not say, name no sounds, or are of a body alone."""
        if not self.of_sounds or self.body_alone:
            return None
        return self.preset.vocabulary if self.preset else getattr(self.card, "labels", None)

    @property
    def front_end(self) -> LogMelConfig | None:
        """The log-mel that they were trained on; None where they do not say."""
        return getattr(self.preset or self.card, "front_end", None)

    def load(self, network: keras.Model, new_head: bool | None = None) -> None:
        """Load them into a network of their own architecture: all of them, or nothing is changed.

        Args:
            network: the network.
            new_head: whether the last layer stays as it is. None: for published weights where the number of classes
                differs, for a file never, as another number there is more often a mistake.

        Raises:
            AudiotagError: they do not fit, or there is no way to get them.
        """
        path = self.path if self.preset is None else self.preset.fetch()
        if self.preset is None and new_head is None:
            new_head = False
        is_network = self.is_keras
        source = files.load_model(path) if is_network else load_state_dict(path)
        source = getattr(source, "network", source)  # of a tagger's file, the network inside
        wanted = network.output_shape[-1]
        classes = source.output_shape[-1] if is_network else classes_of(source, wanted)
        differs = classes not in (None, wanted)
        (copy_weights if is_network else convert)(source, network, new_head=differs or bool(new_head))
        if differs and new_head is False:  # said last: where the body does not fit either, that is the fault
            raise AudiotagError(
                f"{path} has {classes} classes, the network {wanted}: put a new head on with new_head=True "
                "(--new-head), or take weights of the same classes"
            )


def resolve(architecture: str, weights: str | Path) -> Weights:
    """What `weights` names. An FMN takes those of the MN of its width too.

    Args:
        architecture: name of the network that they are for, as of `build`.
        weights: "audioset" (the published AudioSet weights of this architecture), the name of a preset, a file, or a
            run folder, whose student is taken.

    Raises:
        AudiotagError: nothing of that name, or published weights of another architecture.
    """
    path = Path(weights)
    if path.is_dir():
        path = path / run_folder.STUDENT
        if not path.is_file():
            raise AudiotagError(f"weights are a file or the folder of a finished run, {weights} has no {path.name}")
    if path.suffix in KINDS:
        if not path.is_file():
            raise AudiotagError(f"no such file: {weights}: name a preset or a file ({', '.join(KINDS)})")
        return Weights(path=path)
    if len(path.parts) > 1:
        raise AudiotagError(f"no such file or run folder: {weights}: name one, published weights or 'audioset'")
    preset = presets.for_architecture(architecture) if weights == "audioset" else presets.preset(str(weights))
    is_body = preset.architecture == architecture.partition("+")[0].removeprefix("f")
    if architecture not in (preset.architecture, "passt") and not is_body:
        raise AudiotagError(
            f"weights {preset.name!r} are those of {preset.architecture}, received the model {architecture!r}: "
            f"build {preset.architecture!r}, or take other weights"
        )
    return Weights(preset, body_alone=is_body and architecture != preset.architecture)
