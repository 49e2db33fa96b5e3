"""What a language model is asked: a strategy's file, filled with what is known of the film.

A strategy is a text file, `prompts/<strategy>.txt`, or one of the folder that `--prompts` names. Where it has a line
`---`, what stands before it is the system message. Slots are `{language}`, `{patient}`, `{symptoms}`, `{prior}` and
`{findings}`; other braces are left alone. Slots are filled once: text that comes from people is never looked at for
slots, and cannot write the marks that part the prompt or steer a model. A person's own prompt has the same slots, and
is a message of the user as a whole.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID, Finding
from lucidray.readers.tongues import name_of

MAX_PRIOR_CHARS = 8000
MAX_TEMPLATE_CHARS = 20_000
SLOTS = ("language", "patient", "symptoms", "prior", "findings")
TELLS_FINDINGS = "findings-first"  # the strategy whose prompt tells the reader what the networks found
_SLOT = re.compile(r"\{([a-z_]+)\}")
_SYSTEM_LINE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
# Models that are steered by words in square brackets (Llama 2, Mistral) know no marks for them.
_STEERING = re.compile(r"\[\s*/?\s*(INST|SYS|AVAILABLE_TOOLS|TOOL_\w+|IMG\w*)\s*\]", re.IGNORECASE)


class Prompt(NamedTuple):
    """What is asked; `system` is empty where the strategy has none."""

    system: str
    user: str


def available_strategies(folder: Path | None = None) -> tuple[str, ...]:
    """Return the names of the strategies in a folder, or of those that come with lucidray."""
    if folder is None:
        names = [entry.name for entry in files("lucidray.readers").joinpath("prompts").iterdir()]
    elif folder.is_dir():
        names = [entry.name for entry in folder.iterdir()]
    else:
        raise UsageError(f"{folder} is no folder of prompts")
    return tuple(sorted(name.removesuffix(".txt") for name in names if name.endswith(".txt")))


def check_strategy(strategy: str, folder: Path | None = None) -> None:
    """Refuse a strategy that is not there, or whose file has unknown slots, before any model is loaded.

    Raises
    ------
    UsageError
        See above; the message names the strategies that there are, or the slot.
    """
    _template(strategy, folder)


def template_hash(strategy: str, folder: Path | None = None) -> str:
    """Return the SHA-256 of a strategy's file, which tells whether two films were asked about in the same words."""
    return hashlib.sha256(_template(strategy, folder).encode()).hexdigest()


def check_prompt(prompt: str) -> None:
    """Refuse a person's own prompt that is empty, too long, or has unknown slots, before any model is asked.

    Raises
    ------
    UsageError
        See above.
    """
    _own(prompt)


def tells_findings(request: ReportRequest) -> bool:
    """Whether the prompt tells the reader what the networks found: its agreement is no second opinion then."""
    if request.prompt is not None:
        return "findings" in _SLOT.findall(_own(request.prompt))
    return request.strategy == TELLS_FINDINGS


def ask(request: ReportRequest, folder: Path | None = None) -> Prompt:
    """Fill the person's own prompt, or else the strategy's file.

    Parameters
    ----------
    request : ReportRequest
    folder : path, optional
        With prompts of one's own; nothing is taken from elsewhere then.

    Raises
    ------
    UsageError
        There is no such strategy or language, the template has an unknown slot, or the earlier report is too long.
    """
    parts = _parts(_template(request.strategy, folder)) if request.prompt is None else ("", _own(request.prompt))
    filled = {
        "language": name_of(request.language),
        "patient": _patient(request),
        "symptoms": _quoted("symptoms", request.symptoms),
        "prior": _quoted("earlier-report", _checked_prior(request.prior_text)),
        "findings": "\n".join(_findings(request)),
    }
    system, user = (_SLOT.sub(lambda slot: filled[slot[1]], part).strip() for part in parts)
    return Prompt(system, user)


def harmless(text: str) -> str:
    """Take from a person's text what could steer a model: marks, tags, control and direction characters."""
    composed = unicodedata.normalize("NFC", text)
    kept = (
        char if char == "\n" or unicodedata.category(char)[0] != "C" else " "
        for char in composed.replace("\r\n", "\n").replace("\t", " ")
    )
    # Special tokens of every family are written in angle brackets, as are the tags that hold this very text.
    plain = "".join(kept).replace("<", "‹").replace(">", "›").replace("`" * 3, "'''")
    return _STEERING.sub(r"(\1)", plain).strip()


def _quoted(tag: str, text: str | None) -> str:
    return f"<{tag}>\n{harmless(text) if text else 'none given'}\n</{tag}>"


def _checked_prior(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_PRIOR_CHARS:
        raise UsageError(f"the earlier report has {len(text)} characters; at most {MAX_PRIOR_CHARS} are taken")
    return text


def _template(strategy: str, folder: Path | None) -> str:
    # Only a name becomes part of a path.
    if not _NAME.fullmatch(strategy) or strategy not in available_strategies(folder):
        known = ", ".join(available_strategies(folder)) or "none"
        where = f" in {folder}" if folder is not None else ""
        raise UsageError(f"no prompt strategy {strategy[:40]!r}{where}; there are: {known}")
    template = _shipped(strategy) if folder is None else _read(folder / f"{strategy}.txt")
    _check_slots(f"{strategy}.txt", template)
    if "language" not in _SLOT.findall(template):
        raise UsageError(f"{strategy}.txt does not say in which language to write: put {{language}} into it")
    return template


def _own(prompt: str) -> str:
    """Return a person's prompt as a template; where it does not say in which language to write, that is added."""
    if len(prompt) > MAX_TEMPLATE_CHARS:
        raise UsageError(f"the prompt has {len(prompt)} characters; at most {MAX_TEMPLATE_CHARS} are taken")
    template = harmless(prompt)
    if not template:
        raise UsageError("the prompt is empty")
    _check_slots("the prompt", template)
    return template if "language" in _SLOT.findall(template) else f"{template}\n\nWrite in {{language}} only."


def _check_slots(what: str, template: str) -> None:
    unknown = sorted({slot for slot in _SLOT.findall(template) if slot not in SLOTS})
    if unknown:
        raise UsageError(f"{what} has the unknown slot {{{unknown[0]}}}; there are: {', '.join(SLOTS)}")


@cache
def _shipped(strategy: str) -> str:
    return files("lucidray.readers").joinpath("prompts", f"{strategy}.txt").read_text(encoding="utf-8")


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the prompt {path} cannot be read: {error}") from error
    if len(text) > MAX_TEMPLATE_CHARS:
        raise UsageError(f"the prompt {path} has {len(text)} characters; at most {MAX_TEMPLATE_CHARS} are taken")
    return text


def _parts(template: str) -> tuple[str, str]:
    line = _SYSTEM_LINE.search(template)
    return ("", template) if line is None else (template[: line.start()], template[line.end() :])


def _patient(request: ReportRequest) -> str:
    film = request.film
    facts = [
        f"{film.view} view" if film.view != "unknown" else "view not told",
        f"{film.age_years:.0f} years old" if film.age_years is not None else "age not told",
        film.sex or "sex not told",
    ]
    return ", ".join(facts)


def _findings(request: ReportRequest) -> Iterable[str]:
    unsupported = [finding.label for finding in request.findings if finding.status == "unsupported"]
    for finding in request.findings:
        if finding.status != "unsupported":
            yield f"- {finding.label}: {_scored(finding)}"
    for measurement in request.measurements:
        if measurement.id == CARDIOTHORACIC_RATIO_ID and measurement.value is not None:
            doubt = "" if measurement.reliable else ", unreliable"
            yield f"- Cardiothoracic ratio, measured: {measurement.value:.2f}{doubt}"
    if unsupported:
        yield f"- Not assessed by the classifier: {', '.join(unsupported)}"


def _scored(finding: Finding) -> str:
    parts: list[str] = [finding.status]
    for name, value in (
        ("probability", finding.probability),
        ("threshold", finding.threshold),
        ("prevalence", finding.prevalence),
    ):
        if value is not None:
            parts.append(f"{name} {value:.3f}")
    if finding.probability is None:
        parts.append("by measurement")
    places = dict.fromkeys(f"{region.side} {region.zone} zone" for region in finding.regions)
    return ", ".join([*parts, *places])
