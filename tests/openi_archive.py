"""Builds a small archive of reports in the form of Open-i's."""

import io
import tarfile
from pathlib import Path

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="{id}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">Chest film with pneumothorax.</AbstractText>
<AbstractText Label="INDICATION">Rule out pneumonia.</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText>
<AbstractText Label="IMPRESSION">{impression}</AbstractText>
</Abstract></Article></MedlineCitation><MeSH>{terms}</MeSH></eCitation>"""


def write_archive(path: Path, reports: list[tuple[str, str, str, list[str]]], *, raw: bytes | None = None) -> Path:
    """Write reports of (id, findings, impression, major terms); `raw` is added as a report as it stands."""
    files = {
        f"ecgen-radiology/{number}.xml": REPORT.format(
            id=name, findings=findings, impression=impression, terms="".join(f"<major>{term}</major>" for term in terms)
        ).encode()
        for number, (name, findings, impression, terms) in enumerate(reports)
    }
    if raw is not None:
        files["ecgen-radiology/raw.xml"] = raw
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path
