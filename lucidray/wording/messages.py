"""What other rooms say in English sentences, said in another language: refusals, warnings, notes, bases.

A `Note` keeps its English message, which is part of the JSON contract; people are shown it in the report's language.
The English table holds every message with its slots, so a message is found by its words and what filled it is taken
over: numbers with the language's decimal sign, words of a fixed set through `slots`, sentences inside sentences
likewise, and what a file said as it is. A message that no table knows stays English; a test sees to it that there is
none.
"""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_SLOT = re.compile(r"\{(\w+)\}")
# Notes are lists of remarks; a bracket holds its own.
_BETWEEN_REMARKS = re.compile(r"; (?![^()]*\))")
SOURCE = "en"


class Messages(BaseModel):
    """The table of one language.

    Attributes
    ----------
    messages : dict
        Sentences and pieces of sentences, by a name of their own; the English ones are those that the code writes.
    slots : dict
        By the name of a slot: what its English words are in this language.
    between : str
        What stands between the remarks of a list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decimal_point: str
    between: str
    messages: dict[str, str]
    slots: dict[str, dict[str, str]]


class _Known(NamedTuple):
    key: str
    pattern: re.Pattern[str]


@cache
def load_messages(language: str) -> Messages:
    """Return the table of a language, by its ISO 639-1 code; KeyError where there is none."""
    folder = files("lucidray.wording").joinpath("languages")
    # Only a listed name becomes part of a path.
    if f"{language}.json" not in {entry.name for entry in folder.iterdir()}:
        raise KeyError(language)
    return Messages.model_validate_json(folder.joinpath(f"{language}.json").read_bytes())


def say(english: str, language: str) -> str:
    """Say an English message in a language; one that is not known stays as it is."""
    said = translate(english, language)
    return english if said is None else said


def translate(english: str, language: str) -> str | None:
    """Say an English message in a language.

    Parameters
    ----------
    english : str
        A message of the code's, or a list of them joined by "; ".
    language : str
        ISO 639-1.

    Returns
    -------
    str or None
        None where the message, or a part of the list, is not known.
    """
    if language == SOURCE or not english:
        return english
    # Remarks first: a slot at the end of one must not swallow the next.
    listed = _all(_BETWEEN_REMARKS.split(english), language)
    return _sentence(english, language) if listed is None else listed


def _all(parts: list[str], language: str) -> str | None:
    """Say every part of a list; None where there is only one, or one that is not known."""
    said = [_sentence(part, language) for part in parts] if len(parts) > 1 else [None]
    return None if None in said else load_messages(language).between.join(one for one in said if one is not None)


def _sentence(english: str, language: str) -> str | None:
    table = load_messages(language)
    for known in _known():
        match = known.pattern.fullmatch(english)
        if match:
            filled = {name: _filled(name, value, language) for name, value in match.groupdict().items()}
            return table.messages[known.key].format(**filled)
    return None


def _filled(slot: str, value: str, language: str) -> str:
    table = load_messages(language)
    if _NUMBER.fullmatch(value):
        return value.replace(",", "").replace(".", table.decimal_point)
    if value in table.slots.get(slot, {}):
        return table.slots[slot][value]
    return _all(value.split(", "), language) or translate(value, language) or value


@cache
def _known() -> list[_Known]:
    """List the English messages, the ones with the most words of their own first: they tell most."""
    messages = load_messages(SOURCE).messages
    ordered = sorted(messages.items(), key=lambda item: -len(_SLOT.sub("", item[1])))
    return [_Known(key, re.compile(_as_pattern(text), re.DOTALL)) for key, text in ordered]


def _as_pattern(text: str) -> str:
    pieces = _SLOT.split(text)
    # Names and words take turns; a slot may be empty.
    return "".join(f"(?P<{piece}>.*?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
