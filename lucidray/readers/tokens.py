"""Text to words, in every script that symptoms are typed in.

Words are compared without accents and without what Arabic may write or leave out: vowel signs, the lengthening stroke,
the hamza on its carriers, the article. Where words are written together, a list of known words tells them apart:
Chinese has no blanks, Arabic joins "and", "with" and "for" to the next word, French elides "de" and "le".
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_MARKS = "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670"
_LETTER = f"[^\\W\\d_][{_MARKS}]*"
_TOKEN = re.compile(f"(?:{_LETTER})+(?:['’](?:{_LETTER})+)?|\\d+(?:[.,]\\d+)?|[^\\w\\s]")
_SIGNS = str.maketrans("’，、。；：！？（）－，；؟،؛", "',、.;:!?()-,;?,;")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_ARABIC = re.compile(r"[\u0621-\u064a]+")
# After accents are gone: what remains to be told alike.
_ARABIC_ALIKE = str.maketrans({"ى": "ي", "ة": "ه", "ـ": None})
_ARTICLE = "ال"
# "and", "so"; then "with", "for", "like"; then the article, which "for" swallows.
_ARABIC_PREFIXES = ("", "ب", "ل", "ك")
_ARABIC_AND = ("و", "ف")
_LEAST_ARABIC_STEM = 3
_ELIDED = re.compile(r"(?:d|l|n|s|j|m|t|c|qu)'")


@dataclass(frozen=True)
class Token:
    """A word, number or sign, with its place in the text; `word` is in small letters and without accents."""

    word: str
    typed: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """Split text into words, numbers and signs; a hyphen inside a word or a range separates and is dropped."""
    found = [Token(folded(m.group()), m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    found = [token for token in found if token.word]

    def joins(index: int) -> bool:
        if found[index].word not in {"-", "–"} or not 0 < index < len(found) - 1:
            return False
        before, after = found[index - 1], found[index + 1]
        touching = before.end == found[index].start and found[index].end == after.start
        return touching and before.word[-1].isalnum() and after.word[0].isalnum()

    return [token for index, token in enumerate(found) if not joins(index)]


def folded(word: str) -> str:
    """Return a word or sign as it is compared."""
    bare = "".join(char for char in unicodedata.normalize("NFD", word.casefold()) if unicodedata.category(char) != "Mn")
    bare = bare.translate(_SIGNS)
    if _ARABIC.search(bare):
        bare = _without_article(bare.translate(_ARABIC_ALIKE))
    # Marks alone are no word, but no letter is lost either.
    return unicodedata.normalize("NFC", bare)


def split_words(tokens: list[Token], known: Collection[str]) -> list[Token]:
    """Split what is written together, as far as the known words tell how.

    Parameters
    ----------
    tokens : list of Token
        As `tokenize` gives them.
    known : set of str
        Words as they are compared.
    """
    return [part for token in tokens for part in _split(token, known)]


def _split(token: Token, known: Collection[str]) -> Iterator[Token]:
    if token.word in known:
        yield token
    elif _HAN.search(token.word) and len(token.word) == len(token.typed):
        yield from _split_han(token, known)
    elif _ARABIC.fullmatch(token.word):
        yield from _split_arabic(token, known)
    elif (elided := _ELIDED.match(token.word)) and token.word[elided.end() :]:
        yield Token(token.word[elided.end() :], token.typed, token.start, token.end)
    else:
        yield token


def _split_han(token: Token, known: Collection[str]) -> Iterator[Token]:
    """Take the longest known word from each place on, else one character."""
    longest = max((len(word) for word in known if _HAN.match(word)), default=1)
    start = 0
    while start < len(token.word):
        ends = range(min(len(token.word), start + longest), start + 1, -1)
        end = next((end for end in ends if token.word[start:end] in known), start + 1)
        yield Token(token.word[start:end], token.typed[start:end], token.start + start, token.start + end)
        start = end


def _split_arabic(token: Token, known: Collection[str]) -> Iterator[Token]:
    """Take "and" off as a word of its own, and the prepositions and the article away, where a known word remains."""
    for joined in ("", *_ARABIC_AND):
        for preposition in _ARABIC_PREFIXES:
            prefix = joined + preposition
            if not prefix or not token.word.startswith(prefix):
                continue
            rest = token.word[len(prefix) :]
            # "for" and the article run together: ل + ال is لل.
            rest = _ARTICLE + rest[1:] if preposition == "ل" and rest.startswith("ل") else rest
            stem = rest if rest in known else _without_article(rest)
            # A lone letter before two is rather a word of its own: كسل is not "like tuberculosis".
            if stem in known and (len(stem) >= _LEAST_ARABIC_STEM or prefix == "و"):
                if joined:
                    yield Token(joined, joined, token.start, token.start + 1)
                yield Token(stem, token.typed, token.start + len(joined), token.end)
                return
    yield token


def _without_article(word: str) -> str:
    stem = word.removeprefix(_ARTICLE)
    return stem if len(stem) >= _LEAST_ARABIC_STEM else word
