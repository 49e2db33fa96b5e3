"""What a source says of its films, before anybody has looked at them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from lucidray.datasets.manifest import Split
from lucidray.domain.vocabulary import OPACITY as OPACITIES
from lucidray.domain.vocabulary import OVERLAPS
from lucidray.evaluation.boxes import BoxFile
from lucidray.evaluation.label_files.read import read_labels
from lucidray.evaluation.label_files.table import LabelFile, LabelledFilm, RowFault
from lucidray.evaluation.localization import OPACITY


@dataclass(frozen=True)
class DrawnBox:
    """A box as its file has it.

    Attributes
    ----------
    finding : str
    xyxy : tuple of float
        Left, top, right, bottom, in units of `frame`.
    frame : (height, width) or None
        Size of the image that the box was drawn on; (1, 1) for shares of it, None for the film as stored.
    phrase : str
        Words of the report that it stands for.
    """

    finding: str
    xyxy: tuple[float, float, float, float]
    frame: tuple[float, float] | None = None
    phrase: str = ""


@dataclass(frozen=True)
class Entry:
    """A film as the source's files name it.

    Attributes
    ----------
    label : LabelledFilm
    also : tuple of str
        Other names that its file may have.
    boxes : tuple of DrawnBox
    report : str
        English.
    split : Split or None
        Where the collection itself puts it.
    """

    label: LabelledFilm
    also: tuple[str, ...] = ()
    boxes: tuple[DrawnBox, ...] = ()
    report: str = ""
    split: Split | None = None


@dataclass(frozen=True)
class Inputs:
    """The files that a source is made of.

    Attributes
    ----------
    labels : tuple of Path
    images : Path
        Folder of the films.
    boxes : tuple of Path
        Box files; a source looks for its own beside the labels where none is named.
    reports : Path or None
        Folder or table of reports.
    box_side : int or None
        Side of the square image that the boxes were drawn on, where the films have another size.
    """

    labels: tuple[Path, ...]
    images: Path
    boxes: tuple[Path, ...] = ()
    reports: Path | None = None
    box_side: int | None = None


@dataclass
class Gathered:
    """All that a source's files say.

    Attributes
    ----------
    entries : list of Entry
    formats : list of (str, str)
        Each file that was read, and as what.
    faults : list of (str, RowFault)
        File and row.
    left_out : Counter
        Films that the source itself leaves out, by reason.
    unmapped : Counter
        Names that none of the fourteen findings stands for.
    notes : list of str
    """

    entries: list[Entry] = field(default_factory=list)
    formats: list[tuple[str, str]] = field(default_factory=list)
    faults: list[tuple[str, RowFault]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def take(self, path: Path, labels: LabelFile) -> None:
        """Take in what a label file says beside its films."""
        self.formats.append((path.name, labels.format))
        self.faults += [(path.name, fault) for fault in labels.faults]
        self.unmapped.update(labels.unmapped)
        self.notes += labels.notes


def read_entries(inputs: Inputs, wanted: str | None = None) -> Gathered:
    """Read the label files; a film that a second file names again is a fault."""
    gathered = Gathered()
    seen: set[str] = set()
    for path in inputs.labels:
        labels = read_labels(path, wanted)
        gathered.take(path, labels)
        for film in labels.films:
            if film.image in seen:
                gathered.faults.append((path.name, RowFault(0, f"{film.image} was named by an earlier file")))
                continue
            seen.add(film.image)
            gathered.entries.append(Entry(film, report=film.report, split=film.split))
    return gathered


def stem(image: str) -> str:
    """Return a film's name without folders and ending, which label and box files agree on more often."""
    return PurePosixPath(image).stem


def with_boxes(gathered: Gathered, path: Path, boxes: BoxFile, frame: tuple[float, float] | None) -> None:
    """Give the entries the boxes of a file; those of films that nobody labelled are counted."""
    drawn: dict[str, list[DrawnBox]] = {}
    for box in boxes.boxes:
        drawn.setdefault(stem(box.image), []).append(DrawnBox(box.label, box.xyxy_px, frame))
    gathered.formats.append((path.name, "boxes"))
    gathered.faults += [(path.name, fault) for fault in boxes.faults]
    gathered.unmapped.update(boxes.unmapped)
    gathered.entries = [
        replace(entry, boxes=(*entry.boxes, *drawn.pop(stem(entry.label.image), []))) for entry in gathered.entries
    ]
    if drawn:
        gathered.notes.append(f"{path.name}: boxes of {len(drawn):,} films that no label file names were left out")


def named(boxes: Iterable[DrawnBox], positive: Iterable[str]) -> list[DrawnBox]:
    """Call a box of a lung opacity by the one finding of the film that an opacity may be, where it is one alone."""
    may_be = [finding for finding in OVERLAPS[OPACITIES] if finding in set(positive)]
    return [replace(box, finding=may_be[0]) if box.finding == OPACITY and len(may_be) == 1 else box for box in boxes]
