"""What can be said of a finding in a sentence, and what is said of an organ: the terms that `claim_scope` works in."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, get_args

from lucidray.domain.claim import ClaimLabel, Polarity
from lucidray.reasoning.claim_table import Kind

NAMED, RELATED, IMPLIED = 0, 1, 2
ALL_LABELS: tuple[str, ...] = (*(label for part in get_args(ClaimLabel)[:1] for label in get_args(part)), "Free Air")
# What clear lungs and a film without an acute abnormality deny; chosen by how seldom coders of Open-i then code it.
CLEAR_LUNGS = ("Consolidation", "Infiltration", "Pneumonia")
NO_ACUTE_PROCESS = ("Consolidation", "Pneumonia", "Edema", "Pneumothorax")

Said = tuple[tuple[str, ...], Polarity, int]
# (what is spoken of, what is said of it, whether that is negated): labels, polarity, and how directly they are named.
SAID: dict[tuple[str, str, bool], Said] = {
    ("heart", "normal", False): (("Cardiomegaly",), "absent", RELATED),
    ("heart", "clear", False): (("Cardiomegaly",), "absent", RELATED),
    ("heart", "enlarged", False): (("Cardiomegaly",), "present", NAMED),
    ("heart", "enlarged", True): (("Cardiomegaly",), "absent", NAMED),
    ("heart", "borderline", False): (("Cardiomegaly",), "uncertain", RELATED),
    ("lungs", "clear", False): (CLEAR_LUNGS, "absent", IMPLIED),
    ("lungs", "normal", False): (CLEAR_LUNGS, "absent", IMPLIED),
    ("pleura", "clear", False): (("Effusion", "Pneumothorax"), "absent", IMPLIED),
    ("pleura", "normal", False): (("Effusion", "Pneumothorax"), "absent", IMPLIED),
    ("angles", "clear", False): (("Effusion",), "absent", IMPLIED),
    ("angles", "normal", False): (("Effusion",), "absent", IMPLIED),
    ("angles", "blunted", False): (("Effusion",), "uncertain", RELATED),
    ("angles", "blunted", True): (("Effusion",), "absent", IMPLIED),
    ("vessels", "normal", False): (("Edema",), "absent", IMPLIED),
    ("vessels", "enlarged", False): (("Edema",), "uncertain", RELATED),
    ("vessels", "borderline", False): (("Edema",), "uncertain", RELATED),
    ("chest", "normal", False): (ALL_LABELS, "absent", IMPLIED),
    ("chest", "clear", False): (CLEAR_LUNGS, "absent", IMPLIED),
}

Scope = Literal["none", "negated", "uncertain", "question", "same"]
Link = Literal["list", "or", "and", "between", "cue", "with", "new", "plain"]


@dataclass
class Mention:
    """A finding in a sentence, or something else that a cue can be about (no labels).

    Attributes
    ----------
    labels : tuple of str
    level : int
        Named, told by a related word, or only implied by a general statement.
    polarity : Polarity or None
        None where the sentence asks, recommends or looks back.
    event : int
        Index of its event in the sentence.
    link : Link
        How it hangs together with the mention before it.
    clause : int
    by_word : bool
        Named by a word of its own, and not by what is said of an organ.
    """

    labels: tuple[str, ...]
    level: int
    polarity: Polarity | None
    event: int
    link: Link
    clause: int
    by_word: bool = True


@dataclass
class State:
    """What is open at one place of the sentence."""

    scope: Scope = "none"
    same_as: Polarity | None = None
    count: int = 0
    fresh: bool = False
    listing: bool = False
    clause: int = 0
    opened: bool = False
    verb: bool = False
    link: Link = "new"
    before: str = ""
    pending: tuple[str, Scope, int] | None = None
    subjects: list[str] = field(default_factory=list)
    touched: bool = False
    settled: int = 0


_ROLES: tuple[tuple[str, frozenset[Kind]], ...] = (
    ("ignored", frozenset(("ignored",))),
    ("mention", frozenset(("finding", "other"))),
    ("statement", frozenset(("statement",))),
    ("end", frozenset(("end", "opening"))),
    ("not_negating", frozenset(("not_negating",))),
    ("question", frozenset(("question", "question_after"))),
    ("same", frozenset(("same",))),
    ("between", frozenset(("between",))),
    ("negation", frozenset(("negation_before", "negation_after"))),
    ("uncertainty", frozenset(("uncertainty_before", "uncertainty_after", "uncertainty_list"))),
    ("subject", frozenset(("subject",))),
    ("predicate", frozenset(("predicate",))),
    ("connector", frozenset(("comma", "and", "or", "with"))),
)


@lru_cache(maxsize=512)
def role_of(kinds: frozenset[Kind]) -> str:
    """Return which of an event's kinds counts: the first in the order of the roles."""
    return next((role for role, those in _ROLES if kinds & those), "none")
