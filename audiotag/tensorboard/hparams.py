"""What a run was trained with, beside what came of it: TensorBoard's HPARAMS tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audiotag.tensorboard.events import EventFile

FOLDER = "hparams"
_SHOWN = ("mAP", "AUC", "lwlrap", "F1", "accuracy", "overall_ECE")


def write(folder: Path, hyperparameters: dict[str, float | str | bool], means: dict[str, Any], step: int) -> None:
    """Write a session with its hyperparameters and its final figures.

    It is a run of its own, `hparams` in the evaluation's folder: TensorBoard takes every scalar of a session's run for
    a column, and those of hundreds of classes would be thousands. Without a definition of the experiment it finds the
    hyperparameters of all runs below its folder by itself, those that differ first.

    Args:
        folder: `<run>/evaluation`.
        hyperparameters: name to number, text or bool.
        means: of `metrics.summary`.
        step: where the figures stand.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    start, end = plugin_data_pb2.SessionStartInfo(), plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    for name, value in hyperparameters.items():
        kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        setattr(start.hparams[name], f"{kind}_value", value)
    sessions = {
        metadata.SESSION_START_INFO_TAG: plugin_data_pb2.HParamsPluginData(session_start_info=start),
        metadata.SESSION_END_INFO_TAG: plugin_data_pb2.HParamsPluginData(session_end_info=end),
    }
    with EventFile(folder / FOLDER) as file:
        for tag, content in sessions.items():
            about = metadata.create_summary_metadata(content)
            file.add(tag, metadata.NULL_TENSOR, 0, about, "DATA_CLASS_TENSOR")
        for name in _SHOWN:
            if name in means:
                file.scalar(f"summary/{name}", means[name], step)
