"""Which language a report is written in, told by its script and its small words.

Reports are read on by rules (negations, sides), so that a report in another language than the one asked for would be
misread: it is refused. Six languages: English, Arabic, French, Spanish, Chinese, German.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from lucidray.domain.errors import UsageError

NAMES: dict[str, str] = {
    "en": "English",
    "ar": "Arabic",
    "fr": "French",
    "es": "Spanish",
    "zh": "Chinese",
    "de": "German",
}
LEAST_WORDS = 2
# Chinese says in one sign what takes a Latin word five letters; abbreviations and units stay Latin in both.
_LEAST_HAN, _LEAST_ARABIC = 0.25, 0.40

_LETTER_RUN = re.compile(r"[^\W\d_]+")
_ARABIC = re.compile(r"[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_SENTENCE_END = re.compile(r"[.!?。！？؟\n]+")
_MAX_CHARS = 20_000


class Tongue(NamedTuple):
    """What a text is written in.

    Attributes
    ----------
    language : str or None
        ISO 639-1; None where the text is too short or too mixed to tell.
    foreign : tuple of str
        Other languages that whole sentences of it are written in.
    """

    language: str | None
    foreign: tuple[str, ...] = ()


def name_of(language: str) -> str:
    """Return a language's English name, as prompts ask for it.

    Raises
    ------
    UsageError
        There is no such language here.
    """
    if language not in NAMES:
        raise UsageError(f"no report in the language {language[:20]!r}; readers write in {', '.join(NAMES)}")
    return NAMES[language]


def tell(text: str) -> Tongue:
    """Tell the language of a text, and of sentences in it that are in another one."""
    text = text[:_MAX_CHARS]
    whole = _language(text)
    if whole is None:
        return Tongue(None)
    told = {_language(sentence) for sentence in _SENTENCE_END.split(text)}
    return Tongue(whole, tuple(sorted(other for other in told if other is not None and other != whole)))


@cache
def _small_words() -> dict[str, frozenset[str]]:
    """Return the words that reports of each language with Latin letters are full of."""
    table = json.loads(files("lucidray.readers").joinpath("small_words.json").read_bytes())
    return {language: frozenset(words.split()) for language, words in table.items()}


def _language(text: str) -> str | None:
    han, arabic, latin = (len(script.findall(text)) for script in (_HAN, _ARABIC, _LATIN))
    letters = sum(len(run) for run in _LETTER_RUN.findall(text))
    if not letters:
        return None
    if han / letters >= _LEAST_HAN and han >= LEAST_WORDS:
        return "zh"
    if arabic / letters >= _LEAST_ARABIC and arabic >= LEAST_WORDS:
        return "ar"
    if latin / letters < 0.5:
        return None
    words = [run.lower() for run in _LETTER_RUN.findall(text)]
    hits = {language: sum(word in small for word in words) for language, small in _small_words().items()}
    first, second = sorted(hits.values(), reverse=True)[:2]
    if first < LEAST_WORDS or first == second:
        return None
    return max(hits, key=lambda language: hits[language])
