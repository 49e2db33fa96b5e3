"""What the composer says, one table a language; the composer decides what is said, the table how.

A table holds whole sentences with named slots, so word order and agreement are the translator's: the code joins no word
to another except in lists. A subject (a finding, or several that overlap) may have its own version of any sentence, so
that a participle can agree with its gender. Where a number matters a sentence has one version a plural category (named
as in Unicode CLDR). Places are listed in every combination of side and zones for the same reason.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lucidray.domain.errors import UsageError

Plural = Literal["one", "other"]
Template = str | dict[Plural, str]

_PLURALS: dict[str, Callable[[int], Plural]] = {"one-other": lambda count: "one" if count == 1 else "other"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListStyle(_Part):
    """How a list is written: what stands between its members, and before the last."""

    middle: str
    last: str


class Subject(_Part):
    """What a sentence is about: how it is called in running text, and its own version of some sentences."""

    name: str
    sentences: dict[str, Template]


class Phrases(_Part):
    """The table of one language.

    Attributes
    ----------
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
    plural: str
    decimal_point: str
    lists: dict[Literal["and", "or"], ListStyle]
    subjects: dict[str, Subject]
    sentences: dict[str, Template]
    parts: dict[str, str]
    advice: dict[str, str]
    places: dict[str, str]
    zones: dict[str, str]
    concepts: dict[str, str]
    causes: dict[str, str]

    def sentence(self, key: str, subject: str | None = None, count: int = 1, **slots: str) -> str:
        """Fill a sentence.

        Parameters
        ----------
        key : str
            Name of the sentence.
        subject : str, optional
            Whose own version is taken, where it has one; also fills the slot `name`.
        count : int
            Decides between singular and plural.
        **slots : str
            What the sentence's slots are filled with.
        """
        template = self.sentences.get(key)
        if subject is not None:
            template = self.subjects[subject].sentences.get(key, template)
            slots = {"name": self.subjects[subject].name, **slots}
        if template is None:
            raise KeyError(key)
        if isinstance(template, dict):
            template = template[_PLURALS[self.plural](count)]
        text = template.format(**slots)
        return text[0].upper() + text[1:]

    def part(self, key: str, **slots: str) -> str:
        """Fill a part of a sentence."""
        return self.parts[key].format(**slots)

    def join(self, items: Sequence[str], style: Literal["and", "or"]) -> str:
        """Write a list: "a", "a and b", "a, b and c"."""
        words = self.lists[style]
        if len(items) == 1:
            return items[0]
        return words.middle.join(items[:-1]) + words.last + items[-1]

    def names(self, subjects: Sequence[str]) -> list[str]:
        """Return what the subjects are called in running text."""
        return [self.subjects[subject].name for subject in subjects]

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
