"""Symptoms in free text to concepts, with negation and durations.

The rules are those of NegEx in small: a negation reaches forward to the end of its clause, or to a word that starts
something new ("but", "has"). A bare "no" reaches over commas only where the list is closed by "or" ("no fever, chills
or cough"), since "no fever, cough for 5 days" is how a cough is told. In doubt a symptom counts as there.

References
----------
Chapman et al., A simple algorithm for identifying negated findings and diseases in discharge summaries,
J Biomed Inform 2001;34:301.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lucidray.domain.errors import UsageError
from lucidray.readers.lexicon import Kind, Lexicon, Term, load_lexicon
from lucidray.readers.plain_text import one_line
from lucidray.readers.tokens import Token

MAX_LENGTH = 2000
OTHER = "other"


@dataclass(frozen=True)
class Symptom:
    """A symptom, condition or exposure that the text names.

    Attributes
    ----------
    concept : str
        A name from the tables, or "other" for a piece of text that none of them knows.
    negated : bool
        Whether the text says that it is not there.
    duration_text : str or None
        As typed ("5 days", "since yesterday"); made of the tables' words and digits only.
    span : (start, end)
        Characters of ``clean(text)``.
    """

    concept: str
    negated: bool
    duration_text: str | None
    span: tuple[int, int]


@dataclass(frozen=True)
class _Event:
    """Tokens `start` to `end` (exclusive) and what they are."""

    kind: Kind
    start: int
    end: int
    term: Term | None = None


@dataclass
class _Scope:
    """A negation that is still open; `end` is the token behind its cue, `count` the symptoms negated so far."""

    kind: Kind
    end: int
    count: int = 0


def clean(text: str) -> str:
    """Return the text on one line, without control characters, its lines joined by "; ".

    Raises
    ------
    UsageError
        The text has more than 2,000 characters.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the symptoms have {len(text)} characters; at most {MAX_LENGTH} are read")
    lines = [line for line in map(one_line, text.splitlines()) if line]
    return "; ".join(lines)


def parse(text: str) -> list[Symptom]:
    """Find the symptoms in a text, in their order; what is said of relatives and contacts is left out.

    Parameters
    ----------
    text : str
        At most 2,000 characters, in any language that there is a table for.

    Raises
    ------
    UsageError
        The text is too long.
    """
    text, lexicon = clean(text), load_lexicon()
    tokens = lexicon.tokens(text)
    events = list(_events(tokens, lexicon))
    durations = _durations(events)
    symptoms: list[Symptom] = []
    for index, negated in _negations(events, tokens, lexicon):
        event = events[index]
        duration = durations.get(index)
        span = (tokens[event.start].start, tokens[event.end - 1].end)
        words = None
        if duration is not None:
            words = text[tokens[events[duration].start].start : tokens[events[duration].end - 1].end].casefold()
        names = event.term.concepts if event.term else ()
        symptoms += [Symptom(name, negated, words, span) for name in names]
    return sorted([*symptoms, *_unknown(events, tokens)], key=lambda symptom: symptom.span)


def _events(tokens: list[Token], lexicon: Lexicon) -> Iterator[_Event]:
    index = 0
    while index < len(tokens):
        word = tokens[index].word
        event = _duration_at(tokens, index, lexicon)
        if event is None:
            term = lexicon.term_at(tokens, index)
            if term is not None:
                kind: Kind = "duration" if term.kind == "since" else term.kind
                event = _Event(kind, index, index + len(term.words), term)
            elif word == "/":
                event = _Event("or", index, index + 1)
            elif word in {",", "(", ")"}:
                event = _Event("comma", index, index + 1)
            elif word in {".", ";", "!", "?"}:
                event = _Event("stop", index, index + 1)
        if event is not None:
            yield event
        index = event.end if event else index + 1


def _duration_at(tokens: list[Token], start: int, lexicon: Lexicon) -> _Event | None:
    """Find "5 days", "5-7 days", "a week", "3/7" (of a week: days); an age is none."""

    def word(index: int) -> str:
        return tokens[index].word if 0 <= index < len(tokens) else ""

    def is_number(index: int) -> bool:
        return word(index) in lexicon.numbers or (word(index).isdigit() and len(word(index)) <= 3)

    if not is_number(start):
        return None
    if word(start).isdigit() and word(start + 1) == "/" and word(start + 2) in lexicon.fractions:
        return _Event("duration", start, start + 3)
    unit = start + 1
    while is_number(unit) and unit < start + 3:
        unit += 1
    if word(unit) not in lexicon.units:
        return None
    before = word(start - 2) if word(start - 1) in lexicon.of else word(start - 1)
    behind = word(unit + 2) if word(unit + 1) in lexicon.of else word(unit + 1)
    aged = not {before, behind}.isdisjoint(lexicon.ages)
    return _Event("neutral" if aged else "duration", start, unit + 1)


def _negations(events: list[_Event], tokens: list[Token], lexicon: Lexicon) -> Iterator[tuple[int, bool]]:
    """Yield the index of every concept that speaks of the patient, and whether it is negated."""
    scope: _Scope | None = None
    of_others = False
    for index, event in enumerate(events):
        match event.kind:
            case "stop":
                scope, of_others = None, False
            case "comma":
                of_others = False
                if scope and scope.kind == "no_next" and not _closed_by_or(events, index):
                    scope = None
            case "scope_end":
                # "never had": the word belongs to the negation that it follows.
                if scope and scope.end == event.start:
                    scope.end = event.end
                else:
                    scope, of_others = None, False
            case "and":
                # "not well and feverish": the negation was about something else.
                if scope and scope.count == 0:
                    scope = None
            case "no_next" | "no_all":
                scope = _Scope(event.kind, event.end)
            case "nor":
                # "ni tos ni fiebre": it carries a negation on, and where there is none it begins one.
                scope = scope or _Scope("no_next", event.end)
            case "other_people":
                of_others = True
            case "concept":
                if of_others:
                    continue
                negated = scope is not None
                if scope:
                    negated = scope.count == 0 or not _tells_anew(events, index)
                    scope.count += 1
                denies = event.term is not None and event.term.denies
                yield index, (negated or _denied_behind(tokens, event.end, lexicon)) != denies
            case _:
                pass


def _closed_by_or(events: list[_Event], start: int) -> bool:
    for event in events[start + 1 :]:
        if event.kind in {"or", "nor"}:
            return True
        if event.kind in {"stop", "scope_end", "no_next", "no_all", "duration"}:
            return False
    return False


def _tells_anew(events: list[_Event], index: int) -> bool:
    """Whether a symptom behind a comma has a duration of its own: "denies fever, cough for 5 days"."""
    before = events[index - 1].kind if index else "stop"
    after = events[index + 1].kind if index + 1 < len(events) else "stop"
    return (before == "comma" and after == "duration") or before == "duration"


def _denied_behind(tokens: list[Token], start: int, lexicon: Lexicon) -> bool:
    """Whether a symptom is denied by what follows: "fever absent", "fever: no", "fever (-)"."""
    words = [token.word for token in tokens[start : start + 4]]
    colon = bool(words) and words[0] in {":", "=", "-", "–"}
    rest = words[1:] if colon else words
    ends = {",", ".", ";", "!", "?", "/"}

    def begins(row: tuple[str, ...], *, ended: bool) -> bool:
        behind = rest[len(row) : len(row) + 1]
        return tuple(rest[: len(row)]) == row and (not ended or not behind or behind[0] in ends)

    if any(begins(row, ended=False) for row in lexicon.after):
        return True
    # A bracket ends itself; "fever: no" is an answer only where nothing follows that the "no" could belong to.
    return any(begins(row, ended=row[0] != "(") for row in lexicon.after_colon if colon or row[0] == "(")


def _durations(events: list[_Event]) -> dict[int, int]:
    """Return the index of the duration of each concept that has one.

    A duration belongs to the symptom before it and to those that "and" joins to that one; where its part of the
    sentence has none before it, to the next ("5 days of fever"); where it has none at all, to the last one before.
    """
    found: dict[int, int] = {}
    for index, event in enumerate(events):
        if event.kind != "duration":
            continue
        first = _edge(events, index, -1)
        last = _edge(events, index, 1)
        before = [other for other in range(first + 1, index) if events[other].kind == "concept" and other not in found]
        after = [other for other in range(index + 1, last) if events[other].kind == "concept"]
        if before:
            found[before[-1]] = index
            for left, right in zip(reversed(before[:-1]), reversed(before[1:]), strict=True):
                if any(between.kind != "and" for between in events[left + 1 : right]) or right - left == 1:
                    break
                found[left] = index
        elif after:
            found[after[0]] = index
        elif first > 0 and events[first].kind == "comma" and events[first - 1].kind == "concept":
            found[first - 1] = index
    return found


def _edge(events: list[_Event], start: int, step: int) -> int:
    """Return the index of the next comma, stop or new start in one direction, or one past the end."""
    index = start + step
    while 0 <= index < len(events) and events[index].kind not in {"comma", "stop", "scope_end"}:
        index += step
    return index


def _unknown(events: list[_Event], tokens: list[Token]) -> Iterator[Symptom]:
    """Yield every part of the text that holds words and no symptom."""
    covered = {index: event for event in events for index in range(event.start, event.end)}
    part: list[int] = []
    for index in range(len(tokens) + 1):
        event = covered.get(index)
        ends = index == len(tokens) or (event is not None and event.kind in {"comma", "stop", "scope_end"})
        if not ends:
            part.append(index)
            continue
        inside = [covered[number] for number in part if number in covered]
        words = [number for number in part if number not in covered and tokens[number].word.isalpha()]
        if words and all(other.kind not in {"concept", "duration"} for other in inside):
            negated = any(other.kind in {"no_next", "no_all"} for other in inside)
            yield Symptom(OTHER, negated, None, (tokens[part[0]].start, tokens[part[-1]].end))
        part = []
