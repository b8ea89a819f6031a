"""What runs were trained with, beside what came of it: TensorBoard's HPARAMS tab."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from audiotag import run_folder, runs
from audiotag.run_folder import EVALUATION, LAST
from audiotag.tensorboard.events import EventFile

FOLDER = "hparams"
_SHOWN = ("mAP", "AUC", "lwlrap", "F1", "accuracy", "overall_ECE")


def write(run: Path, *, failed: bool = False) -> None:
    """Write a run's session anew, into its folder `hparams`: after training, after evaluation, and whenever it ends.

    Its figures are `best/…` (the monitor in the epoch whose weights are kept), `final/…` (the losses of the last
    epoch), `summary/…` (the means of the evaluation) and `<name>/…` (those of evaluations on other data sets or
    splits). A run that has not come to its end has a session without an end.

    Args:
        run: a run folder of this machine.
        failed: whether training broke off, because the loss became infinite for one.
    """
    summary = runs.read(runs.files_of(run))
    figures: dict[str, float] = {}
    if summary.checkpoint is not None and summary.checkpoint.history:
        monitor = summary.recipe.get("monitor", LAST)
        figures = {f"best/{name}": value for name, value in summary.measured.items() if name == monitor}
        last = summary.checkpoint.history[-1]
        figures |= {f"final/{name}": value for name, value in last.items() if "loss" in name}
    for name, evaluation in summary.evaluations.items():
        figures |= of_evaluation(evaluation.means, name or "summary")
    shutil.rmtree(run / EVALUATION / FOLDER, ignore_errors=True)  # where earlier versions wrote it
    hyperparameters = run_folder.hyperparameters(run)
    status = "FAILURE" if failed else "SUCCESS" if summary.is_trained else None
    write_session(run, hyperparameters, figures, summary.epoch or 0, status)


def of_evaluation(means: Mapping[str, float], group: str = "summary") -> dict[str, float]:
    """The figures of an evaluation that are worth a column, by their tags."""
    return {f"{group}/{name}": means[name] for name in _SHOWN if name in means}


def write_session(
    folder: Path,
    hyperparameters: Mapping[str, float | str | bool],
    figures: Mapping[str, float],
    step: int,
    status: str | None = "SUCCESS",
) -> None:
    """Write a session with its hyperparameters and its figures; what an earlier one left there goes.

    It is a run of its own, `hparams` in the folder: TensorBoard takes every scalar of a session's run for a column,
    and those of hundreds of classes would be thousands. Without a definition of the experiment it makes out the
    hyperparameters of all runs below its folder by itself, their types and ranges too, those that differ first.

    Args:
        folder: what the session is of.
        hyperparameters: name to number, text or bool.
        figures: tag to value; what is not finite is left out.
        step: where the figures stand.
        status: how it ended, "SUCCESS" or "FAILURE"; None: it has not.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo()
    for name, value in hyperparameters.items():
        kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        setattr(start.hparams[name], f"{kind}_value", value)
    sessions = {metadata.SESSION_START_INFO_TAG: plugin_data_pb2.HParamsPluginData(session_start_info=start)}
    if status is not None:
        end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value(f"STATUS_{status}"))
        sessions[metadata.SESSION_END_INFO_TAG] = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    with EventFile(folder / FOLDER) as file:
        for tag, content in sessions.items():
            about = metadata.create_summary_metadata(content)
            file.add(tag, metadata.NULL_TENSOR, 0, about, "DATA_CLASS_TENSOR")
        for tag, value in figures.items():
            file.scalar(tag, value, step)
