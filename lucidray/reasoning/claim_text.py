"""A report as the sentences that make claims: sections that only ask or look back are left out.

Everything here is a walk over the text: a megabyte of commas takes no longer than a megabyte of prose.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lucidray.reasoning.claim_lexicon import ClaimLexicon, Heading, fold

_LONGEST_HEADING = 48
_MARKUP_BEFORE = re.compile(r"[\s>#*_•·–—-]+")
_BULLET = re.compile(r"\s*(?:[-*•·–—]\s|\(?\d{1,2}[.)]\s|[#>])")
_LIST_NUMBER = re.compile(r"\W*\d{1,2}\W*")
# Up to five words before a colon; the table says whether the last of them are a heading.
_BEFORE_COLON = re.compile(r"(?:^|(?<=[\s.!?。；;:：*_#])) ?([^\W\d_]+(?:[ /&'’][^\W\d_]+){0,4})[*_]{0,3}\s?[:：]")
_FIRST_WORDS = re.compile(r"[^\W\d_]+(?:(?: |/| and )[^\W\d_]+)?(?=\s+\S)")
_END = re.compile(r"[.!?]+(?=[\s\"')\]*_]|$|[A-ZÄÖÜÉÈÀ][^.])|[。！？؟]+")
_LAST_WORD = re.compile(r"[^\s(]+$")
# Reports are wrapped at about 80 characters: a line this long may go on in the next.
_WRAPPED_FROM = 60


class _Block(NamedTuple):
    """Text between two headings; `heading` is the kind of the one above it, None before the first."""

    heading: Heading | None
    text: str


def claiming_sentences(text: str, lexicon: ClaimLexicon) -> Iterator[str]:
    """Yield the sentences of a report that state what the film shows, as they stand there, in their order.

    Where no section that is read follows a skipped one ("Indication: cough. The lungs are clear."), only the skipped
    section's first sentence is left out; so it is with a skipped section that an empty line ends.

    Parameters
    ----------
    text : str
        A report: plain, in Markdown, with headings on lines of their own, before a colon, or none at all.
    lexicon : ClaimLexicon
        Its headings decide which sections are read; text before the first heading is read.
    """
    blocks = list(_blocks(text, lexicon))
    last_read = max((index for index, block in enumerate(blocks) if block.heading in {"read", "topic"}), default=-1)
    for index, block in enumerate(blocks):
        sentences = _sentences(block.text, lexicon)
        if block.heading != "skipped":
            yield from sentences
        elif index == len(blocks) - 1 and index > last_read:
            yield from (sentence for number, sentence in enumerate(sentences) if number)


def _blocks(text: str, lexicon: ClaimLexicon) -> Iterator[_Block]:
    heading: Heading | None = None
    lines: list[str] = []
    for line in text.splitlines():
        pieces = list(_pieces(line, lexicon))
        if not line.strip() and heading == "skipped" and any(each.strip() for each in lines):
            yield _Block(heading, "\n".join(lines))
            heading, lines = None, []
        for kind, piece in pieces:
            if kind is not None:
                yield _Block(heading, "\n".join(lines))
                heading, lines = kind, []
            lines.append(piece)
    yield _Block(heading, "\n".join(lines))


def _pieces(line: str, lexicon: ClaimLexicon) -> Iterator[tuple[Heading | None, str]]:
    """Cut a line at its headings; a topic ("Heart: normal") is part of what is said and stays."""
    start = found.end() if (found := _MARKUP_BEFORE.match(line)) else 0
    bare = line[start:].rstrip(" \t:：*_#")
    if len(bare) <= _LONGEST_HEADING and (kind := lexicon.headings.get(fold(bare))) is not None:
        yield kind, bare if kind == "topic" else ""
        return
    kind = None
    start = 0
    first = _FIRST_WORDS.match(line.lstrip())
    if first and (found_kind := _capitals(first[0], line, lexicon)):
        kind, start = found_kind
    for match in _BEFORE_COLON.finditer(line, start):
        words = match[1].split(" ")
        for number in range(len(words)):
            name = " ".join(words[number:])
            found_kind_here = lexicon.headings.get(fold(name))
            # In the middle of a sentence only a heading that is written as one counts.
            if found_kind_here is None or (number and not name[0].isupper()):
                continue
            place = match.start(1) + len(match[1]) - len(name)
            if line[start:place].strip(" *_#>-") or kind is not None:
                yield kind, line[start:place]
            kind = found_kind_here
            start = place if kind == "topic" else match.end()
            break
    yield kind, line[start:]


def _capitals(words: str, line: str, lexicon: ClaimLexicon) -> tuple[Heading, int] | None:
    """Find a heading in capitals without a colon: "FINDINGS The lungs are clear."."""
    indent = len(line) - len(line.lstrip())
    for name in (words, words.split(" ", 1)[0].split("/", 1)[0]):
        kind = lexicon.headings.get(fold(name))
        behind = line[indent + len(name) :]
        if kind in {"read", "skipped"} and name.isupper() and not behind.isupper() and len(name) > 3:
            return kind, indent + len(name)
    return None


def _sentences(text: str, lexicon: ClaimLexicon) -> Iterator[str]:
    for paragraph in _paragraphs(text):
        start = 0
        for match in _END.finditer(paragraph):
            sentence = paragraph[start : match.start()]
            if match[0] == "." and _is_abbreviation(sentence, lexicon):
                continue
            if _LIST_NUMBER.fullmatch(sentence):
                start = match.end()
                continue
            if sentence.strip():
                yield paragraph[start : match.end()].strip()
            start = match.end()
        if paragraph[start:].strip():
            yield paragraph[start:].strip()


def _paragraphs(text: str) -> Iterator[str]:
    """Join wrapped lines; an empty line, a bullet, a number or a new start ends a paragraph."""
    parts: list[str] = []
    for line in text.split("\n"):
        if parts and _starts_anew(parts[-1], line):
            yield " ".join(parts)
            parts = []
        bullet = _BULLET.match(line)
        stripped = line[bullet.end() if bullet else 0 :].strip(" \t\r#*_>")
        if stripped:
            parts.append(stripped)
    yield " ".join(parts)


def _starts_anew(before: str, line: str) -> bool:
    stripped = line.lstrip()
    if not stripped or _BULLET.match(line) or before[-1] in ".!?:;。！？：；؟":
        return True
    first = stripped[0]
    if first.lower() == first.upper():  # a script without capitals
        return first.isalpha()
    return first.isupper() and len(before) < _WRAPPED_FROM and before[-1] != ","


def _is_abbreviation(sentence: str, lexicon: ClaimLexicon) -> bool:
    word = _LAST_WORD.search(sentence[-24:])
    if word is None:
        return False
    name = fold(word[0])
    return name in lexicon.abbreviations or (len(name) == 1 and name.isalpha() and word[0].isupper())
