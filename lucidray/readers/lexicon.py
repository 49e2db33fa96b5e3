"""The words that symptoms are written in: one table a language, all of them looked for at once.

People type in their own language whatever the report's is, so nothing is asked; a table's words are few and distinct.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lucidray.readers.phrases import available_languages

Kind = Literal[
    "concept",
    "no_next",
    "no_all",
    "neutral",
    "scope_end",
    "other_people",
    "or",
    "and",
    "since",
    "comma",
    "stop",
    "duration",
]
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)?|[^\w\s]")
# Shorter words have too many neighbours: "never" is one letter from "fever".
_MIN_LETTERS_FOR_TYPO = 6


@dataclass(frozen=True)
class Token:
    """A word, number or sign, with its place in the text; `word` is in small letters."""

    word: str
    typed: str
    start: int
    end: int


@dataclass(frozen=True)
class Term:
    """What some words in a row mean; `concepts` is empty for words that only steer, like negations."""

    words: tuple[str, ...]
    kind: Kind
    concepts: tuple[str, ...] = ()
    denies: bool = False
    exact_case: bool = False


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Concept(_Part):
    terms: list[str]
    negated_terms: list[str] = []
    abbreviations: list[str] = []


class _Negation(_Part):
    before_next: list[str]
    before_all: list[str]
    after: list[str]
    after_colon: list[str]
    not_negating: list[str]


class _Duration(_Part):
    units: list[str]
    fractions: list[str]
    numbers: list[str]
    ages: list[str]
    since: list[str]


class _Table(_Part):
    concepts: dict[str, _Concept]
    negation: _Negation
    scope_ends: list[str]
    other_people: list[str]
    look_alikes: list[str]
    duration: _Duration
    conjunctions: dict[Literal["or", "and"], list[str]]


@dataclass(frozen=True)
class Lexicon:
    """Words of all languages.

    Attributes
    ----------
    terms : tuple of Term
        Longest first, so that "no longer" is found before "no".
    after, after_colon : frozenset of words in a row
        What negates a symptom from behind: "fever absent"; "fever: no".
    look_alikes : frozenset of str
        Words that are no misspelling of a symptom.
    """

    terms: tuple[Term, ...]
    after: frozenset[tuple[str, ...]]
    after_colon: frozenset[tuple[str, ...]]
    look_alikes: frozenset[str]
    units: frozenset[str]
    fractions: frozenset[str]
    numbers: frozenset[str]
    ages: frozenset[str]

    def term_at(self, tokens: list[Token], start: int) -> Term | None:
        """Return the longest term that begins at a token; one that is spelt right goes before one that is not."""
        for typos in (False, True):
            for term in self.terms:
                here = tokens[start : start + len(term.words)]
                if len(here) == len(term.words) and self._matches(term, here, typos):
                    return term
        return None

    def _matches(self, term: Term, tokens: list[Token], typos: bool) -> bool:
        if term.exact_case:
            return not typos and all(token.typed == word for token, word in zip(tokens, term.words, strict=True))
        loose = typos and term.kind == "concept"
        return all(
            token.word == word or (loose and token.word not in self.look_alikes and is_misspelt(token.word, word))
            for token, word in zip(tokens, term.words, strict=True)
        )


def is_misspelt(typed: str, word: str) -> bool:
    """Return whether `typed` is `word` with one letter wrong, missing, added or exchanged with its neighbour."""
    if len(word) < _MIN_LETTERS_FOR_TYPO or not typed or typed[0] != word[0] or abs(len(typed) - len(word)) > 1:
        return False
    same = 0
    while same < min(len(typed), len(word)) and typed[same] == word[same]:
        same += 1
    rest, other = typed[same:], word[same:]
    exchanged = len(rest) > 1 and rest[1::-1] == other[:2] and rest[2:] == other[2:]
    return exchanged or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]


def tokenize(text: str) -> list[Token]:
    """Split text into words, numbers and signs; a hyphen inside a word or a range separates and is dropped."""
    found = [Token(m.group().casefold(), m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]

    def joins(index: int) -> bool:
        if found[index].word not in {"-", "–"} or not 0 < index < len(found) - 1:
            return False
        before, after = found[index - 1], found[index + 1]
        touching = before.end == found[index].start and found[index].end == after.start
        return touching and before.word[-1].isalnum() and after.word[0].isalnum()

    return [token for index, token in enumerate(found) if not joins(index)]


def _rows(phrases: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for phrase in phrases:
        yield tuple(token.word for token in tokenize(phrase))


@cache
def load_lexicon() -> Lexicon:
    """Read the tables of all languages into one lexicon."""
    folder = files("lucidray.readers").joinpath("languages")
    tables = [
        _Table.model_validate_json(folder.joinpath(language, "symptoms.json").read_bytes())
        for language in available_languages()
    ]
    concepts: dict[tuple[tuple[str, ...], bool, bool], list[str]] = {}
    steering: list[Term] = []
    for table in tables:
        for name, concept in table.concepts.items():
            for phrases, denies in ((concept.terms, False), (concept.negated_terms, True)):
                for words in _rows(phrases):
                    concepts.setdefault((words, denies, False), []).append(name)
            for abbreviation in concept.abbreviations:
                concepts.setdefault(((abbreviation,), False, True), []).append(name)
        kinds: list[tuple[Kind, list[str]]] = [
            ("no_next", table.negation.before_next),
            ("no_all", table.negation.before_all),
            ("neutral", table.negation.not_negating),
            ("scope_end", table.scope_ends),
            ("other_people", table.other_people),
            ("or", table.conjunctions["or"]),
            ("and", table.conjunctions["and"]),
            ("since", table.duration.since),
        ]
        steering += [Term(words, kind) for kind, phrases in kinds for words in _rows(phrases)]
    terms = [
        Term(words, "concept", tuple(dict.fromkeys(names)), denies, exact)
        for (words, denies, exact), names in concepts.items()
    ]
    durations = [table.duration for table in tables]
    return Lexicon(
        terms=tuple(sorted([*terms, *steering], key=lambda term: -len(term.words))),
        after=frozenset(words for table in tables for words in _rows(table.negation.after)),
        after_colon=frozenset(words for table in tables for words in _rows(table.negation.after_colon)),
        look_alikes=frozenset(word for table in tables for word in table.look_alikes),
        units=frozenset(word for duration in durations for word in duration.units),
        fractions=frozenset(word for duration in durations for word in duration.fractions),
        numbers=frozenset(word for duration in durations for word in duration.numbers),
        ages=frozenset(word for duration in durations for word in duration.ages),
    )
