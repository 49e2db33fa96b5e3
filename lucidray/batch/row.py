"""One film of a batch as a row: what JSONL holds whole, and CSV and Parquet in flat columns."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lucidray.batch.inputs import Item
from lucidray.domain.errors import LucidrayError
from lucidray.domain.reading import NOTICE, Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.columns import tidy
from lucidray.version import VERSION

Row = dict[str, Any]
Kind = Literal["text", "number", "integer", "flag"]

REFUSED_EXIT = 3


def row_of(item: Item, reading: Reading, seconds: float) -> Row:
    """Put a reading into a row; what no part of lucidray has filled in is null or empty."""
    sections = {
        name: "\n".join(sentence.text for sentence in getattr(reading.report, name))
        for name in ("findings", "locations", "impression")
    }
    row = _empty(item)
    row |= {
        "name": reading.image.name,
        "outcome": "read" if reading.accepted else "refused",
        "exit_code": 0 if reading.accepted else REFUSED_EXIT,
        "accepted": reading.accepted,
        "refusal": [note.model_dump() for note in reading.refusal],
        "warnings": [note.model_dump() for note in reading.warnings],
        "degraded": reading.degraded,
        "upscaling": None if reading.upscaling is None else reading.upscaling.model_dump(mode="json"),
        # A refused film has no report: what its reading says instead stands in `refusal`.
        "report": reading.report.text if reading.accepted else "",
        "sections": sections if reading.accepted else dict.fromkeys(sections, ""),
        # What a reader that writes by itself wrote, before anything was checked: this is what is measured.
        "reader_text": reading.reader_text,
        "language": reading.report.language,
        "overall": None
        if reading.overall is None
        else {"status": reading.overall.status, "probability": reading.overall.probability},
        "findings": {
            finding.label: {"status": finding.status, "probability": finding.probability}
            for finding in reading.findings
        },
        "boxes": [box.model_dump(mode="json", include=_BOX) for box in reading.boxes],
        "reader_boxes": [box.model_dump(mode="json", include=_BOX) for box in reading.reader_regions],
        "not_assessed": list(reading.not_assessed),
        "measurements": {one.name: one.value if one.reliable else None for one in reading.measurements},
        "claims": [claim.model_dump(mode="json") for claim in reading.claims],
        "contradictions": [one.model_dump(mode="json") for one in reading.contradictions],
        "confidence": None if reading.confidence is None else reading.confidence.model_dump(mode="json"),
        "risk": None if reading.risk is None else reading.risk.model_dump(mode="json"),
        "differential": [one.model_dump(mode="json") for one in reading.differential],
        "view": reading.image.view,
        "age": reading.image.age,
        "sex": reading.image.sex,
        "models": [model.model_dump(mode="json") for model in reading.provenance.models],
        "timings_ms": reading.provenance.timings_ms,
        "seconds": round(seconds, 4),
        "created": reading.provenance.created,
    }
    return row


def fault_row(item: Item, error: Exception, seconds: float) -> Row:
    """Put a film that could not be read into a row."""
    ours = isinstance(error, LucidrayError)
    # The path stands beside it in the row.
    said = str(error).split("\n", 1)[0].removeprefix(f"{item.path.name}: ")
    return _empty(item) | {
        "outcome": "failed",
        "exit_code": error.exit_code if isinstance(error, LucidrayError) else LucidrayError.exit_code,
        "error": {
            "type": type(error).__name__,
            "message": said if ours else f"this is a fault of lucidray: {type(error).__name__}: {said}",
        },
        "seconds": round(seconds, 4),
    }


_BOX = {"label", "box_xyxy_px", "side", "zone"}


def _empty(item: Item) -> Row:
    """Return every field of a row in its order, with what is known before the film is read."""
    return {
        "path": item.place,
        "name": item.path.name,
        "outcome": None,
        "exit_code": None,
        "accepted": None,
        "refusal": [],
        "warnings": [],
        "degraded": None,
        "upscaling": None,
        "report": "",
        "sections": {"findings": "", "locations": "", "impression": ""},
        "reader_text": None,
        "language": None,
        "overall": None,
        "findings": {},
        "boxes": [],
        "reader_boxes": [],
        "not_assessed": [],
        "measurements": {},
        "claims": [],
        "contradictions": [],
        "confidence": None,
        "risk": None,
        "differential": [],
        "view": item.view,
        "age": item.age,
        "sex": item.sex,
        "symptoms": item.symptoms,
        "patient": item.patient,
        "models": [],
        "timings_ms": {},
        "seconds": None,
        "error": None,
        "created": None,
        "version": VERSION,
        "notice": NOTICE,
    }


def said_in(row: Row) -> str:
    """Return what the reader itself said of a film: its own words, or the report where the composer wrote it."""
    return str(row["report"] if row["reader_text"] is None else row["reader_text"])


def said_boxes(row: Row) -> list[dict[str, Any]]:
    """Return the boxes that belong to `said_in` and are of one of the findings."""
    boxes: list[dict[str, Any]] = row["boxes"] if row["reader_text"] is None else row["reader_boxes"]
    return [box for box in boxes if box["label"] in LABELS]


@dataclass(frozen=True)
class Column:
    """A column of the flat table."""

    name: str
    kind: Kind
    of: Callable[[Row], Any]


def _field(name: str, kind: Kind = "text") -> Column:
    return Column(name, kind, lambda row: row[name])


def _inside(name: str, outer: str, inner: str, kind: Kind = "text") -> Column:
    def of(row: Row) -> Any:
        part = row[outer]
        return part.get(inner) if isinstance(part, Mapping) else None

    return Column(name, kind, of)


def _codes(name: str, field: str, inner: str) -> Column:
    return Column(name, "text", lambda row: "; ".join(str(one[inner]) for one in row[field]))


def _finding(label: str) -> list[Column]:
    return [
        Column(f"{tidy(label)}_status", "text", lambda row: row["findings"].get(label, {}).get("status")),
        Column(f"{tidy(label)}_probability", "number", lambda row: row["findings"].get(label, {}).get("probability")),
    ]


def _present(row: Row) -> str:
    return "; ".join(label for label, finding in row["findings"].items() if finding["status"] == "present")


def _as_json(name: str) -> Column:
    return Column(name, "text", lambda row: json.dumps(row[name], ensure_ascii=False) if row[name] else "")


COLUMNS: tuple[Column, ...] = (
    _field("path"),
    _field("name"),
    _field("outcome"),
    _field("exit_code", "integer"),
    _field("accepted", "flag"),
    _codes("refusal", "refusal", "message"),
    _codes("refusal_codes", "refusal", "code"),
    _field("report"),
    _inside("report_findings", "sections", "findings"),
    _inside("report_locations", "sections", "locations"),
    _inside("report_impression", "sections", "impression"),
    _field("reader_text"),
    _field("language"),
    Column("present", "text", _present),
    _inside("overall_status", "overall", "status"),
    _inside("overall_probability", "overall", "probability", "number"),
    *(column for label in LABELS for column in _finding(label)),
    Column("not_assessed", "text", lambda row: "; ".join(row["not_assessed"])),
    _as_json("boxes"),
    _as_json("reader_boxes"),
    _inside("cardiothoracic_ratio", "measurements", "cardiothoracic_ratio", "number"),
    _inside("risk", "risk", "level"),
    _inside("confidence", "confidence", "fused", "number"),
    _inside("confidence_words", "confidence", "words"),
    _inside("read_first", "confidence", "read_first", "flag"),
    Column("contradictions", "integer", lambda row: len(row["contradictions"])),
    _codes("differential", "differential", "diagnosis"),
    _codes("warnings", "warnings", "code"),
    _field("degraded", "flag"),
    _inside("upscaled_by", "upscaling", "method"),
    _field("view"),
    _field("age", "number"),
    _field("sex"),
    _field("symptoms"),
    _field("patient"),
    Column("models", "text", lambda row: "; ".join(f"{one['name']} {one['version']}" for one in row["models"])),
    Column("data_left_machine", "flag", lambda row: any(one["data_left_machine"] for one in row["models"])),
    _field("seconds", "number"),
    _as_json("timings_ms"),
    _inside("error_type", "error", "type"),
    _inside("error", "error", "message"),
    _field("created"),
    _field("version"),
    _field("notice"),
)


def flat(row: Row) -> dict[str, Any]:
    """Return the row's flat columns; None where there is nothing."""
    return {column.name: column.of(row) for column in COLUMNS}
