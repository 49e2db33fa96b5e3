"""Find out whose label file it is, and read it."""

from collections.abc import Callable
from pathlib import Path

from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files import (
    chexpert,
    feedback,
    generic,
    nih,
    openi,
    padchest,
    project,
    rsna,
    siim,
    vinbigdata,
)
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import LabelFile

# Names are what `--format` takes. The order matters only for the last: a plain table is what nothing else claims.
FORMATS: dict[str, tuple[Callable[[Table], bool], Callable[[Table], LabelFile]]] = {
    "nih": (nih.fits, nih.read),
    "padchest": (padchest.fits, padchest.read),
    "chexpert": (chexpert.fits, chexpert.read),
    "mimic": (chexpert.fits_mimic, chexpert.read_mimic),
    "vinbigdata": (vinbigdata.fits, vinbigdata.read),
    "rsna": (rsna.fits, rsna.read),
    "siim": (siim.fits, siim.read),
    "feedback": (feedback.fits, feedback.read),
    "project": (project.fits_adults, project.read_adults),
    "project-children": (project.fits_children, project.read_children),
    "plain": (generic.fits, generic.read),
}
OPEN_I = "openi"


def read_labels(path: Path, wanted: str | None = None) -> LabelFile:
    """Read a label file of any collection that is known.

    Parameters
    ----------
    path : Path
        CSV (also .gz, .zip); for Open-i the archive of reports or their folder.
    wanted : str, optional
        One of `FORMATS` or "openi"; by default the header decides.

    Returns
    -------
    LabelFile
        With every row that could not be used, named.

    Raises
    ------
    InputError
        The file cannot be read, or its header is none that is known.
    """
    if not path.exists():
        raise InputError(f"there is no label file {path}")
    if wanted == OPEN_I or (wanted is None and openi.fits(path)):
        return openi.read(path)
    table = Table(path)
    for name, (fits, read) in FORMATS.items():
        if wanted not in (None, name) or not fits(table):
            continue
        labels = read(table)
        labels.faults = sorted([*labels.faults, *table.faults], key=lambda fault: fault.row)
        return labels
    columns = ", ".join(table.header[:8])
    if wanted is not None:
        raise InputError(f"{path.name} has not the columns of a label file of {wanted!r}; it has {columns}")
    raise InputError(
        f"the columns of {path.name} are those of no label file that is known ({columns} ...): a plain table has a"
        " column `image` and one column a finding, with 1, 0, -1 or nothing"
    )
