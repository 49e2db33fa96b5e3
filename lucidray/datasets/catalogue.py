"""The collections by name: what is known of each, and who reads its files."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lucidray.datasets.entry import Gathered, Inputs
from lucidray.datasets.sources import chexpert, folder, mimic, nih, openi, padchest, paediatric, rsna, vinbig
from lucidray.domain.radiograph import View
from lucidray.evaluation.label_files.table import parse_view

SOURCES: dict[str, Callable[[Inputs], Gathered]] = {
    "padchest": padchest.gather,
    "nih": nih.gather,
    "chexpert": chexpert.gather,
    "mimic-cxr": mimic.gather,
    "openi": openi.gather,
    "vinbig": vinbig.gather,
    "rsna": rsna.gather,
    "paediatric": paediatric.gather,
    "folder": folder.gather,
}


@dataclass(frozen=True)
class About:
    """A collection.

    Attributes
    ----------
    title, terms, cite, page : str
        `terms` in a few words; the agreement itself holds.
    view : View
        Of films that neither the label file nor the film says a view of.
    needs_labels : bool
        Whether a label file must be named.
    """

    title: str
    terms: str
    cite: str
    page: str
    view: View
    needs_labels: bool


@cache
def about(name: str) -> About:
    """Return what is known of a collection."""
    table = tomllib.loads(files("lucidray.datasets").joinpath("catalogue.toml").read_text(encoding="utf-8"))[name]
    return About(
        table["title"], table["terms"], table["cite"], table["page"], parse_view(table["view"]), table["labels"]
    )
