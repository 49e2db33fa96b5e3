"""How numbers and facts are said to people: the same on the page, in the terminal and on pictures."""

import re
import unicodedata

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.radiograph import ADULT_AGE_YEARS
from lucidray.domain.reading import (
    NOTICE,
    Finding,
    ImageFacts,
    Measurement,
    ReaderRegion,
    Reading,
    Region,
    Report,
    Sentence,
)
from lucidray.domain.vocabulary import Label, Status
from lucidray.reporting.labels import load_labels
from lucidray.reporting.page_words import load_words
from lucidray.wording.messages import SOURCE, say

STATUS_ORDER: tuple[Status, ...] = ("present", "uncertain", "absent", "unsupported")
MIRRORED = "mirrored"  # the gate's code for a film whose left and right may be exchanged
CHILD = "child"  # and that for one of somebody under 18
_RIGHT_TO_LEFT_LANGUAGES = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_BLANKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")


def plain(text: str) -> str:
    """Return what somebody else wrote on one line, without anything that steers a terminal or turns a line around.

    Control and format characters (escape sequences, bidirectional overrides) and lone surrogates go; line breaks become
    blanks.
    """
    flat = _BLANKS.sub(" ", text)
    return "".join(char for char in flat if unicodedata.category(char) not in {"Cc", "Cf", "Cs"})


def plain_lines(text: str) -> str:
    """Return what somebody else wrote as `plain` does, line breaks kept."""
    return "\n".join(plain(line) for line in text.splitlines())


def percent(probability: float, language: str = SOURCE) -> str:
    """Say a probability in percent with two telling digits: ``0.3 %``, ``12 %``, ``> 99 %``."""
    words = load_words(language)
    return words.isolated(words.number(_percent(probability)))


def _percent(probability: float) -> str:
    if probability < 0.001:
        return "< 0.1 %"
    if probability < 0.0995:
        return f"{100 * probability:.1f} %"
    if probability > 0.995:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def interval(low: float, high: float, language: str = SOURCE) -> str:
    """Say an interval of probabilities in percent: ``8.0 to 14 %``."""
    words = load_words(language)
    ends = {"low": _percent(low).removesuffix(" %"), "high": _percent(high)}
    return words.isolated(words.say("interval", **{name: words.number(end) for name, end in ends.items()}))


def age(years: float, language: str = SOURCE) -> str:
    """Say an age: in months below two years."""
    words = load_words(language)
    return words.age("months", int(years * 12)) if years < 2 else words.age("years", int(years))


def finding(label: Label, language: str = SOURCE) -> str:
    """Say what a finding is called."""
    return load_words(language).findings[label]


def place(region: Region, language: str = SOURCE) -> str:
    """Say where a region is: ``right lower zone``."""
    return load_words(language).places[f"{region.side} {region.zone}"]


def claimed(label: ClaimLabel, language: str = SOURCE) -> str:
    """Return what a finding is called on its own, free air among them, which only readers name."""
    return load_labels(language)["free_air"] if label == "Free Air" else load_words(language).findings[label]


def pointed_place(region: ReaderRegion, language: str = SOURCE) -> str:
    """Say where a reader's region is, as `place` does; empty where no lungs were found."""
    if region.side is None or region.zone is None:
        return ""
    return load_words(language).places[f"{region.side} {region.zone}"]


def size(region: Region, language: str = SOURCE) -> str:
    """Say how large a region is: in mm at the detector where the film has a spacing, else by the thorax's width."""
    words = load_words(language)
    if region.size_mm is not None:
        width_mm, height_mm = region.size_mm
        return words.isolated(f"{width_mm:.0f} × {height_mm:.0f} mm")
    return words.say("of_thorax", percent=f"{100 * region.size_fraction_thorax:.0f}")


def measure(measurement: Measurement, language: str = SOURCE) -> str:
    """Say what was measured: ``Cardiothoracic ratio``."""
    named = measurement.name.replace("_", " ").capitalize()
    return load_words(language).measures.get(measurement.name, named)


def value(measurement: Measurement, language: str = SOURCE) -> str:
    """Say a measured value with its unit; a dash where there is none."""
    if measurement.value is None:
        return "–"
    words = load_words(language)
    number = f"{measurement.value:.2f}" if abs(measurement.value) < 10 else f"{measurement.value:.0f}"
    unit = "" if measurement.unit in {"", "1", "ratio"} else measurement.unit
    return words.isolated(f"{words.number(number)} {unit}".rstrip())


def facts(image: ImageFacts, language: str = SOURCE) -> list[tuple[str, str]]:
    """List what is known of the film as (name, value) pairs; what is unknown says so where a reader would miss it."""
    words = load_words(language)
    unknown = words["unknown"]
    known = [
        (words["fact_view"], words.views.get(image.view, image.view)),
        (words["fact_age"], unknown if image.age is None else age(image.age, language)),
        (words["fact_sex"], unknown if image.sex is None else words.sexes.get(image.sex, image.sex)),
        (words["fact_file"], words.isolated(f"{image.format}, {image.width_px} × {image.height_px} px")),
    ]
    if image.pixel_spacing_mm is not None:
        row_mm, column_mm = image.pixel_spacing_mm
        spacing = f"{row_mm:.3g} mm" if row_mm == column_mm else f"{row_mm:.3g} × {column_mm:.3g} mm"
        spacing = words.isolated(words.number(spacing))
        source = f" ({say(image.spacing_source, language)})" if image.spacing_source else ""
        known.append((words["fact_spacing"], spacing + source))
    else:
        known.append((words["fact_spacing"], words["no_spacing"]))
    return known


def ranked(findings: list[Finding]) -> list[Finding]:
    """Sort findings as people want to read them: present, uncertain, absent, not assessed; in each, likeliest first."""
    return sorted(findings, key=lambda one: (STATUS_ORDER.index(one.status), -(one.probability or 0.0)))


def shown_first(findings: list[Finding]) -> list[Finding]:
    """Return the findings whose regions are on the film when it is opened.

    What is merely possible stays off where something is present: a film full of boxes shows none of them.
    """
    located = [finding for finding in ranked(findings) if finding.regions]
    return [finding for finding in located if finding.status == "present"] or located


def direction(language: str) -> str:
    """Return ``rtl`` or ``ltr``, for an ISO 639-1 language with or without a region (``ar``, ``ar-EG``)."""
    return "rtl" if re.split(r"[-_]", language.lower())[0] in _RIGHT_TO_LEFT_LANGUAGES else "ltr"


def sections(report: Report) -> list[tuple[str, list[Sentence]]]:
    """List the report's sections that have something to say, with their headings."""
    named = report.headings
    parts = [
        (named.findings, report.findings),
        (named.locations, report.locations),
        (named.impression, report.impression),
    ]
    return [(heading, sentences) for heading, sentences in parts if sentences]


def notice(reading: Reading) -> str:
    """Say what the reading is not for, in the report's language."""
    return load_words(reading.report.language)["notice"] if reading.notice == NOTICE else reading.notice


def unreviewed(report: Report) -> str:
    """Say that nobody has reviewed the report's wording; empty where somebody has, or where it is not lucidray's."""
    return (report.wording.notice or "") if report.wording else ""


def looks_mirrored(reading: Reading) -> bool:
    """Whether somebody or something says that left and right may be exchanged on this film."""
    return any(note.code == MIRRORED for note in reading.warnings)


def side_marks(reading: Reading) -> tuple[str, str] | None:
    """Return what to write at the picture's left and right edge; None where the sides are not known.

    The patient's right is on the picture's left. A refused film may lie on its side or be no chest at all: it gets no
    marks, and a film that looks mirrored gets marks with a question mark.
    """
    if not reading.accepted:
        return None
    return ("R?", "L?") if looks_mirrored(reading) else ("R", "L")


def child(reading: Reading) -> str | None:
    """Say that the film is of a child, with the gate's warning of it; None where it is not known to be."""
    years, language = reading.image.age, reading.report.language
    if years is None or years >= ADULT_AGE_YEARS:
        return None
    told = load_words(language).say("child", age=age(years, language))
    warned = [say(note.message, language) for note in reading.warnings if note.code == CHILD]
    return " ".join([told, *warned])


def reader(reading: Reading) -> str:
    """Return the name of who wrote the report; empty where nobody did."""
    return next((plain(model.name) for model in reading.provenance.models if model.role == "reader"), "")


def prevalences(reading: Reading) -> str:
    """Say which prevalences the probabilities assume; empty where there is none."""
    assumed, language = reading.provenance.prevalence_assumed, reading.report.language
    if not assumed:
        return ""
    table = load_words(language)
    given = set(reading.provenance.prevalence_given)
    own = any(model.calibration_sha256 is not None for model in reading.provenance.models)

    def listed(chosen: list[str]) -> str:
        named = {str(label): name for label, name in table.findings.items()}
        return table.join([f"{named.get(label, label)} {percent(assumed[label], language)}" for label in chosen])

    sample = [label for label in assumed if label not in given]
    stated = [label for label in assumed if label in given]
    told = [table.say("prevalence_own" if own else "prevalence_note", listed=listed(sample))] if sample else []
    if stated:
        told.append(table.say("prevalence_given", listed=listed(stated)))
    return " ".join(told)
