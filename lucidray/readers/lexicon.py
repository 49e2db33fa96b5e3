"""The words that symptoms are written in: one table a language, all of them looked for at once.

People type in their own language whatever the report's is, so nothing is asked; a table's words are few and distinct.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lucidray.readers.phrases import available_languages
from lucidray.readers.tokens import Token, split_words, tokenize

Kind = Literal[
    "concept",
    "no_next",
    "no_all",
    "neutral",
    "scope_end",
    "other_people",
    "or",
    "nor",
    "and",
    "since",
    "comma",
    "stop",
    "duration",
]
# Shorter words have too many neighbours: "never" is one letter from "fever".
_MIN_LETTERS_FOR_TYPO = 6


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
    of: list[str] = []
    since: list[str]


class _Table(_Part):
    concepts: dict[str, _Concept]
    negation: _Negation
    scope_ends: list[str]
    other_people: list[str]
    look_alikes: list[str]
    duration: _Duration
    conjunctions: dict[Literal["or", "and", "nor"], list[str]]


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
    ages, of : frozenset of str
        Words beside a number of years that is an age: "45 years old"; and what may stand between: "homme de 45 ans".
    """

    terms: tuple[Term, ...]
    after: frozenset[tuple[str, ...]]
    after_colon: frozenset[tuple[str, ...]]
    look_alikes: frozenset[str]
    units: frozenset[str]
    fractions: frozenset[str]
    numbers: frozenset[str]
    ages: frozenset[str]
    of: frozenset[str] = field(default=frozenset())

    def tokens(self, text: str) -> list[Token]:
        """Split text into words; what is written together (Chinese, Arabic "and", French "d'") by the words known."""
        return split_words(tokenize(text), self._known)

    def term_at(self, tokens: list[Token], start: int) -> Term | None:
        """Return the longest term that begins at a token; one that is spelt right goes before one that is not."""
        first = tokens[start]
        spelt = [*self._by_first.get(first.word, ()), *self._exact.get(first.typed, ())]
        found = [term for term in spelt if self._matches(term, tokens[start : start + len(term.words)], typos=False)]
        if not found:
            near = self._by_letter.get(first.word[:1], ())
            found = [term for term in near if self._matches(term, tokens[start : start + len(term.words)], typos=True)]
        return max(found, key=lambda term: len(term.words), default=None)

    def _matches(self, term: Term, tokens: list[Token], *, typos: bool) -> bool:
        if len(tokens) != len(term.words):
            return False
        if term.exact_case:
            return all(token.typed == word for token, word in zip(tokens, term.words, strict=True))
        return all(
            token.word == word or (typos and token.word not in self.look_alikes and is_misspelt(token.word, word))
            for token, word in zip(tokens, term.words, strict=True)
        )

    @cached_property
    def _by_first(self) -> dict[str, list[Term]]:
        return _grouped((term.words[0], term) for term in self.terms if not term.exact_case)

    @cached_property
    def _exact(self) -> dict[str, list[Term]]:
        return _grouped((term.words[0], term) for term in self.terms if term.exact_case)

    @cached_property
    def _by_letter(self) -> dict[str, list[Term]]:
        """What may be misspelt: a misspelt word keeps its first letter."""
        return _grouped(
            (term.words[0][:1], term) for term in self.terms if term.kind == "concept" and not term.exact_case
        )

    @cached_property
    def _known(self) -> frozenset[str]:
        rows = [*(term.words for term in self.terms if not term.exact_case), *self.after, *self.after_colon]
        return frozenset(word for row in rows for word in row) | self.units | self.numbers | self.ages | self.of


def _grouped(pairs: Iterable[tuple[str, Term]]) -> dict[str, list[Term]]:
    groups: dict[str, list[Term]] = {}
    for key, term in pairs:
        groups.setdefault(key, []).append(term)
    return groups


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


def _rows(phrases: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for phrase in phrases:
        yield tuple(token.word for token in tokenize(phrase))


def _words(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word for row in _rows(words) for word in row)


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
            ("nor", table.conjunctions["nor"]),
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
        look_alikes=_words(word for table in tables for word in table.look_alikes),
        units=_words(word for duration in durations for word in duration.units),
        fractions=_words(word for duration in durations for word in duration.fractions),
        numbers=_words(word for duration in durations for word in duration.numbers),
        ages=_words(word for duration in durations for word in duration.ages),
        of=_words(word for duration in durations for word in duration.of),
    )
