"""The words of the parts that show reasoning, one table a language (`languages/<code>/page.json`)."""

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

FALLBACK = "en"


class Labels(BaseModel):
    """The table of one language. Texts with slots are filled by `str.format`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: dict[str, str]
    kinds: dict[str, str]
    relations: dict[str, str]
    polarities: dict[str, str]
    severities: dict[str, str]
    sides: dict[str, str]
    zones: dict[str, str]

    def __getitem__(self, key: str) -> str:
        """Return a text by its name."""
        return self.text[key]

    def say(self, key: str, **slots: object) -> str:
        """Fill a text's slots."""
        return self.text[key].format(**slots)


@cache
def load_labels(language: str) -> Labels:
    """Return the table of an ISO 639-1 language, the English one where there is none."""
    folder = files("lucidray.reporting").joinpath("languages")
    listed = {entry.name for entry in folder.iterdir()}
    table = folder.joinpath(language if language in listed else FALLBACK, "page.json")
    if not table.is_file():
        table = folder.joinpath(FALLBACK, "page.json")
    return Labels.model_validate_json(table.read_bytes())
