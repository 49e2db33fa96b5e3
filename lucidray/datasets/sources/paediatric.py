"""Children's films of Guangzhou: the folders train, val and test with NORMAL and PNEUMONIA, or a `labels.csv`.

A file's name tells the patient (`person12_bacteria_46.jpeg`, `NORMAL2-IM-0383-0001.jpeg`); a number stands for one
child, whatever the organism behind it, so that no child can be in two splits. Kermany et al., Cell 172 (2018) 1122
"""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lucidray.datasets.entry import Entry, Gathered, Inputs, read_entries
from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.project import CHILD_AGE_YEARS
from lucidray.evaluation.label_files.table import LabelledFilm, Truth, parse_split

_CLASSES: dict[str, Truth] = {"NORMAL": "negative", "PNEUMONIA": "positive"}
_PERSON = re.compile(r"^person(\d+)_")
_NORMAL = re.compile(r"^((?:NORMAL2-)?IM-\d+)")
_ENDINGS = (".jpeg", ".jpg", ".png")


def gather(inputs: Inputs) -> Gathered:
    """Read the folders, or the label file where one is named.

    Raises
    ------
    InputError
        The folder has neither NORMAL nor PNEUMONIA in it.
    """
    if inputs.labels:
        gathered = read_entries(inputs)
        # The publishers call all of the films anterior-posterior.
        gathered.entries = [replace(entry, label=replace(entry.label, view="AP")) for entry in gathered.entries]
        return gathered
    gathered = Gathered(formats=[(inputs.images.name, "folders NORMAL and PNEUMONIA")])
    for path in sorted(inputs.images.rglob("*")):
        if path.suffix.lower() not in _ENDINGS or path.parent.name not in _CLASSES or path.name.startswith("."):
            continue
        gathered.entries.append(_entry(path, inputs.images))
    if not gathered.entries:
        raise InputError(f"{inputs.images} has no films in folders NORMAL and PNEUMONIA, and no --labels were named")
    gathered.notes.append(f"children of 1 to 5 years, read as {CHILD_AGE_YEARS:g} years old")
    return gathered


def patient_of(name: str) -> str:
    """Return the child that a file's name tells; a name of another kind stands for itself.

    IM-0505-0001-0001 is taken for the child of IM-0505-0001: where a name leaves it open, two films are one child's.
    """
    person = _PERSON.match(name)
    if person is not None:
        return f"child-p{person.group(1)}"
    normal = _NORMAL.match(name)
    return f"child-{normal.group(1) if normal else PurePosixPath(name).stem}"


def _entry(path: Path, images: Path) -> Entry:
    film = LabelledFilm(
        image=path.relative_to(images).as_posix(),
        truth={"Pneumonia": _CLASSES[path.parent.name]},
        patient=patient_of(path.name),
        age_years=CHILD_AGE_YEARS,
        view="AP",
    )
    return Entry(film, split=parse_split(path.parent.parent.name))
