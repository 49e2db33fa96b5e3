"""The Open-i reports of Indiana University, and what their coders' MeSH terms mean for the findings.

The collection: Demner-Fushman et al., J Am Med Inform Assoc 2016;23:304; CC BY-NC-ND 4.0. The file with all reports,
``NLMCXR_reports.tgz``, is part of the torchxrayvision package; lucidray ships none of it.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.errors import InputError

Half = Literal["development", "held-out"]
_MAX_REPORT_BYTES = 1_000_000

# A coder's term before its first slash. Opacity, airspace disease and infiltrate are one finding to most labellers
# (Irvin et al., AAAI 2019: "lung opacity"); a granuloma is a nodule, a scar of the lung a fibrosis.
TERMS: dict[str, tuple[ClaimLabel, ...]] = {
    "Pulmonary Atelectasis": ("Atelectasis",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Pleural Effusion": ("Effusion",),
    "Hemothorax": ("Effusion",),
    "Infiltrate": ("Infiltration",),
    "Opacity": ("Infiltration",),
    "Airspace Disease": ("Infiltration",),
    "Mass": ("Mass",),
    "Nodule": ("Nodule",),
    "Granuloma": ("Nodule",),
    "Calcified Granuloma": ("Nodule",),
    "Pneumonia": ("Pneumonia",),
    "Pneumothorax": ("Pneumothorax",),
    "Hydropneumothorax": ("Pneumothorax", "Effusion"),
    "Hemopneumothorax": ("Pneumothorax", "Effusion"),
    "Consolidation": ("Consolidation",),
    "Pulmonary Edema": ("Edema",),
    "Pulmonary Congestion": ("Edema",),
    "Heart Failure": ("Edema",),
    "Emphysema": ("Emphysema",),
    "Pulmonary Emphysema": ("Emphysema",),
    "Bullous Emphysema": ("Emphysema",),
    "Pulmonary Disease, Chronic Obstructive": ("Emphysema",),
    "Pulmonary Fibrosis": ("Fibrosis",),
    "Fibrosis": ("Fibrosis",),
    "Hernia, Hiatal": ("Hernia",),
    "Hernia, Diaphragmatic": ("Hernia",),
    "Pneumoperitoneum": ("Free Air",),
}
# Terms that mean a finding, or another one, with a certain qualifier.
QUALIFIED: dict[tuple[str, str], ClaimLabel] = {
    ("Cardiac Shadow", "enlarged"): "Cardiomegaly",
    ("Cicatrix", "lung"): "Fibrosis",
    ("Cicatrix", "pleura"): "Pleural Thickening",
    ("Thickening", "pleura"): "Pleural Thickening",
    ("Density", "round"): "Nodule",
    ("Opacity", "round"): "Nodule",
}
_DOUBT = "borderline"
_NOT_OF_THE_LUNG = {
    ("Mass", "breast"),
    ("Granuloma", "ribs"),
    ("Granuloma", "thoracic vertebrae"),
    ("Opacity", "abdomen"),
}


class CodedReport(NamedTuple):
    """A report with what its coders say of it.

    Attributes
    ----------
    id : str
    text : str
        Findings and impression, with their headings.
    present : frozenset of ClaimLabel
    doubtful : frozenset of ClaimLabel
        Coded as borderline only: neither there nor not.
    """

    id: str
    text: str
    present: frozenset[ClaimLabel]
    doubtful: frozenset[ClaimLabel]


def half_of(report_id: str) -> Half:
    """Return the half that a report belongs to, by the parity of its id's SHA-256."""
    return "held-out" if hashlib.sha256(report_id.encode()).digest()[-1] % 2 else "development"


def read_reports(path: Path) -> Iterator[CodedReport]:
    """Read the reports that have findings or an impression and were indexed.

    Parameters
    ----------
    path : Path
        ``NLMCXR_reports.tgz``.

    Raises
    ------
    InputError
        The file is no such archive, or a report in it cannot be read.
    """
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if not (member.isfile() and member.name.endswith(".xml")):
                    continue
                if member.size > _MAX_REPORT_BYTES:
                    raise InputError(f"{path.name}: {member.name} has {member.size} bytes; reports have fewer")
                file = archive.extractfile(member)
                report = _parse(file.read()) if file else None
                if report is not None:
                    yield report
    except (OSError, tarfile.TarError, EOFError, ElementTree.ParseError) as error:
        raise InputError(f"{path.name} cannot be read as an archive of Open-i reports: {error}") from error


def coded_labels(terms: list[str]) -> tuple[frozenset[ClaimLabel], frozenset[ClaimLabel]]:
    """Return the findings that MeSH terms say are present, and those coded as borderline only.

    Parameters
    ----------
    terms : list of str
        Major terms with their qualifiers: "Cardiomegaly/borderline", "Opacity/lung/base/left/round".
    """
    present: set[ClaimLabel] = set()
    doubtful: set[ClaimLabel] = set()
    for term in terms:
        name, *qualifiers = (part.strip() for part in term.split("/"))
        if any((name, qualifier) in _NOT_OF_THE_LUNG for qualifier in qualifiers):
            continue
        by_qualifier = [QUALIFIED[name, qualifier] for qualifier in qualifiers if (name, qualifier) in QUALIFIED]
        found = by_qualifier or [*TERMS.get(name, ())]
        (doubtful if _DOUBT in qualifiers else present).update(found)
    return frozenset(present), frozenset(doubtful - present)


def _parse(content: bytes) -> CodedReport | None:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError("a report with its own entities is not an Open-i report")
    root = ElementTree.fromstring(content)  # noqa: S314 (small, and without entities)
    identity = root.find("uId")
    terms = [each.text or "" for each in root.iter("major")]
    parts = {each.get("Label"): (each.text or "").strip() for each in root.iter("AbstractText")}
    text = "\n\n".join(f"{name}: {parts[name]}" for name in ("FINDINGS", "IMPRESSION") if parts.get(name))
    if identity is None or not text or not terms or "No Indexing" in terms:
        return None
    return CodedReport(identity.get("id", ""), text, *coded_labels(terms))
