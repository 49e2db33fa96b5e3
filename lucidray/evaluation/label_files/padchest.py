"""PadChest, `PADCHEST_chest_x_ray_images_labels_160K*.csv`: names out of a tree; what is not listed is negative.

A finding counts where PadChest's name, or a narrower name below it in PadChest's own tree, is listed. Rows whose labels
are missing, and studies marked `exclude`, say nothing. Labels are a physician's or a network's: `MethodLabel` tells
which, and both are kept, counted in a note.

What each name means stands in `padchest.toml`, beside this file, for people to edit.

Bustos et al., Medical Image Analysis 66 (2020) 101797
"""

import ast
import re
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lucidray.domain.vocabulary import LABELS, Label, Side, Zone
from lucidray.evaluation.label_files.rows import Table
from lucidray.evaluation.label_files.table import (
    LabelFile,
    LabelledFilm,
    RowFault,
    listed,
    parse_age,
    parse_sex,
    parse_view,
)

NAME = "PadChest"
_TABLE = "padchest.toml"
_COLUMNS = frozenset({"imageid", "projection", "patientid", "labels", "methodlabel"})
# The side stands behind a name where labels were listed sentence by sentence: "pleural effusion both sides".
_SIDED = re.compile(r"^(?P<name>.+?) (?:(?P<both>both sides?|bilateral)|(?P<side>left|right) side)$")


@dataclass(frozen=True)
class Names:
    """What PadChest's names mean.

    Attributes
    ----------
    findings : dict
        By name, in lower case: the findings that it stands for.
    words : dict
        By name: what a report says for it; for the names of `findings`, remarks and others.
    remarks : frozenset of str
        Names that are about the study.
    places : dict
        By name of a place: side and zone, each None where the place does not tell.
    spanish : dict
        By Spanish word, without accents and in lower case: PadChest's name.
    """

    findings: dict[str, tuple[Label, ...]]
    words: dict[str, str]
    remarks: frozenset[str]
    places: dict[str, tuple[Side | None, Zone | None]]
    spanish: dict[str, str]


@cache
def load_names() -> Names:
    """Read the table of names."""
    table = tomllib.loads(files(__package__).joinpath(_TABLE).read_text(encoding="utf-8"))
    known = {label: label for label in LABELS}
    labels = {**table["findings"], **table["remarks"], **table["others"]}
    return Names(
        findings={name: tuple(known[label] for label in entry["is"]) for name, entry in table["findings"].items()},
        words={name: entry["words"] for name, entry in labels.items()},
        remarks=frozenset(table["remarks"]),
        places={name: (entry.get("side"), entry.get("zone")) for name, entry in table["places"].items()},
        spanish={
            word: name
            for part in (labels, table["places"])
            for name, entry in part.items()
            for word in entry["spanish"]
        },
    )


def english(name: str) -> str:
    """Return PadChest's own name, in lower case, of an English or Spanish one; unknown names as they are."""
    folded = " ".join(name.strip().lower().split())
    plain = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    names = load_names()
    return folded if folded in names.words or folded in names.places else names.spanish.get(plain, folded)


def without_side(name: str) -> tuple[str, Side | None]:
    """Cut the side off a name that ends in one."""
    found = _SIDED.match(name)
    if found is None:
        return name, None
    return found["name"], "both" if found["both"] else "left" if found["side"] == "left" else "right"


def fits(table: Table) -> bool:
    """Whether the header is that of the collection."""
    return table.columns >= _COLUMNS


def read(table: Table) -> LabelFile:
    """Read all rows, laterals too: the gate has to refuse them."""
    labels = LabelFile(NAME)
    seen: set[str] = set()
    methods: Counter[str] = Counter()
    names = load_names()
    remarks = names.remarks | {""}
    for row in table:
        said = _names(row["Labels"])
        if said is None or "exclude" in said or (not said - remarks and "normal" not in said):
            reason = "the study is marked exclude" if said and "exclude" in said else "no labels"
            labels.faults.append(RowFault(row.number, reason))
            continue
        found = {label for name in said for label in names.findings.get(name, ())}
        labels.unmapped.update(said - set(names.findings) - remarks)
        methods[row["MethodLabel"]] += 1
        birth, day = row.get("PatientBirth"), row.get("StudyDate_DICOM")
        labels.add(
            row.number,
            LabelledFilm(
                image=row["ImageID"],
                truth=listed(found, knows=LABELS, abnormal="normal" not in said or bool(found)),
                patient=row["PatientID"] or None,
                age_years=_age(birth, day),
                sex=parse_sex(row.get("PatientSex_DICOM")),
                view=parse_view(row["Projection"]),
            ),
            seen,
        )
    labels.notes.append("labels by " + ", ".join(f"{name}: {count}" for name, count in sorted(methods.items())))
    return labels


def _names(text: str) -> set[str] | None:
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    if not isinstance(names, list):
        return None
    return {english(str(name)) for name in names}


def _age(birth: str, day: str) -> float | None:
    """Years from the year of birth to that of the film; both are all that PadChest tells."""
    try:
        return parse_age(str(int(day[:4]) - int(float(birth))))
    except ValueError:
        return None
