"""The table of a language's words for claims, as its JSON file holds it.

A phrase may hold alternatives in brackets: ``[pleural|] effusion[|s]`` stands for four phrases.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from lucidray.domain.claim import ClaimLabel, Severity
from lucidray.domain.vocabulary import Side, Zone

Kind = Literal[
    "finding",
    "other",
    "ignored",
    "subject",
    "predicate",
    "statement",
    "negation_before",
    "negation_after",
    "not_negating",
    "uncertainty_before",
    "uncertainty_after",
    "uncertainty_list",
    "between",
    "same",
    "equals",
    "question",
    "question_after",
    "end",
    "opening",
    "with",
    "and",
    "or",
    "comma",
    "stop",
    "anew",
    "preposition",
    "verb",
    "side",
    "zone",
    "severity",
]
Subject = Literal["heart", "lungs", "pleura", "angles", "vessels", "chest", "process", "elsewhere"]
Predicate = Literal["normal", "enlarged", "borderline", "clear", "blunted", "neutral"]


class Meaning(NamedTuple):
    """What a phrase can mean; `value` depends on the kind, `level` says how directly a finding is named (0 or 1)."""

    kind: Kind
    value: str = ""
    level: int = 0


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Terms(_Part):
    named: list[str]
    related: list[str] = []


class _Combined(_Part):
    terms: list[str]
    labels: list[ClaimLabel]


class _Negation(_Part):
    before: list[str]
    after: list[str]
    not_negating: list[str]


class _Uncertainty(_Part):
    before: list[str]
    after: list[str]
    between: list[str]
    list_: list[str] = []


class _Sections(_Part):
    read: list[str]
    topic: list[str]
    skipped: list[str]


class ClaimTable(_Part):
    """All words of one language, by what they mean."""

    findings: dict[ClaimLabel, _Terms]
    combined: list[_Combined] = []
    other: list[str] = []
    ignored: list[str] = []
    subjects: dict[Subject, list[str]]
    predicates: dict[Predicate, list[str]]
    statements: list[str]
    negation: _Negation
    uncertainty: _Uncertainty
    same: list[str]
    equals: list[str] = []
    question: list[str]
    question_after: list[str] = []
    ends: list[str]
    openings: list[str] = []
    with_: list[str]
    and_: list[str]
    or_: list[str]
    anew: list[str]
    prepositions: list[str]
    verbs: list[str] = []
    sides: dict[Side, list[str]]
    zones: dict[Zone, list[str]]
    places: dict[str, list[str]]
    severity: dict[Severity, list[str]]
    sections: _Sections
    abbreviations: list[str] = []
    look_alikes: list[str] = []


def expand(term: str) -> list[str]:
    """Write out the alternatives in brackets: "[a|b[|s]] c" gives "a c", "b c" and "bs c"."""
    open_brackets: list[tuple[list[str], list[str]]] = []
    # What is finished of the alternative being read, and the alternatives before it.
    done, options = [""], list[str]()
    for part in re.findall(r"[\[\]|]|[^\[\]|]+", term):
        if part == "[":
            open_brackets.append((done, options))
            done, options = [""], []
        elif part == "|":
            options += done
            done = [""]
        elif part == "]":
            inner = [*options, *done]
            done, options = open_brackets.pop()
            done = [start + end for start, end in product(done, inner)]
        else:
            done = [start + part for start in done]
    if open_brackets or options:
        raise ValueError(f"brackets do not match: {term}")
    return list(dict.fromkeys(" ".join(each.split()) for each in done))


def entries(table: ClaimTable) -> Iterator[tuple[str, Meaning]]:
    """Yield every phrase of a table with one of its meanings."""

    def each(terms: Iterable[str], meaning: Meaning) -> Iterator[tuple[str, Meaning]]:
        return ((phrase, meaning) for term in terms for phrase in expand(term))

    for label, by_level in table.findings.items():
        yield from each(by_level.named, Meaning("finding", label))
        yield from each(by_level.related, Meaning("finding", label, 1))
    for combined in table.combined:
        for name in combined.labels:
            yield from each(combined.terms, Meaning("finding", name))
    for subject, terms in table.subjects.items():
        yield from each(terms, Meaning("subject", subject))
    for predicate, terms in table.predicates.items():
        yield from each(terms, Meaning("predicate", predicate))
    for side, terms in table.sides.items():
        yield from each(terms, Meaning("side", side))
    for zone, terms in table.zones.items():
        yield from each(terms, Meaning("zone", zone))
    for place, terms in table.places.items():
        side_name, zone_name = place.split()
        yield from each(terms, Meaning("side", side_name))
        yield from each(terms, Meaning("zone", zone_name))
    for severity, terms in table.severity.items():
        yield from each(terms, Meaning("severity", severity))
    plain: list[tuple[Kind, list[str]]] = [
        ("other", table.other),
        ("ignored", table.ignored),
        ("statement", table.statements),
        ("negation_before", table.negation.before),
        ("negation_after", table.negation.after),
        ("not_negating", table.negation.not_negating),
        ("uncertainty_before", table.uncertainty.before),
        ("uncertainty_after", table.uncertainty.after),
        ("uncertainty_list", table.uncertainty.list_),
        ("between", table.uncertainty.between),
        ("same", table.same),
        ("equals", table.equals),
        ("question", table.question),
        ("question_after", table.question_after),
        ("end", table.ends),
        ("opening", table.openings),
        ("with", table.with_),
        ("and", table.and_),
        ("or", table.or_),
        ("anew", table.anew),
        ("preposition", table.prepositions),
        ("verb", table.verbs),
    ]
    for kind, terms in plain:
        yield from each(terms, Meaning(kind))
