"""Every file of a report: the page, the tables, the predictions, the model card, TensorBoard's folder."""

from __future__ import annotations

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.metrics import prediction_files
from audiotag.report import card, tables
from audiotag.report.html import page
from audiotag.report.report import Report
from audiotag.report.tensorboard import board

PAGE, CARD, TABLE, SUMMARY, PREDICTIONS = (
    "report.html", "model_card.md", "metrics.csv", "metrics.json", "predictions.npz",
)  # fmt: skip


def write(report: Report, step: int = 0) -> None:
    """Write everything into `report.out`; what an earlier evaluation left there is replaced.

    Args:
        report: what an evaluation found.
        step: epoch at which its points stand in TensorBoard.

    Raises:
        AudiotagError: the folder cannot be written.
    """
    try:
        report.out.mkdir(parents=True, exist_ok=True)
        tables.write_table(report.out / TABLE, report)
        tables.write_json(report.out / SUMMARY, report)
        prediction_files.save(report.predictions, report.out / PREDICTIONS)
        for name, render in ((PAGE, page.render), (CARD, card.render)):
            with storage.write_atomically(report.out / name, "wb") as file:
                # A path may hold bytes that are no text; they become question marks.
                file.write(render(report).encode("utf-8", "replace"))
        board.write(report, step)
    except OSError as error:
        reason = error.strerror or error
        raise AudiotagError(
            f"the evaluation cannot be written to {report.out} ({reason}): make room, or name another folder with --out"
        ) from error
