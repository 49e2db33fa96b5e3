"""What the composer says, one table a language; the composer decides what is said, the table how.

A table holds whole sentences with named slots, so word order and agreement are the translator's: the code joins no word
to another except in lists. A subject (a finding, or several that overlap) may have its own version of any sentence, so
that a participle can agree with its gender. Where a number matters a sentence has one version a plural category (named
as in Unicode CLDR). Places are listed in every combination of side and zones for the same reason. A slot may ask for a
form of a noun, ``{items:of}``: the noun's own entry in the table, so that articles, cases and elisions are no guess.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from lucidray.domain.errors import UsageError
from lucidray.domain.reading import Headings, WordingReview
from lucidray.wording.plurals import Template, check, choose


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Special(_Part):
    """What stands before the last member where it begins in a certain way: Spanish "e" before an "i"."""

    before: str
    last: str


class ListStyle(_Part):
    """How a list is written: what stands between its members, and before the last."""

    middle: str
    last: str
    exceptions: list[Special] = []

    def join(self, items: Sequence[str]) -> str:
        """Write a list of one or more."""
        if len(items) == 1:
            return items[0]
        special = (one.last for one in self.exceptions if re.match(one.before, items[-1], re.IGNORECASE))
        return self.middle.join(items[:-1]) + next(special, self.last) + items[-1]


class Noun(_Part):
    """What a thing is called in running text, and the forms of it that sentences ask for."""

    name: str
    forms: dict[str, str] = {}

    def __format__(self, form: str) -> str:
        return self.forms[form] if form else self.name


@dataclass(frozen=True)
class Listing:
    """Nouns that become a list once the sentence says in which form."""

    nouns: tuple[Noun, ...]
    style: ListStyle

    def __format__(self, form: str) -> str:
        return self.style.join([format(noun, form) for noun in self.nouns])


Slot = str | Noun | Listing
Style = Literal["and", "or", "nor"]


class Subject(Noun):
    """What a sentence is about, and its own version of some sentences."""

    sentences: dict[str, Template]


class Phrases(_Part):
    """The table of one language.

    Attributes
    ----------
    reviewed_by : str or None
        The native radiologist who signed the wording; None until somebody does.
    unreviewed : str
        What a report says where nobody signed, in its own language.
    plural : str
        Name of the rule in `wording.plurals`.
    headings : Headings
        Of the report's sections.
    subjects : dict
        By label, and by the name of a group of overlapping labels.
    sentences : dict
        Whole sentences; `parts` are pieces without a capital and a full stop.
    places, zones : dict
        A place inside a sentence ("in both lower zones"), a region's zone on its own ("both lower zones").
    concepts, causes : dict
        Symptoms, and what a radiograph does not exclude as their cause.
    """

    name: str
    reviewed_by: str | None
    unreviewed: str
    plural: str
    decimal_point: str
    headings: Headings
    lists: dict[Style, ListStyle]
    subjects: dict[str, Subject]
    sentences: dict[str, Template]
    parts: dict[str, str]
    advice: dict[str, str]
    places: dict[str, str]
    zones: dict[str, str]
    concepts: dict[str, Noun | str]
    causes: dict[str, str]

    @model_validator(mode="after")
    def _plurals_are_those_of_the_language(self) -> Self:
        for sentences in (self.sentences, *(subject.sentences for subject in self.subjects.values())):
            check(sentences, self.plural)
        return self

    @property
    def review(self) -> WordingReview:
        """Whether the wording has been signed, and what a report says where it has not."""
        return WordingReview(reviewed_by=self.reviewed_by, notice=None if self.reviewed_by else self.unreviewed)

    def sentence(self, key: str, subject: str | None = None, count: int = 1, **slots: Slot) -> str:
        """Fill a sentence.

        Parameters
        ----------
        key : str
            Name of the sentence.
        subject : str, optional
            Whose own version is taken, where it has one; also fills the slot `name`.
        count : int
            Decides between singular and plural.
        **slots : str, Noun or Listing
            What the sentence's slots are filled with.
        """
        template = self.sentences.get(key)
        if subject is not None:
            template = self.subjects[subject].sentences.get(key, template)
            slots = {"name": self.subjects[subject], **slots}
        if template is None:
            raise KeyError(key)
        text = choose(template, self.plural, count).format(**slots)
        return text[0].upper() + text[1:]

    def part(self, key: str, **slots: Slot) -> str:
        """Fill a part of a sentence."""
        return self.parts[key].format(**slots)

    def join(self, items: Sequence[str], style: Style) -> str:
        """Write a list of finished words: "a", "a and b", "a, b and c"."""
        return self.lists[style].join(items)

    def findings(self, subjects: Sequence[str], style: Style) -> Listing:
        """List findings; the sentence that takes the list says in which form."""
        return Listing(tuple(self.subjects[subject] for subject in subjects), self.lists[style])

    def symptoms(self, concepts: Sequence[str], style: Style) -> Listing:
        """List symptoms, likewise."""
        named = (self.concepts[concept] for concept in concepts)
        return Listing(tuple(Noun(name=each) if isinstance(each, str) else each for each in named), self.lists[style])

    def number(self, value: float, decimals: int) -> str:
        """Write a number with the language's decimal point."""
        return f"{value:.{decimals}f}".replace(".", self.decimal_point)

    def score(self, probability: float, threshold: float | None) -> str:
        """Write a probability, in [0, 1], with its threshold."""
        if threshold is None:
            return self.part("score_bare", probability=self._probability(probability))
        return self.part("score", probability=self._probability(probability), threshold=self._probability(threshold))

    def _probability(self, value: float) -> str:
        # Rare findings have thresholds of a few per mille: two decimals would show them as 0.00.
        if value >= 0.1:
            return self.number(value, 2)
        return self.number(value, 3) if value >= 0.001 else self.part("below", number=self.number(0.001, 3))


def available_languages() -> tuple[str, ...]:
    """Return the ISO 639-1 codes of the languages that there is a table for."""
    folder = files("lucidray.readers").joinpath("languages")
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))


@cache
def load_phrases(language: str) -> Phrases:
    """Return the table of a language, by its ISO 639-1 code.

    Raises
    ------
    UsageError
        There is no table for it; the message names those that there are.
    """
    # Only a listed name becomes part of a path.
    if language not in available_languages():
        raise UsageError(f"no report in the language {language[:20]!r}; available: {', '.join(available_languages())}")
    table = files("lucidray.readers").joinpath("languages", language, "report.json")
    return Phrases.model_validate_json(table.read_bytes())
