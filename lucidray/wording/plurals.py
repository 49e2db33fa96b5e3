"""Plural categories, named as in Unicode CLDR, as far as whole numbers under a million need them."""

from collections.abc import Callable, Mapping
from typing import Literal

Plural = Literal["one", "two", "few", "many", "other"]
Template = str | dict[Plural, str]


def _arabic(count: int) -> Plural:
    if count in (1, 2):
        return "one" if count == 1 else "two"
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if 11 <= count % 100 <= 99 else "other"


PLURALS: dict[str, tuple[Callable[[int], Plural], frozenset[Plural]]] = {
    "one-other": (lambda count: "one" if count == 1 else "other", frozenset({"one", "other"})),
    "zero-is-one": (lambda count: "one" if count in (0, 1) else "other", frozenset({"one", "other"})),
    "other": (lambda _: "other", frozenset({"other"})),
    "arabic": (_arabic, frozenset({"one", "two", "few", "many", "other"})),
}


def choose(template: Template, rule: str, count: int) -> str:
    """Return the version of a text that fits a number; a category without one takes that of `other`."""
    if isinstance(template, str):
        return template
    return template.get(PLURALS[rule][0](count), template["other"])


def check(texts: Mapping[str, Template], rule: str) -> None:
    """Raise ValueError where a text has a version for a category that the language lacks, or none for `other`."""
    categories = PLURALS[rule][1]
    for key, template in texts.items():
        if isinstance(template, dict) and not {"other"} <= set(template) <= categories:
            raise ValueError(f"{key}: plural categories {sorted(template)} of {sorted(categories)}")
