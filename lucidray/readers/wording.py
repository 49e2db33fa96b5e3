"""From what a model wrote to an answer: places taken out, broken ends cut, and refused where it cannot be used."""

import math
import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lucidray.domain.answer import Answer
from lucidray.domain.errors import AnswerError
from lucidray.domain.note import Note
from lucidray.domain.protocols import ReportRequest
from lucidray.readers.grounding import ground
from lucidray.readers.letterbox import Letterbox
from lucidray.readers.tongues import NAMES, tell

MAX_CHARS = 1_000_000  # as written, with thoughts and boxes
MAX_REPORT_CHARS = 40_000
_MAX_PERIOD = 64  # words
_LEAST_REPEATS, _LEAST_REPEATED_WORDS = 4, 24
_GRAM, _LEAST_WORDS, _LEAST_DISTINCT = 5, 80, 0.5
_LONGEST_WORD = 200

# MedGemma 1.5 thinks between two unused tokens, others between tags. What was thought is no report.
_THOUGHTS = (("<unused94>", "<unused95>"), ("<think>", "</think>"))
_SPECIAL = re.compile(r"<(?:bos|eos|pad|end_of_turn|start_of_turn|s|/s)>|<\|(?:im_end|endoftext|eot_id)\|>")
_WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3400-\u4dbf\u4e00-\u9fff]+")
_SAME_CHAR = re.compile(r"([^\s.\-_=*#])\1{49}")
_SENTENCE_END = re.compile(r"[!?。！？؟۔\n]|\.(?=\s|\Z)")  # "1.5 cm" is no end of a sentence
_LAST_WORDS = 20_000


def answer_from(
    raw: str,
    letterbox: Letterbox,
    request: ReportRequest,
    who: str,
    *,
    cut: bool = False,
    confidence: float | None = None,
) -> Answer:
    """Make an answer of a model's text, or say why it is none.

    Parameters
    ----------
    raw : str
        All that the model wrote.
    letterbox : Letterbox
        How the film lay on the picture that the model saw.
    request : ReportRequest
    who : str
        The reader, as people know it, for messages.
    cut : bool
        Whether it stopped because the answer was as long as allowed, not because it was done.
    confidence : float in [0, 1], optional

    Raises
    ------
    AnswerError
        The text is empty, loops, is too long, was cut off before its first sentence ended, or is in another language.
    """
    if len(raw) > MAX_CHARS:
        raise AnswerError(f"{who} wrote {len(raw)} characters: that is no report")
    grounded = ground(_SPECIAL.sub("", without_thoughts(raw, who)), letterbox)
    notes: list[Note] = []
    text = grounded.text
    # Before the end is cut: a loop is the reason for being cut off, and the cure is another one.
    if loops(text):
        raise AnswerError(f"{who} repeats itself and comes to no end; try another seed or a temperature above 0")
    if len(text) > MAX_REPORT_CHARS:
        raise AnswerError(f"{who} wrote {len(text)} characters: that is no report")
    if cut:
        text = whole_sentences(text)
        allowed = request.generation.max_tokens
        if not text:
            raise AnswerError(
                f"{who} was cut off at {allowed} tokens before its first sentence ended: raise --max-tokens"
            )
        notes.append(
            Note(
                code="answer_cut",
                message=f"The reader was cut off at {allowed} tokens; the sentence that it broke off is left out.",
            )
        )
    if not any(char.isalpha() for char in text):
        also = f", only {len(grounded.boxes)} boxes" if grounded.boxes else ""
        raise AnswerError(f"{who} wrote no sentence{also}")
    notes += language_notes(text, request.language, who)
    return Answer(text, grounded.boxes, grounded.dropped, confidence, notes=tuple(notes))


def without_thoughts(raw: str, who: str) -> str:
    """Leave out what a model thought before it wrote.

    Raises
    ------
    AnswerError
        It was cut off while it still thought.
    """
    for opening, closing in _THOUGHTS:
        start = raw.find(opening)
        if start < 0:
            continue
        end = raw.rfind(closing)
        if end < start:
            raise AnswerError(f"{who} was cut off while it still thought: raise --max-tokens")
        raw = raw[:start] + raw[end + len(closing) :]
    return raw


def whole_sentences(text: str) -> str:
    """Return the text up to the last sentence that ended: "Pneumothorax is" may have gone on with "not seen"."""
    end = max((found.end() for found in _SENTENCE_END.finditer(text)), default=0)
    return text[:end].strip()


def language_notes(text: str, language: str, who: str) -> list[Note]:
    """Check the language of a report.

    Raises
    ------
    AnswerError
        It is another one than was asked for.
    """
    tongue = tell(text)
    asked = NAMES.get(language, language)
    if tongue.language is None:
        message = f"Whether the report is written in {asked} could not be told: it has too few words."
        return [Note(code="language_unchecked", message=message)]
    if tongue.language != language:
        raise AnswerError(f"{who} wrote {NAMES[tongue.language]} where {asked} was asked for")
    if tongue.foreign:
        others = ", ".join(NAMES[other] for other in tongue.foreign)
        return [Note(code="language_mixed", message=f"Sentences of the report are written in {others}, not {asked}.")]
    return []


def loops(text: str) -> bool:
    """Whether a text goes round in circles: the same words many times in a row, or few different ones in all."""
    if _SAME_CHAR.search(text):
        return True
    words = [word.lower() for word in _WORD.findall(text)][-_LAST_WORDS:]
    if any(len(word) > _LONGEST_WORD for word in words):
        return True
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)
    return _repeats_in_a_row(ids) or _says_little(ids)


def _repeats_in_a_row(ids: npt.NDArray[np.int64]) -> bool:
    for period in range(1, min(_MAX_PERIOD, len(ids) // _LEAST_REPEATS) + 1):
        # A block of `period` words that stands there n times makes (n - 1) * period words equal to those one period on.
        wanted = max(_LEAST_REPEATS * period, _LEAST_REPEATED_WORDS) - period
        if _longest_run(ids[period:] == ids[:-period]) >= wanted:
            return True
    return False


def _longest_run(flags: npt.NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _says_little(ids: npt.NDArray[np.int64]) -> bool:
    if len(ids) < _LEAST_WORDS:
        return False
    grams = np.lib.stride_tricks.sliding_window_view(ids, _GRAM)
    return len(np.unique(grams, axis=0)) < _LEAST_DISTINCT * len(grams)


def confidence_of(log_probabilities: Iterable[float]) -> float | None:
    """Return the geometric mean of the tokens' probabilities, or None where none is told.

    Parameters
    ----------
    log_probabilities : iterable of float
        Natural logarithms, at most 0 up to rounding.
    """
    values = [value for value in log_probabilities if not math.isnan(value)]
    return min(1.0, math.exp(sum(values) / len(values))) if values else None
