"""How good the reports of a batch are, where its input knows what is on the films."""

from collections.abc import Sequence
from pathlib import Path

from lucidray.batch.inputs import Item
from lucidray.batch.row import Row, said_boxes, said_in
from lucidray.batch.run import finished_rows
from lucidray.domain.box import Box
from lucidray.domain.vocabulary import Label
from lucidray.evaluation.columns import label_of
from lucidray.evaluation.report_tables import Pairs, Record
from lucidray.evaluation.reports import Options, ReportScores, evaluate_reports


def metrics_file(out: Path) -> Path:
    """Return where the measures of a table go: ``reports.csv`` has ``reports.metrics.json``."""
    return out.with_name(out.stem + ".metrics.json")


def measure_batch(items: Sequence[Item], out: Path, options: Options) -> ReportScores | None:
    """Hold the finished rows against the labels and reports of the input.

    A film that was refused or failed counts as one of which nothing was said. A film that is listed twice counts once.

    Returns
    -------
    ReportScores, or None where no finished row has a truth.

    Raises
    ------
    InputError, ModelError
        As `evaluate_reports`.
    """
    predictions, references = [], []
    seen: set[str] = set()
    for item, row in finished_rows(items, out):
        if item.key in seen or not (item.labels or item.reference):
            continue
        seen.add(item.key)
        predictions.append(record_of(item, row))
        references.append(Record(item.place, item.patient, item.reference, item.labels))
    if not predictions:
        return None
    return evaluate_reports(Pairs(predictions, references, [], [], "row"), options)


def record_of(item: Item, row: Row) -> Record:
    """Take from a row what is measured."""
    boxes: dict[Label, tuple[Box, ...]] = {}
    for one in said_boxes(row):
        boxes[one["label"]] = (*boxes.get(one["label"], ()), Box(*one["box_xyxy_px"]))
    probabilities = {
        label: float(finding["probability"])
        for name, finding in row["findings"].items()
        if (label := label_of(name)) is not None and finding["probability"] is not None
    }
    return Record(item.place, item.patient, said_in(row), None, boxes, probabilities)
