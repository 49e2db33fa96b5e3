"""The words of page and terminal, one table a language (`languages/<code>/words.json`)."""

from functools import cache
from importlib.resources import files
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from lucidray.domain.vocabulary import Label, Status, Verdict
from lucidray.wording.plurals import Template, check, choose

# Unicode bidirectional isolates: what they hold runs from left to right and turns nothing around it.
_ISOLATE, _END = "\u2066", "\u2069"
FALLBACK = "en"


class PageWords(BaseModel):
    """The table of one language.

    Attributes
    ----------
    direction : "ltr" or "rtl"
    between : str
        What stands between the members of a list.
    findings : dict
        What findings are called on their own, by label.
    places : dict
        A region's side and zone, by ``"right lower"``.
    ages : dict
        A number of years or months.
    text : dict
        Everything else, by name; slots are filled by `say`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plural: str
    decimal_point: str
    between: str
    direction: Literal["ltr", "rtl"]
    findings: dict[Label, str]
    statuses: dict[Status, str]
    verdicts: dict[Verdict, str]
    measures: dict[str, str]
    views: dict[str, str]
    sexes: dict[str, str]
    roles: dict[str, str]
    steps: dict[str, str]
    places: dict[str, str]
    ages: dict[Literal["years", "months"], Template]
    text: dict[str, str]

    @model_validator(mode="after")
    def _plurals_are_those_of_the_language(self) -> Self:
        check({str(unit): template for unit, template in self.ages.items()}, self.plural)
        return self

    def __getitem__(self, name: str) -> str:
        """Return a text by its name."""
        return self.text[name]

    def say(self, key: str, /, **slots: object) -> str:
        """Fill a text's slots."""
        return self.text[key].format(**slots)

    def age(self, unit: Literal["years", "months"], count: int) -> str:
        """Say a number of years or months."""
        return choose(self.ages[unit], self.plural, count).format(count=count)

    def number(self, written: str) -> str:
        """Give a number, as Python writes it, the language's decimal sign."""
        return written.replace(".", self.decimal_point)

    def isolated(self, text: str) -> str:
        """Keep numbers, units and foreign names in their own order inside text that runs from right to left."""
        return f"{_ISOLATE}{text}{_END}" if self.direction == "rtl" else text

    def join(self, items: list[str]) -> str:
        """Write a list."""
        return self.between.join(items)


@cache
def load_words(language: str) -> PageWords:
    """Return the table of an ISO 639-1 language; of a report in one that has none, the English one."""
    folder = files("lucidray.reporting").joinpath("languages")
    # Only a listed name becomes part of a path.
    listed = {entry.name for entry in folder.iterdir()}
    table = folder.joinpath(language if language in listed else FALLBACK, "words.json")
    return PageWords.model_validate_json(table.read_bytes())
