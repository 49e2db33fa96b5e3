"""MIMIC-CXR and MIMIC-CXR-JPG: labels a study, metadata, split, and a report a study as a text file.

`mimic-cxr-2.0.0-chexpert.csv.gz`, `…-metadata.csv.gz` and `…-split.csv.gz` lie beside each other. Reports lie as
`files/p10/p10000032/s50414267.txt` (`mimic-cxr-reports.zip`, unpacked), or in one table with the columns study,
findings and impression, as the collection's own code cuts them. Johnson et al., Scientific Data 6 (2019) 317
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lucidray.datasets.entry import Gathered, Inputs, read_entries, stem
from lucidray.datasets.manifest import Split
from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.rows import Table, beside
from lucidray.evaluation.label_files.table import parse_split

_HEADING = re.compile(r"^[ \t]*([A-Z][A-Z /,()&-]{2,50}):", re.MULTILINE)
_MAX_REPORT_BYTES = 200_000
_KEPT = ("FINDINGS", "IMPRESSION")


def gather(inputs: Inputs) -> Gathered:
    """Read labels, metadata, split and reports."""
    gathered = read_entries(inputs, "mimic")
    splits: dict[str, Split] = {}
    for path in inputs.labels:
        table = beside(path, "mimic-cxr-2.0.0-split.csv", "mimic-cxr-2.1.0-split.csv")
        for row in Table(table) if table else ():
            split = parse_split(row.get("split"))
            if split is not None:
                splits[row["dicom_id"]] = split
    report = _reports(inputs)
    entries = []
    without = 0
    for entry in gathered.entries:
        text = report(entry.label.image) if report else ""
        without += bool(report) and not text
        also = (str(PurePosixPath(entry.label.image).with_suffix(".dcm")),)
        entries.append(replace(entry, also=also, report=text, split=splits.get(stem(entry.label.image))))
    gathered.entries = entries
    if report is None:
        gathered.notes.append("no reports: name their folder or table with --reports")
    elif without:
        gathered.notes.append(f"{without:,} films have no report with findings or an impression")
    return gathered


def sections(text: str) -> str:
    """Cut findings and impression out of a report; a report without either heading has neither.

    What stands under other headings (comparison, indication, technique) is about something else than the film.
    """
    marks = list(_HEADING.finditer(text))
    found: dict[str, list[str]] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends[: len(marks)], strict=True):
        body = " ".join(text[mark.end() : end].split())
        heading = mark.group(1).strip()
        for name in _KEPT:
            # "FINDINGS AND IMPRESSION" is one text for both, kept once.
            if body and heading.startswith(name):
                found.setdefault(name, []).append(body)
                break
    return "\n".join(f"{name}: {' '.join(found[name])}" for name in _KEPT if name in found)


def _reports(inputs: Inputs) -> "Callable[[str], str] | None":
    where = inputs.reports
    if where is None:
        return None
    if where.is_file():
        by_study: dict[str, str] = {}
        table = Table(where)
        if not {"study", "findings", "impression"} <= table.columns:
            raise InputError(f"{where.name} needs the columns study, findings and impression")
        for row in table:
            parts = [f"{name}: {' '.join(row.get(name.lower()).split())}" for name in _KEPT if row.get(name.lower())]
            by_study[row["study"]] = "\n".join(parts)
        return lambda image: by_study.get(PurePosixPath(image).parts[-2], "")
    if not where.is_dir():
        raise InputError(f"there is no folder or table of reports {where}")

    def read(image: str) -> str:
        study = PurePosixPath(image).parent.with_suffix(".txt")
        for path in (where / study, where.joinpath(*study.parts[1:])):
            if path.is_file():
                return sections(_text(path))
        return ""

    return read


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_REPORT_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
