"""How numbers and facts are said to people: the same on the page, in the terminal and on pictures."""

import re
import unicodedata

from lucidray.domain.radiograph import ADULT_AGE_YEARS
from lucidray.domain.reading import Finding, ImageFacts, Measurement, ReaderRegion, Reading, Region, Report, Sentence
from lucidray.domain.vocabulary import Status, Verdict

STATUS_WORDS: dict[Status, str] = {
    "present": "present",
    "uncertain": "uncertain",
    "absent": "absent",
    "unsupported": "not assessed",
}
STATUS_ORDER: tuple[Status, ...] = ("present", "uncertain", "absent", "unsupported")
VERDICT_WORDS: dict[Verdict, str] = {
    "supported": "supported",
    "contradicted": "contradicted",
    "unverified": "unverified",
}
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


def percent(probability: float) -> str:
    """Say a probability in percent with two telling digits: ``0.3 %``, ``12 %``, ``> 99 %``."""
    if probability < 0.001:
        return "< 0.1 %"
    if probability < 0.0995:
        return f"{100 * probability:.1f} %"
    if probability > 0.995:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def interval(low: float, high: float) -> str:
    """Say an interval of probabilities in percent: ``8.0 to 14 %``."""
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def age(years: float) -> str:
    """Say an age: in months below two years."""
    if years < 2:
        months = int(years * 12)
        return f"{months} month" if months == 1 else f"{months} months"
    return f"{int(years)} years"


def place(region: Region) -> str:
    """Say where a region is: ``right lower zone``."""
    comma = "" if region.side in {"left", "right"} else ","
    return f"{region.side}{comma} {region.zone} zone"


def pointed_place(region: ReaderRegion) -> str:
    """Say where a reader's region is, as `place` does; empty where no lungs were found."""
    if region.side is None or region.zone is None:
        return ""
    comma = "" if region.side in {"left", "right"} else ","
    return f"{region.side}{comma} {region.zone} zone"


def size(region: Region) -> str:
    """Say how large a region is: in mm at the detector where the film has a spacing, else by the thorax's width."""
    if region.size_mm is not None:
        width_mm, height_mm = region.size_mm
        return f"{width_mm:.0f} × {height_mm:.0f} mm"
    return f"{100 * region.size_fraction_thorax:.0f} % of thorax width"


def measure(measurement: Measurement) -> str:
    """Say what was measured: ``Cardiothoracic ratio``."""
    return measurement.name.replace("_", " ").capitalize()


def value(measurement: Measurement) -> str:
    """Say a measured value with its unit; a dash where there is none."""
    if measurement.value is None:
        return "–"
    number = f"{measurement.value:.2f}" if abs(measurement.value) < 10 else f"{measurement.value:.0f}"
    unit = "" if measurement.unit in {"", "1", "ratio"} else measurement.unit
    return f"{number} {unit}".rstrip()


def facts(image: ImageFacts) -> list[tuple[str, str]]:
    """List what is known of the film as (name, value) pairs; what is unknown says so where a reader would miss it."""
    known = [
        ("View", image.view),
        ("Age", "unknown" if image.age is None else age(image.age)),
        ("Sex", image.sex or "unknown"),
        ("File", f"{image.format}, {image.width_px} × {image.height_px} px"),
    ]
    if image.pixel_spacing_mm is not None:
        row_mm, column_mm = image.pixel_spacing_mm
        spacing = f"{row_mm:.3g} mm" if row_mm == column_mm else f"{row_mm:.3g} × {column_mm:.3g} mm"
        known.append(("Pixel spacing", f"{spacing} ({image.spacing_source})" if image.spacing_source else spacing))
    else:
        known.append(("Pixel spacing", "none"))
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
    named = [("Findings", report.findings), ("Locations", report.locations), ("Impression", report.impression)]
    return [(heading, sentences) for heading, sentences in named if sentences]


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
    years = reading.image.age
    if years is None or years >= ADULT_AGE_YEARS:
        return None
    warned = [note.message for note in reading.warnings if note.code == CHILD]
    return " ".join([f"This is a film of a child ({age(years)}).", *warned])


def reader(reading: Reading) -> str:
    """Return the name of who wrote the report; empty where nobody did."""
    return next((plain(model.name) for model in reading.provenance.models if model.role == "reader"), "")


def prevalences(reading: Reading) -> str:
    """Say which prevalences the probabilities assume; empty where there is none."""
    assumed = reading.provenance.prevalence_assumed
    if not assumed:
        return ""
    given = set(reading.provenance.prevalence_given)
    sample = {label: share for label, share in assumed.items() if label not in given}
    told = []
    if sample:
        films = "your own calibration films" if _own_calibration(reading) else "the films that they were calibrated on"
        told.append(f"Probabilities assume the prevalence of {films}: {_listed(sample)}.")
    if given & set(assumed):
        stated = {label: share for label, share in assumed.items() if label in given}
        told.append(
            f"These prevalences were stated for this reading, and probabilities moved to them: {_listed(stated)}."
        )
    told.append("Where a finding is rarer, its probability is lower than shown; where it is more common, higher.")
    return " ".join(told)


def _listed(shares: dict[str, float]) -> str:
    return ", ".join(f"{label} {percent(share)}" for label, share in shares.items())


def _own_calibration(reading: Reading) -> bool:
    return any(model.calibration_sha256 is not None for model in reading.provenance.models)
