from .architectures import build, load_published, mean_of
from .checkpoint import load_state_dict
from .complexity import macs, parameters
from .conversion import carry_over, convert, matching_classes
from .embedding import embedding_network
from .files import ModelCard, card, load, save
from .frames import FrameSteps, frame_level, frame_steps, longest_frames, shortest_frames
from .presets import PRESETS, Preset, audioset_labels, audioset_strong_labels, preset, yamnet_labels

__all__ = [
    "PRESETS",
    "FrameSteps",
    "ModelCard",
    "Preset",
    "audioset_labels",
    "audioset_strong_labels",
    "build",
    "card",
    "carry_over",
    "convert",
    "embedding_network",
    "frame_level",
    "frame_steps",
    "load",
    "load_published",
    "load_state_dict",
    "longest_frames",
    "macs",
    "matching_classes",
    "mean_of",
    "parameters",
    "preset",
    "save",
    "shortest_frames",
    "yamnet_labels",
]
