"""What every label file is brought to: one film a row, and of each finding what somebody said of it, or nothing.

Four states are kept apart: positive, negative, uncertain (somebody looked and could not tell), and nothing at all
(nobody said). A collection that lists what is there and says nothing of the rest is read by its own rule, told in its
file here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from lucidray.domain.radiograph import Sex, View
from lucidray.domain.vocabulary import LABELS

Truth = Literal["positive", "negative", "uncertain"]
ANY_ABNORMALITY = "Any abnormality"
TARGETS: tuple[str, ...] = (*LABELS, ANY_ABNORMALITY)
MAX_AGE_YEARS = 120.0


@dataclass(frozen=True)
class LabelledFilm:
    """A film and what is said of it.

    Attributes
    ----------
    image : str
        As the label file names it: a file name, a path or an identifier.
    truth : dict
        By finding; a finding that nobody spoke of is not in it.
    patient : str or None
    age_years : float or None
    sex : Sex or None
    view : View
    source : str or None
        The collection that the film is from, where the label file tells several apart.
    report : str
        What a radiologist wrote, where the label file holds it.
    split : str or None
        Where the label file puts the film: "train", "validation" or "test".
    model_assisted : bool
        Whether people who decided the labels saw a model's answer first: such a film must not measure a model.
    """

    image: str
    truth: dict[str, Truth]
    patient: str | None = None
    age_years: float | None = None
    sex: Sex | None = None
    view: View = "unknown"
    source: str | None = None
    report: str = ""
    split: Literal["train", "validation", "test"] | None = None
    model_assisted: bool = False


@dataclass(frozen=True)
class RowFault:
    """A row that could not be used: its line (1 is the header) and the reason."""

    row: int
    reason: str


@dataclass
class LabelFile:
    """A label file as read.

    Attributes
    ----------
    format : str
        Which collection's layout it has.
    films : list of LabelledFilm
    faults : list of RowFault
    unmapped : Counter
        Labels of the file that none of the fourteen findings stands for, and how often each was positive.
    notes : list of str
        How the file was read, where it leaves a choice.
    """

    format: str
    films: list[LabelledFilm] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, row: int, film: LabelledFilm, seen: set[str]) -> None:
        """Keep a film; one that was named before is a fault, for two rows may not say two things of one film."""
        if not film.image:
            self.faults.append(RowFault(row, "no image is named"))
        elif film.image in seen:
            self.faults.append(RowFault(row, f"{film.image} was named before"))
        else:
            seen.add(film.image)
            self.films.append(film)


def canonical(name: str) -> str | None:
    """Return the target that a label's name means, whatever its case, blanks and underscores; None where none does."""
    return _NAMES.get(_folded(name))


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())


_NAMES = {_folded(label): label for label in TARGETS} | {
    "pleural effusion": "Effusion",
    "pleural other thickening": "Pleural Thickening",
    "pulmonary edema": "Edema",
    "oedema": "Edema",
    "pulmonary oedema": "Edema",
    "pulmonary fibrosis": "Fibrosis",
    "pulmonary emphysema": "Emphysema",
    "hiatal hernia": "Hernia",
    "hiatus hernia": "Hernia",
    "infiltrate": "Infiltration",
    "abnormal": ANY_ABNORMALITY,
}


def listed(positive: Iterable[str], *, knows: Iterable[str], abnormal: bool | None) -> dict[str, Truth]:
    """Truth of a film whose label file lists what is there; of `knows`, what is not listed is negative."""
    there = set(positive)
    truth: dict[str, Truth] = {name: "positive" if name in there else "negative" for name in knows}
    if abnormal is not None:
        truth[ANY_ABNORMALITY] = "positive" if abnormal else "negative"
    return truth


def parse_age(text: str | None) -> float | None:
    """Age in years from "57", "057Y", "18M", "3W", "12D"; None where there is none, or none that a person can have."""
    value = (text or "").strip().upper()
    if not value:
        return None
    per_year = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}
    unit = value[-1] if value[-1] in per_year else ""
    try:
        years = float(value.removesuffix(unit) if unit else value) / per_year[unit or "Y"]
    except ValueError:
        return None
    return years if 0 <= years <= MAX_AGE_YEARS else None


def parse_sex(text: str | None) -> Sex | None:
    """Sex from M, F, O or the word; None where nothing says."""
    first = (text or "").strip().lower()[:1]
    sexes: dict[str, Sex] = {"m": "male", "f": "female", "o": "other"}
    return sexes.get(first)


def parse_view(text: str | None) -> View:
    """View from the names that the collections use; "unknown" for everything else."""
    return _VIEWS.get(" ".join((text or "").replace("_", " ").upper().split()), "unknown")


def parse_split(text: str | None) -> Literal["train", "validation", "test"] | None:
    """Split from the names that the collections use; None for everything else."""
    return _SPLITS.get((text or "").strip().lower())


_SPLITS: dict[str, Literal["train", "validation", "test"]] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "validate": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_VIEWS: dict[str, View] = {
    "PA": "PA",
    "POSTEROANTERIOR": "PA",
    "AP": "AP",
    "AP ERECT": "AP",
    "ANTEROPOSTERIOR": "AP",
    "AP SUPINE": "AP supine",
    "AP HORIZONTAL": "AP supine",
    "L": "lateral",
    "LL": "lateral",
    "LATERAL": "lateral",
    "LL ERECT": "lateral",
    "OBLIQUE": "oblique",
}
