"""What reasoning says: the rules decide what, one table a language (`languages/<code>/words.json`) how.

Findings and symptoms are named by whoever wrote the report, so that they are called alike everywhere. A language that
has no table here gets the English one: these words explain numbers, and are no report.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.vocabulary import Side

FALLBACK = "en"


class Table(BaseModel):
    """The words of one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: dict[str, str]
    sides: dict[str, str]
    joined: dict[str, str]
    sentences: dict[str, str]
    diagnoses: dict[str, str]


@cache
def load_table(language: str) -> Table:
    """Return the table of an ISO 639-1 language, the English one where there is none."""
    folder = files("lucidray.reasoning").joinpath("languages")
    # Only a listed name becomes part of a path.
    listed = {entry.name for entry in folder.iterdir()}
    table = folder.joinpath(language if language in listed else FALLBACK, "words.json")
    if not table.is_file():
        table = folder.joinpath(FALLBACK, "words.json")
    return Table.model_validate_json(table.read_bytes())


@dataclass(frozen=True)
class Wording:
    """The words of one reading.

    Attributes
    ----------
    table : Table
    findings, symptoms : mapping
        What findings and symptoms are called in running text, in the report's language.
    decimal_point : str
    """

    table: Table
    findings: Mapping[str, str]
    symptoms: Mapping[str, str]
    decimal_point: str = "."

    def say(self, key: str, **slots: str) -> str:
        """Fill a sentence, its first letter a capital."""
        text = self.part(key, **slots)
        return text[0].upper() + text[1:]

    def part(self, key: str, **slots: str) -> str:
        """Fill a part of a sentence."""
        return self.table.sentences[key].format(**slots)

    def scored(self, key: str, probability: float | None, **slots: str) -> str:
        """Fill a sentence that has a version for findings without a probability."""
        if probability is None:
            return self.say(f"{key}_unscored", **slots)
        return self.say(key, probability=self.percent(probability), **slots)

    def finding(self, label: ClaimLabel) -> str:
        """Name a finding."""
        return self.findings.get(label) or self.table.findings.get(label, label.lower())

    def symptom(self, concept: str) -> str:
        """Name a symptom."""
        return self.symptoms.get(concept, concept.replace("_", " "))

    def diagnosis(self, key: str) -> str:
        """Name a diagnosis."""
        return self.table.diagnoses[key]

    def sides(self, sides: Iterable[Side]) -> str:
        """Name sides, the right one first."""
        return self.join([self.table.sides[side] for side in sorted(sides, reverse=True)])

    def join(self, items: list[str]) -> str:
        """Write a list: "a", "a and b", "a, b and c"."""
        if len(items) < 2:
            return "".join(items)
        return self.table.joined["middle"].join(items[:-1]) + self.table.joined["last"] + items[-1]

    def percent(self, probability: float) -> str:
        """Write a probability in percent with two telling digits, as the report page does."""
        if probability < 0.001:
            return "< 0.1 %".replace(".", self.decimal_point)
        if probability > 0.995:
            return "> 99 %"
        decimals = 1 if probability < 0.0995 else 0
        return f"{100 * probability:.{decimals}f} %".replace(".", self.decimal_point)

    def number(self, value: float) -> str:
        """Write a ratio with two decimals."""
        return f"{value:.2f}".replace(".", self.decimal_point)
