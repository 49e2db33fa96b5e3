"""Open-i (Indiana University): the archive of XML reports, with their text; films as DICOM or PNG.

Who the patients are is not told: a report stands for a patient, which is what the collection's users do.
Demner-Fushman et al., Journal of the American Medical Informatics Association 23 (2016) 304
"""

from dataclasses import replace

from lucidray.datasets.entry import Gathered, Inputs, read_entries


def gather(inputs: Inputs) -> Gathered:
    """Read the reports."""
    gathered = read_entries(inputs, "openi")
    # 1000_IM-0003-1001.dcm.png is what the best-known copy calls the film CXR1000_IM-0003-1001.
    gathered.entries = [
        replace(entry, also=(f"{entry.label.image.removeprefix('CXR')}.dcm",)) for entry in gathered.entries
    ]
    without = sum(not entry.report for entry in gathered.entries)
    if without:
        gathered.notes.append(f"{without:,} films have a report without findings and impression")
    gathered.notes.append("the collection does not tell its patients: each report counts as one")
    return gathered
