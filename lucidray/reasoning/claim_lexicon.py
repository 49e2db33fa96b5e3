"""The words that claims are written in: one table a language, compiled to a tree that is walked word by word.

Accents, case and hyphens inside words do not count. A long word that no table knows counts as the one that it is a
single letter away from, if it begins with the same letter and is not listed as a look-alike.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

from lucidray.domain.errors import UsageError
from lucidray.reasoning.claim_table import ClaimTable, Kind, Meaning, entries, expand

# Chinese is written without spaces: each of its characters is a token.
# Accents and Arabic vowel signs that stand as characters of their own belong to their word.
_TOKEN = re.compile(
    r"[\u3400-\u9fff]|(?:[^\W\d_\u3400-\u9fff][\u0300-\u036f\u064b-\u0655\u0670]*)+|\d+(?:[.,]\d+)*|[^\w\s]|_"
)
_ARABIC_PREFIXES = ("لل", "و", "ف", "ب", "ك", "ل")
_ARABIC_ARTICLE = "ال"
_MIN_LETTERS_FOR_TYPO = 7
_MAX_LETTERS_FOR_TYPO = 24
_MARKS: dict[str, Kind] = {
    ",": "comma",
    "،": "comma",
    "、": "comma",
    "(": "comma",
    ")": "comma",
    "（": "comma",
    "）": "comma",
    "-": "comma",
    "–": "comma",
    "—": "comma",
    ":": "comma",
    "：": "comma",
    "，": "end",
    ";": "end",
    "；": "end",
    "؛": "end",
}


Heading = Literal["read", "topic", "skipped"]


class Token(NamedTuple):
    """A word, number or sign as it is compared, with its characters in the sentence."""

    word: str
    start: int
    end: int


@dataclass
class _Node:
    """What may follow here, and what the words so far mean."""

    after: dict[str, "_Node"] = field(default_factory=dict)
    meanings: tuple[Meaning, ...] = ()
    kinds: frozenset[Kind] = frozenset()


class Event(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a sentence, all that they can mean, and the kinds of these meanings."""

    start: int
    end: int
    meanings: tuple[Meaning, ...]
    kinds: frozenset[Kind]

    def get(self, kind: Kind) -> list[Meaning]:
        """Return the meanings of one kind."""
        return [meaning for meaning in self.meanings if meaning.kind == kind]

    def has(self, *kinds: Kind) -> bool:
        """Return whether the phrase can be any of these kinds."""
        return not self.kinds.isdisjoint(kinds)


class ClaimLexicon:
    """The words of one language.

    Attributes
    ----------
    headings : dict
        Folded headings to what they are: of a section that is read, of one that is skipped, or a topic ("Heart:").
    abbreviations : frozenset of str
        Words whose full stop ends no sentence, folded.
    """

    def __init__(self, table: ClaimTable) -> None:
        sections: tuple[tuple[Heading, list[str]], ...] = (
            ("read", table.sections.read),
            ("topic", table.sections.topic),
            ("skipped", table.sections.skipped),
        )
        self.headings: dict[str, Heading] = {
            fold(phrase): kind for kind, terms in sections for term in terms for phrase in expand(term)
        }
        self.abbreviations = frozenset(map(fold, table.abbreviations))
        self._root = _Node()
        self._words: set[str] = set()
        for phrase, meaning in entries(table):
            self._add(phrase, meaning)
        names = [*(term for terms in table.findings.values() for term in (*terms.named, *terms.related))]
        names += [term for terms in table.subjects.values() for term in terms]
        names += table.predicates["enlarged"]
        self._typos: dict[str, set[str]] = {}
        for word in {token.word for name in names for phrase in expand(name) for token in self._bare(phrase)}:
            if len(word) >= _MIN_LETTERS_FOR_TYPO:
                for short in (word, *_shorter(word)):
                    self._typos.setdefault(short, set()).add(word)
        self._words |= {fold(word) for word in table.look_alikes}
        self._known = lru_cache(maxsize=8192)(self._nearest)

    def tokens(self, sentence: str) -> list[Token]:
        """Split a sentence into tokens, each as the tables spell it."""
        found: list[Token] = []
        for token in self._bare(sentence):
            found += self._known_tokens(token)
        return found

    def events(self, tokens: list[Token]) -> list[Event]:
        """Find the phrases of the tables from left to right, the longest at each place."""
        found: list[Event] = []
        index = 0
        while index < len(tokens):
            node, end, last = self._root, index, None
            longest = index
            while end < len(tokens) and (following := node.after.get(tokens[end].word)) is not None:
                node, end = following, end + 1
                if node.meanings:
                    longest, last = end, node
            if last is not None:
                found.append(Event(index, longest, last.meanings, last.kinds))
            elif (kind := _MARKS.get(tokens[index].word)) is not None:
                found.append(Event(index, index + 1, (Meaning(kind, tokens[index].word),), frozenset((kind,))))
            index = max(longest, index + 1)
        return found

    def _add(self, phrase: str, meaning: Meaning) -> None:
        node = self._root
        for token in self._bare(phrase):
            self._words.add(token.word)
            node = node.after.setdefault(token.word, _Node())
        if node is not self._root and meaning not in node.meanings:
            node.meanings = (*node.meanings, meaning)
            node.kinds = node.kinds | {meaning.kind}

    @staticmethod
    def _bare(text: str) -> list[Token]:
        found = [Token(fold(match.group()), match.start(), match.end()) for match in _TOKEN.finditer(text)]
        return [token for index, token in enumerate(found) if not _joins(found, index)]

    def _known_tokens(self, token: Token) -> Iterator[Token]:
        known = self._known(token.word)
        for word in known:
            yield Token(word, token.start, token.end)

    def _nearest(self, word: str) -> tuple[str, ...]:
        if word in self._words or not word[0].isalpha():
            return (word,)
        if "\u0600" <= word[0] <= "\u06ff":
            return self._without_prefix(word)
        if _MIN_LETTERS_FOR_TYPO <= len(word) <= _MAX_LETTERS_FOR_TYPO:
            near = {known for short in (word, *_shorter(word)) for known in self._typos.get(short, ())}
            fitting = sorted(known for known in near if _one_edit_apart(word, known))
            if fitting:
                return (fitting[0],)
        return (word,)

    def _without_prefix(self, word: str) -> tuple[str, ...]:
        """Take "and", "in" or "for" off an Arabic word where a known word is left."""
        for prefix in _ARABIC_PREFIXES:
            rest = _without_article(word.removeprefix(prefix))
            if word.startswith(prefix) and rest in self._words:
                return ("و", rest) if prefix[0] == "و" else (rest,)
        return (word,)


def fold(text: str) -> str:
    """Return the text in small letters without accents, Arabic vowel signs and tatweel."""
    if text.isascii():
        return text.lower()
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) != "Mn")
    plain = plain.casefold().replace("œ", "oe").replace("ـ", "").replace("ى", "ي").replace("ة", "ه").replace("’", "'")
    return _without_article(plain) or text


def _without_article(word: str) -> str:
    """Take the article off an Arabic word; shorter words ("but", "to") only look as if they had one."""
    return word[2:] if word.startswith(_ARABIC_ARTICLE) and len(word) > 4 and " " not in word else word


def claim_languages() -> tuple[str, ...]:
    """Return the languages that claims can be read in, by their ISO 639-1 codes."""
    folder = files("lucidray.reasoning").joinpath("languages")
    return tuple(sorted(each.name for each in folder.iterdir() if each.joinpath("claims.json").is_file()))


@cache
def load_claim_lexicon(language: str) -> ClaimLexicon:
    """Read the table of a language.

    Raises
    ------
    UsageError
        There is no table for the language.
    """
    if language not in claim_languages():
        raise UsageError(f"claims cannot be read in {language!r}; lucidray reads {', '.join(claim_languages())}")
    path = files("lucidray.reasoning").joinpath("languages", language, "claims.json")
    return ClaimLexicon(ClaimTable.model_validate_json(path.read_bytes()))


def _joins(tokens: list[Token], index: int) -> bool:
    """Whether a hyphen stands inside a word ("left-sided"), or the token is an apostrophe: neither is a sign."""
    word = tokens[index].word
    if word in {"'", "’", "*", "_", '"', "“", "”"}:
        return True
    if word not in {"-", "–"} or not 0 < index < len(tokens) - 1:
        return False
    before, after = tokens[index - 1], tokens[index + 1]
    return before.end == tokens[index].start and tokens[index].end == after.start and before.word[-1].isalnum()


def _shorter(word: str) -> Iterator[str]:
    return (word[:index] + word[index + 1 :] for index in range(1, len(word)))


def _one_edit_apart(typed: str, word: str) -> bool:
    """Whether `typed` is `word` with one letter wrong, missing, added or exchanged with the next; not the first."""
    if typed[0] != word[0] or abs(len(typed) - len(word)) > 1:
        return False
    same = 0
    while same < min(len(typed), len(word)) and typed[same] == word[same]:
        same += 1
    rest, other = typed[same:], word[same:]
    exchanged = len(rest) > 1 and rest[1::-1] == other[:2] and rest[2:] == other[2:]
    return exchanged or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
