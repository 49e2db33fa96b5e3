"""Open-i (Indiana University), `NLMCXR_reports.tgz` or the folder of its XML reports: MeSH terms set by people.

Also `indiana_reports.csv` with `indiana_projections.csv` beside it, the best-known copy of the same.

A report holds for all of its films. Terms that are not set are negative; "No Indexing" and reports of unusable quality
without a finding say nothing. `nlmcxr_dicom_metadata.csv` or `indiana_projections.csv` beside it tells the views.

Demner-Fushman et al., Journal of the American Medical Informatics Association 23 (2016) 304
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from lucidray.domain.errors import InputError
from lucidray.domain.radiograph import View
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.rows import Table, beside
from lucidray.evaluation.label_files.table import LabelFile, LabelledFilm, RowFault, Truth, listed, parse_view

NAME = "Open-i (NLMCXR reports)"
NAMES = {
    "Pulmonary Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Pleural Effusion": "Effusion",
    "Hydropneumothorax": "Effusion",
    "Hemopneumothorax": "Effusion",
    "Hemothorax": "Effusion",
    "Infiltrate": "Infiltration",
    "Mass": "Mass",
    "Nodule": "Nodule",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "Consolidation": "Consolidation",
    "Pulmonary Edema": "Edema",
    "Emphysema": "Emphysema",
    "Pulmonary Emphysema": "Emphysema",
    "Bullous Emphysema": "Emphysema",
    "Pulmonary Fibrosis": "Fibrosis",
    "Fibrosis": "Fibrosis",
    "Hernia, Hiatal": "Hernia",
}
_BOTH = {"Hydropneumothorax", "Hemopneumothorax"}  # air as well as fluid
_NOTHING_SAID = {"No Indexing", "Technical Quality of Image Unsatisfactory"}
_COPY, _COPY_FILMS = "indiana_reports.csv", "indiana_projections.csv"
_ENTITY = re.compile(rb"<!(DOCTYPE|ENTITY)")
_REPORT_BYTES = 1_000_000


def fits(path: Path) -> bool:
    """Whether this is the archive of the reports, a folder of them, or the table of the copy."""
    if path.is_dir():
        return next(path.rglob("*.xml"), None) is not None
    if path.name == _COPY:
        return True
    return path.name.endswith((".tgz", ".tar.gz", ".tar"))


def read(path: Path) -> LabelFile:
    """Read all reports; `row` of a fault counts reports.

    Raises
    ------
    InputError
        The archive cannot be read, or holds no report.
    """
    if path.suffix == ".csv":
        return _read_copy(path)
    labels = LabelFile(NAME)
    views = _views(path, labels)
    seen: set[str] = set()
    number = 0
    for number, (name, content) in enumerate(_reports(path), start=1):
        try:
            report = _parsed(content)
        except (ElementTree.ParseError, ValueError) as error:
            labels.faults.append(RowFault(number, f"{name}: {error}"))
            continue
        terms = [(term.text or "").strip() for term in report.iter("major")]
        heads = {term.split("/")[0].strip() for term in terms}
        images = [str(image.get("id")) for image in report.iter("parentImage")]
        if not images or not heads - _NOTHING_SAID:
            labels.faults.append(RowFault(number, f"{name}: no film" if not images else f"{name}: no terms"))
            continue
        truth = _truth(terms, heads, labels)
        uid = report.find("uId")
        patient = None if uid is None else str(uid.get("id"))
        text = _text(report)
        for image in images:
            view = views.get(image, "unknown")
            labels.add(number, LabelledFilm(image, truth, patient=patient, view=view, report=text), seen)
    if number == 0:
        raise InputError(f"{path} holds no XML report")
    return labels


def _truth(terms: list[str], heads: set[str], labels: LabelFile) -> dict[str, Truth]:
    found = {NAMES[head] for head in heads if head in NAMES}
    found |= {"Pneumothorax"} if heads & _BOTH else set()
    # "Thickening/pleura/apex/right", and once "Pleura/thickening": the qualifier names the organ.
    if any(term.startswith("Thickening/pleura") for term in terms):
        found.add("Pleural Thickening")
    labels.unmapped.update(heads - set(NAMES) - _NOTHING_SAID - {"normal", "Thickening"})
    return listed(found, knows=LABELS, abnormal="normal" not in heads)


def _read_copy(path: Path) -> LabelFile:
    """Read the copy's two tables: a row a report with its terms, and a row a film with its projection."""
    films = beside(path, _COPY_FILMS)
    if films is None:
        raise InputError(f"{path.name} names no films: put {_COPY_FILMS} beside it")
    table = Table(path)
    if not {"uid", "mesh", "findings", "impression"} <= table.columns:
        raise InputError(f"{path.name} needs the columns uid, MeSH, findings and impression")
    labels = LabelFile(NAME)
    of_report: dict[str, list[tuple[str, View]]] = {}
    for row in Table(films):
        view: View = "lateral" if row["projection"].lower() == "lateral" else "unknown"
        of_report.setdefault(row["uid"], []).append((row["filename"], view))
    seen: set[str] = set()
    for row in table:
        terms = [term.strip() for term in row["MeSH"].split(";") if term.strip()]
        heads = {term.split("/")[0].strip() for term in terms}
        images = of_report.get(row["uid"], [])
        if not images or not heads - _NOTHING_SAID:
            labels.faults.append(RowFault(row.number, "no terms" if images else "no film"))
            continue
        truth = _truth(terms, heads, labels)
        parts = {name: " ".join(row.get(name.lower()).split()) for name in ("FINDINGS", "IMPRESSION")}
        text = "\n".join(f"{name}: {part}" for name, part in parts.items() if part)
        for image, view in images:
            film = LabelledFilm(image, truth, patient=f"CXR{row['uid']}", view=view, report=text)
            labels.add(row.number, film, seen)
    return labels


def _text(report: ElementTree.Element) -> str:
    """Return findings and impression, which are about this film; comparison and indication are not."""
    parts = {part.get("Label"): " ".join((part.text or "").split()) for part in report.iter("AbstractText")}
    return "\n".join(f"{name}: {parts[name]}" for name in ("FINDINGS", "IMPRESSION") if parts.get(name))


def _parsed(content: bytes) -> ElementTree.Element:
    if _ENTITY.search(content):
        raise ValueError("it declares entities, which no report of the collection does")
    return ElementTree.fromstring(content)  # noqa: S314 - without declarations nothing can be expanded


def _reports(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield file.name, file.read_bytes()[:_REPORT_BYTES]
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file_in = archive.extractfile(member) if member.isfile() and member.name.endswith(".xml") else None
                if file_in is not None:
                    yield Path(member.name).name, file_in.read(_REPORT_BYTES)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _views(path: Path, labels: LabelFile) -> dict[str, View]:
    found = beside(path, "nlmcxr_dicom_metadata.csv")
    if found is not None:
        return {row["imageid"]: parse_view(row.get("View Position")) for row in Table(found)}
    found = beside(path, "indiana_projections.csv")
    if found is None:
        labels.notes.append("no table of projections beside it: frontal and lateral films are not told apart")
        return {}
    views: dict[str, View] = {}
    for row in Table(found):
        # 1000_IM-0003-1001.dcm.png names what the reports call CXR1000_IM-0003-1001.
        name = "CXR" + row["filename"].split(".")[0]
        views[name] = "lateral" if row["projection"].lower() == "lateral" else "unknown"
    return views
