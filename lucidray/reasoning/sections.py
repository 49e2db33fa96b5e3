"""A reader's text, which nobody can vouch for, into clean sentences under the headings of a report.

Nothing is reworded: control characters and Markdown go, headings sort, sentences are cut. What is no part of a report
(indication, technique, comparison, advice) is left out of it; the whole text stays beside it.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

MAX_CHARACTERS = 20_000
MAX_SENTENCE_CHARACTERS = 600
MAX_DIAGNOSIS_CHARACTERS = 120

Section = Literal["findings", "locations", "impression", "differential", "aside", "organs"]

# Each pattern looks at one line and has no nested repetition: time grows with the text, whatever is in it.
_FENCE = re.compile(r"^\s*(```|~~~)")
_RULE = re.compile(r"^\s*([-*_=])(?:\s*\1){2,}\s*$")
_TABLE_RULE = re.compile(r"^[\s|:\-]+$")
_LEAD = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+•‣▪·]\s+|\d{1,2}[.)]\s+)")
_LINK = re.compile(r"!?\[([^\[\]]{0,200})\]\([^()\s]{0,500}\)")
_STARS = re.compile(r"(\*{1,3}|_{2,3})(?=\S)")
_STARS_END = re.compile(r"(?<=\S)(\*{1,3}|_{2,3})")
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,15}\s*/?>")
# A string sequence (a window's title) goes with its string, if it has an end: its last letters are no part of a word.
_ESCAPE = re.compile(r"\x1b(?:[\]PX^_][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)|\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])?")
_NUMBER = re.compile(r"(?:^|\s)\d{1,2}[.)]\s")
_SPACES = re.compile(r"[ \t]+")
_STOP = re.compile(r"(?:[.!?](?=\s|$)|[。！？؟；])")
_ABBREVIATIONS = frozenset(
    {"e.g", "i.e", "vs", "approx", "ca", "cf", "dr", "fig", "resp", "incl", "z.b", "d.h", "bzw", "evtl", "ggf", "p.ej"}
)


@dataclass(frozen=True)
class Cut:
    """A text, cut up.

    Attributes
    ----------
    text : str
        The whole text as written, without what steers a terminal or a text's direction.
    findings, locations, impression : list of str
        Sentences, in their order.
    differential : list of str
        What stands under a heading of that name, an item each.
    shortened : bool
        Whether the text was longer than `MAX_CHARACTERS`, and its end was left out.
    """

    text: str
    findings: list[str] = field(default_factory=list)
    locations: list[str] = field(default_factory=list)
    impression: list[str] = field(default_factory=list)
    differential: list[str] = field(default_factory=list)
    shortened: bool = False

    @property
    def report_text(self) -> str:
        """What makes claims about the film, a heading a section and a line a sentence."""
        sections = (("FINDINGS", self.findings), ("LOCATIONS", self.locations), ("IMPRESSION", self.impression))
        return "\n\n".join(f"{name}:\n" + "\n".join(lines) for name, lines in sections if lines)


def plain(text: str) -> str:
    """Return the text without control and format characters; line ends stay, other blanks become spaces.

    Escape sequences, zero-width and bidirectional characters cannot survive this, nor can lone surrogates.
    """
    composed = unicodedata.normalize("NFC", _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))
    lines = (
        "".join(" " if char.isspace() or _is_control(char) else char for char in line if not _steers(char))
        for line in composed.split("\n")
    )
    return "\n".join(_SPACES.sub(" ", line).rstrip() for line in lines).strip("\n")


def _steers(char: str) -> bool:
    return unicodedata.category(char)[0] == "C" and not _is_control(char)


def _is_control(char: str) -> bool:
    """Whether a character parts words, as a tab does; what a joiner or a soft hyphen stands in is one word."""
    return unicodedata.category(char) == "Cc"


def cut(text: str) -> Cut:
    """Cut a reader's text into the sections of a report.

    Parameters
    ----------
    text : str
        Anything at all.

    Returns
    -------
    Cut
        Sentences before the first heading are findings.
    """
    clean = plain(text[: 4 * MAX_CHARACTERS])
    shortened = len(clean) > MAX_CHARACTERS or len(text) > 4 * MAX_CHARACTERS
    lines = _joined([_without_markdown(line) for line in clean[:MAX_CHARACTERS].split("\n") if not _is_frame(line)])
    sorted_: dict[Section, list[str]] = {name: [] for name in ("findings", "locations", "impression", "differential")}
    section: Section = "findings"
    prefix = ""
    for line in lines:
        heading, rest = _heading(line)
        if heading == "organs":
            # "Lungs" on a line of its own says what the next sentence is about.
            prefix = "" if rest else line.rstrip(":： ")
            section = "findings" if section in ("aside", "differential") else section
            rest = line if rest else ""
        elif heading is not None:
            section, prefix = heading, ""
        if not rest:
            continue
        if section == "differential":
            sorted_[section] += _items(rest)
        elif section != "aside":
            first, *others = sentences(rest)
            sorted_[section] += [f"{prefix}: {first}" if prefix else first, *others]
        prefix = ""
    return Cut(
        text=clean[:MAX_CHARACTERS],
        findings=sorted_["findings"],
        locations=sorted_["locations"],
        impression=sorted_["impression"],
        differential=sorted_["differential"],
        shortened=shortened,
    )


def sentences(line: str) -> list[str]:
    """Cut a line into sentences; a decimal point, an abbreviation or an initial ends none."""
    found, start = [], 0
    for stop in _STOP.finditer(line):
        before = line[start : stop.start()]
        word = before.rsplit(" ", 1)[-1].strip("(").casefold()
        if stop.group() == "." and (word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha())):
            continue
        found.append(line[start : stop.end()].strip())
        start = stop.end()
    found.append(line[start:].strip())
    kept = [sentence for sentence in found if any(char.isalnum() for char in sentence)]
    return [piece for sentence in kept for piece in _short(sentence)] or [line]


def _short(sentence: str) -> list[str]:
    """Part a sentence that is too long to be read, at a blank where there is one; nothing is lost."""
    pieces = []
    while len(sentence) > MAX_SENTENCE_CHARACTERS:
        at = sentence.rfind(" ", 1, MAX_SENTENCE_CHARACTERS)
        at = MAX_SENTENCE_CHARACTERS if at <= 0 else at
        pieces.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [*pieces, sentence] if sentence else pieces


def _items(text: str) -> list[str]:
    text = _NUMBER.sub("; ", text)
    parts = [part.strip(" .") for part in re.split(r"[;,、；，]|\.\s", text)]
    return [part[:MAX_DIAGNOSIS_CHARACTERS] for part in parts if any(char.isalpha() for char in part)]


def _is_frame(line: str) -> bool:
    return bool(_FENCE.match(line) or _RULE.match(line) or ("|" in line and _TABLE_RULE.match(line)))


def _without_markdown(line: str) -> str:
    for _ in range(3):  # "> - **text**": a quote, an item, and once more
        line = _LEAD.sub("", line)
    line = _LINK.sub(r"\1", line)
    line = _STARS_END.sub("", _STARS.sub("", line))
    line = _TAG.sub(" ", line).replace("`", "")
    if line.lstrip().startswith("|"):
        line = ": ".join(cell.strip() for cell in line.strip().strip("|").split("|") if cell.strip())
    return _SPACES.sub(" ", line).strip()


def _joined(lines: list[str]) -> list[str]:
    """Put wrapped lines together again: one that ends without a stop, and a next one that starts in lower case."""
    joined: list[str] = []
    for line in lines:
        last = joined[-1] if joined else ""
        if line and last and line[0].islower() and last[-1] not in ".!?:;。！？：；؟" and _heading(last)[1]:
            joined[-1] = f"{last} {line}"
        else:
            joined.append(line)
    return [line for line in joined if line]


def _heading(line: str) -> tuple[Section | None, str]:
    """Return which section a line opens, and what follows on it; (None, line) where it opens none."""
    name, colon, rest = _parted(line)
    known = _headings().get(name.casefold().strip(" .*_"))
    if known is None or (not colon and rest):
        return None, line
    return known, rest.strip()


def _parted(line: str) -> tuple[str, str, str]:
    for mark in (":", "："):
        name, colon, rest = line.partition(mark)
        if colon and len(name) <= 40:
            return name, colon, rest
    return line, "", ""


@cache
def _headings() -> dict[str, Section]:
    table = json.loads(files("lucidray.reasoning").joinpath("headings.json").read_text(encoding="utf-8"))
    return {name: section for section, names in table.items() for name in names}
