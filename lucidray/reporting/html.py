"""The reading as one web page that needs nothing else: no network, no other file, no JavaScript to be complete."""

import base64
import hashlib
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from lucidray.domain.note import Note
from lucidray.domain.reading import OVERALL_ID, READER_ID, SYMPTOMS_ID, Finding, Overall, Reading
from lucidray.reporting import upscaled, words
from lucidray.reporting.colours import FINDING_COLOURS, heat_table
from lucidray.reporting.heatmaps import layer_png
from lucidray.reporting.judgement import show
from lucidray.reporting.labels import load_labels
from lucidray.reporting.page_words import load_words
from lucidray.reporting.stage import set_up
from lucidray.wording.messages import SOURCE, say

_CHART_X0, _CHART_WIDE = 4.0, 200.0
_CHART_TICKS = (0.0, 0.01, 0.1, 0.25, 0.5, 1.0)


def render(reading: Reading) -> str:
    """Write the reading as an HTML page.

    Parameters
    ----------
    reading : Reading
        With its film.

    Returns
    -------
    str
        A whole page. What strangers wrote (file name, symptoms, DICOM text) is shown as text; the page's own policy
        forbids every address, and every script and style but its own.

    Raises
    ------
    UsageError
        The reading was loaded from JSON, which holds no pixels.
    """
    stage = set_up(reading)
    language = reading.report.language
    template = _environment(language).get_template("report.html")
    style = _source("report.css") + stage.style
    script = _source("report.js")
    return template.render(
        reading=reading,
        name=words.plain(reading.image.name),
        # Both are our own files and numbers: nobody else's text is in them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
        facts=words.facts(reading.image, language),
        notice=words.notice(reading),
        unreviewed=words.unreviewed(reading.report),
        child=words.child(reading),
        mirrored=_with_ids([note for note in reading.warnings if note.code == words.MIRRORED], "warning"),
        warnings=_with_ids(
            [note for note in reading.warnings if note.code not in (words.MIRRORED, words.CHILD)], "warning"
        ),
        refusal=_with_ids(reading.refusal, "refusal"),
        next_steps=_next_steps(reading.refusal, language),
        side_marks=words.side_marks(reading),
        stage=stage,
        located=[finding for finding in words.ranked(reading.findings) if finding.regions],
        shown_first=words.shown_first(reading.findings),
        heats=_heats(reading),
        heat_stops=_heat_stops(),
        labels=load_labels(reading.report.language),
        upscaled=upscaled.shown(reading),
        judged=show(reading) if reading.accepted else None,
        sections=words.sections(reading.report),
        composed=words.sections(reading.composed) if reading.composed else [],
        ranked=words.ranked(reading.findings),
        ticks=[{"x": _along(share), "told": f"{100 * share:.0f}"} for share in _CHART_TICKS],
        prevalences=words.prevalences(reading),
        evidence_words=_evidence_words(reading),
    )


@cache
def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lucidray.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    filters: dict[str, Callable[..., Any]] = {
        "lines": words.plain_lines,
        "plain": words.plain,
        "pointed_place": lambda region: words.pointed_place(region, language),
        "percent": lambda probability: words.percent(probability, language),
        "interval": lambda ends: words.interval(ends[0], ends[1], language),
        "measure": lambda measurement: words.measure(measurement, language),
        "claimed": lambda label: words.claimed(label, language),
        "name": lambda label: words.finding(label, language),
        "place": lambda region: words.place(region, language),
        "said": lambda message: say(message, language),
        "size": lambda region: words.size(region, language),
        "value": lambda measurement: words.value(measurement, language),
        "direction": words.direction,
        "positions": _positions,
    }
    environment.filters |= filters
    environment.globals |= {
        "colours": FINDING_COLOURS,
        "risk_icons": {"High": "present", "Moderate": "uncertain", "Low": "absent"},
        "w": load_words(language),
    }
    return environment


@cache
def _source(name: str) -> str:
    environment = _environment(SOURCE)
    loader = environment.loader
    assert loader is not None  # noqa: S101 - it was given above
    return loader.get_source(environment, name)[0]


def _policy(style: str, script: str) -> str:
    """Return a content security policy under which the page can load and run nothing but what it carries."""
    style_hash, script_hash = (
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src {style_hash}; script-src {script_hash};"
        " base-uri 'none'; form-action 'none'"
    )


def _heats(reading: Reading) -> list[dict[str, Any]]:
    """List the heatmaps, of present and uncertain findings first."""
    heatmaps = reading.evidence.heatmaps
    return [
        {
            "id": "heat-" + finding.id.removeprefix("finding-"),
            "label": finding.label,
            "told": load_words(reading.report.language).statuses[finding.status],
            "cut": heatmaps[finding.label].cut,
            "href": "data:image/png;base64," + base64.b64encode(layer_png(heatmaps[finding.label])).decode(),
        }
        for finding in words.ranked(reading.findings)
        if finding.label in heatmaps
    ]


def _heat_stops() -> list[dict[str, Any]]:
    table = heat_table()
    return [
        {"at": round(level / 255, 3), "colour": "#{:02x}{:02x}{:02x}".format(*table[level].tolist())}
        for level in range(0, 256, 15)
    ]


def _along(share: float) -> float:
    """Return where a probability is on the charts' scale, which grows with its root: 1 % and 2 % can be told apart."""
    return round(_CHART_X0 + _CHART_WIDE * math.sqrt(share), 1)


def _positions(score: Finding | Overall) -> dict[str, Any]:
    assert score.probability is not None  # noqa: S101 - charts are drawn of supported findings only
    return {
        "bar": round(_along(score.probability) - _CHART_X0, 1),
        "interval": None if score.interval is None else [_along(end) for end in score.interval],
        "threshold": None if score.threshold is None else _along(score.threshold),
    }


def _with_ids(notes: list[Note], kind: str) -> list[tuple[Note, str | None]]:
    """Pair notes with the ids that evidence names them by; of two notes with one code, the first has it."""
    seen: set[str] = set()
    paired: list[tuple[Note, str | None]] = []
    for note in notes:
        paired.append((note, None if note.code in seen else f"{kind}-{note.code}"))
        seen.add(note.code)
    return paired


def _next_steps(refusal: list[Note], language: str) -> list[str]:
    """Say what a person can do about a refused film."""
    codes = {note.code for note in refusal}
    fixable = any(code.startswith("turned") for code in codes) or "inverted" in codes
    steps = ["step_turn"] if fixable else []
    return [load_words(language)[step] for step in (*steps, "step_original", "step_frontal", "step_person")]


def _evidence_words(reading: Reading) -> dict[str, str]:
    """Name everything that a sentence may rest on."""
    language = reading.report.language
    table = load_words(language)
    named: dict[str, str] = {SYMPTOMS_ID: table["cites_symptoms"], OVERALL_ID: table["cites_overall"]}
    for finding in reading.findings:
        unsupported = finding.probability is None
        told = table.statuses["unsupported"] if unsupported else words.percent(finding.probability or 0.0, language)
        name = table.findings[finding.label]
        named[finding.id] = f"{name} {told}"
        for region in finding.regions:
            named[region.id] = table.join([name, words.place(region, language)])
    for measurement in reading.measurements:
        named[measurement.id] = f"{words.measure(measurement, language)} {words.value(measurement, language)}"
    labels = load_labels(language)
    if reading.reader_text is not None:
        named[READER_ID] = labels["only_reader"]
    for number, pointed in enumerate(reading.reader_regions, start=1):
        name = words.plain(pointed.name) or labels.say("reader_unnamed", number=number)
        where = words.pointed_place(pointed, language)
        named[pointed.id] = labels.say("reader_tag", name=f"{name}, {where}" if where else name)
    named |= {f"refusal-{note.code}": table["cites_reason"] for note in reading.refusal}
    named |= {f"warning-{note.code}": table["cites_warning"] for note in reading.warnings}
    return named
