"""The reading in a terminal: every meaning in words, colour only on top of it."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from lucidray.domain.judgement import Contradiction, Diagnosis
from lucidray.domain.reading import Finding, Measurement, Reading, Report, Sentence
from lucidray.domain.vocabulary import Status, Verdict
from lucidray.reporting import words
from lucidray.reporting.judgement import Judged
from lucidray.reporting.judgement import show as show_judgement
from lucidray.reporting.labels import Labels, load_labels

_TABLE_FITS_FROM = 72
_BARS_FIT_FROM = 100
_BAR_CELLS = 20

_STATUS_STYLES: dict[Status, str] = {
    "present": "bold red",
    "uncertain": "bold yellow",
    "absent": "green",
    "unsupported": "dim",
}
_VERDICT_STYLES: dict[Verdict, str] = {"supported": "green", "contradicted": "bold red", "unverified": "bold yellow"}
_RISK_STYLES = {"High": "bold red", "Moderate": "bold yellow", "Low": "green"}
_MARKS = {"present": "◆", "uncertain": "◇", "absent": "○", "unsupported": "–"}
_PLAIN_MARKS = {"present": "!", "uncertain": "?", "absent": "-", "unsupported": " "}
_VERDICT_MARKS: dict[Verdict, str] = {"supported": "✓", "contradicted": "✗", "unverified": "?"}
_PLAIN_VERDICT_MARKS: dict[Verdict, str] = {"supported": "+", "contradicted": "x", "unverified": "?"}
_PLAIN_CHARACTERS = str.maketrans({"×": "x", "–": "-", "—": "-", "≥": ">=", "±": "+-", "’": "'", "“": '"', "”": '"'})


def show(reading: Reading, console: Console) -> None:
    """Print a reading.

    Parameters
    ----------
    reading : Reading
        Accepted or refused; its film is not needed.
    console : rich.console.Console
        Its width, colours and encoding are kept to; what strangers wrote comes out as text, without escape sequences.
    """
    console.print(_Terminal(console).page(reading))


class _Terminal:
    """Builds what fits one console."""

    def __init__(self, console: Console) -> None:
        self._encoding = console.encoding
        self._plain = console.options.ascii_only
        self._width = console.width

    def page(self, reading: Reading) -> Group:
        """Put the whole reading together."""
        parts: list[RenderableType] = [self._head(reading)]
        parts += self._banners(reading)
        if reading.accepted:
            parts += [self._title("Probabilities"), *self._findings(reading)]
            if reading.measurements:
                parts += [self._title("Measurements"), *(self._measurement(one) for one in reading.measurements)]
            if reading.symptoms is not None:
                parts += [self._title("Symptoms, as told"), self._indented(self._text(reading.symptoms))]
            judged = show_judgement(reading)
            labels = load_labels(reading.report.language)
            if judged.two_sources:
                parts += [self._title(labels.say("report_by", reader=judged.reader)), self._checked(judged, labels)]
            parts += self._report(reading.report)
            if reading.composed is not None:
                parts += [self._title(labels["own_report"]), *self._report(reading.composed)]
            parts += self._judgement(reading, judged, labels)
        else:
            parts.append(self._indented(self._text("No finding is named for a film that was not read.", "dim")))
        parts += [Text(), self._text(reading.notice, "bold reverse")]
        return Group(*parts)

    def _text(self, text: str, style: str = "") -> Text:
        """Make text that steers nothing and that the console can encode."""
        shown = words.plain(text)
        if self._plain:
            shown = shown.translate(_PLAIN_CHARACTERS)
        return Text(shown.encode(self._encoding, "replace").decode(self._encoding), style)

    def _indented(self, renderable: RenderableType) -> Padding:
        return Padding(renderable, (0, 0, 0, 2))

    def _title(self, title: str) -> Group:
        rule = Rule(Text(title, "bold"), align="left", style="dim", characters="-" if self._plain else "─")
        return Group(Text(), rule)

    def _mark(self, status: Status) -> str:
        return (_PLAIN_MARKS if self._plain else _MARKS)[status]

    def _head(self, reading: Reading) -> Group:
        verdict = Text("ACCEPTED", "bold green") if reading.accepted else Text("REFUSED: NOT READ", "bold red")
        known = ", ".join(f"{name.lower()} {told}" for name, told in words.facts(reading.image))
        lines = [Text.assemble(self._text(reading.image.name, "bold"), "  ", verdict), self._text(known, "dim")]
        overall = reading.overall
        if overall is not None and overall.probability is not None:
            told = f"Anything abnormal: {words.STATUS_WORDS[overall.status]}, {words.percent(overall.probability)}"
            if overall.threshold is not None:
                told += f" (threshold {words.percent(overall.threshold)})"
            lines.append(self._text(told, _STATUS_STYLES[overall.status]))
        if reading.risk is not None and reading.confidence is not None:
            labels = load_labels(reading.report.language)
            told = f"{labels['risk']}: {reading.risk.words}. {labels['confidence']}: {reading.confidence.words}."
            lines.append(self._text(told, _RISK_STYLES[reading.risk.level]))
            if reading.confidence.read_first:
                lines.append(self._text(f"{labels['read_first']}.", "bold red"))
        return Group(*lines)

    def _report(self, report: Report) -> list[RenderableType]:
        parts: list[RenderableType] = []
        for heading, sentences in words.sections(report):
            parts += [self._title(heading), *(self._sentence(one) for one in sentences)]
        return parts

    def _checked(self, judged: Judged, labels: Labels) -> Text:
        return self._text(labels.say("report_checked", reader=judged.reader, **judged.verdicts), "dim")

    def _judgement(self, reading: Reading, judged: Judged, labels: Labels) -> list[RenderableType]:
        """Say where sources disagree, what it may be, how sure and how pressing it is: the last stays in sight."""
        parts: list[RenderableType] = []
        if judged.disagreements:
            parts.append(self._title(labels["contradictions"]))
            parts += [self._disagreement(one, labels) for one, _ in judged.disagreements]
        if reading.risk is None or reading.confidence is None:
            return parts
        parts.append(self._title(labels["differential"]))
        parts += [self._diagnosis(one, source, labels) for one, source in judged.differential]
        if not judged.differential:
            parts.append(self._indented(self._text(labels["differential_none"], "dim")))
        parts.append(self._title(labels["confidence"]))
        parts += [self._indented(self._text(f"{source.name}: {source.told}")) for source in judged.sources]
        parts += [self._indented(self._text(told, "dim")) for told in judged.basis]
        parts.append(self._title(labels["risk"]))
        parts.append(self._indented(self._text(reading.risk.words, _RISK_STYLES[reading.risk.level])))
        parts += [self._indented(self._text(f"- {told}")) for told in reading.risk.factors]
        if judged.read_first:
            parts += [Text(), self._text(labels["read_first"].upper(), "bold red")]
            parts += [self._indented(self._text(told)) for told in judged.read_first]
        return parts

    def _disagreement(self, one: Contradiction, labels: Labels) -> Table:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        told = self._text(f"{one.label}, {labels.kinds[one.kind]}: ", "bold")
        told.append_text(self._text(one.note))
        if one.sentence is not None:
            told.append_text(self._text(f' ({labels["reader_wrote"]}: "{one.sentence}")', "dim"))
        grid.add_row(Text("x" if self._plain else "✗", "bold red"), told)
        return grid

    def _diagnosis(self, one: Diagnosis, source: str, labels: Labels) -> Group:
        score = f" ({source})" if source else f" {one.score:.2f}"
        lines: list[RenderableType] = [
            Text.assemble(self._text(one.diagnosis, "bold"), self._text(score, "dim")),
            self._indented(self._text(f"{labels['for']}: {'; '.join(one.supporting) or labels['nothing_for']}")),
        ]
        if one.opposing:
            lines.append(self._indented(self._text(f"{labels['against']}: {'; '.join(one.opposing)}")))
        return Group(*lines)

    def _banners(self, reading: Reading) -> list[RenderableType]:
        child = words.child(reading)
        told = [("REFUSED", note.message, "bold red") for note in reading.refusal]
        told += [("CHILD", child, "bold yellow")] if child else []
        told += [("CORRECTED", note.message, "bold yellow") for note in reading.image.corrections]
        others = [note for note in reading.warnings if not (child and note.code == words.CHILD)]
        told += [("WARNING", note.message, "bold yellow") for note in others]
        if not told:
            return []
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for kind, message, style in told:
            grid.add_row(Text(kind, style), self._text(message))
        return [Text(), grid]

    def _findings(self, reading: Reading) -> list[RenderableType]:
        ranked = words.ranked(reading.findings)
        shown = [finding for finding in ranked if finding.status != "unsupported"]
        parts: list[RenderableType] = []
        if self._width >= _TABLE_FITS_FROM:
            parts.append(self._table(shown))
        else:
            parts += [self._entry(finding) for finding in shown]
        if reading.not_assessed:
            told = "not assessed, nothing is said of them: " + ", ".join(reading.not_assessed)
            parts += [Text(), self._text(f"{self._mark('unsupported')} {told}")]
        prevalences = words.prevalences(reading)
        if prevalences:
            parts += [Text(), self._text(prevalences, "dim")]
        return parts

    def _table(self, findings: list[Finding]) -> Table:
        gap = 2 if self._width >= _BARS_FIT_FROM else 1
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
        table.add_column("Status", no_wrap=True)
        table.add_column("Finding", no_wrap=True)
        if self._width >= _BARS_FIT_FROM:
            table.add_column("0 to 100 %, | threshold", no_wrap=True)
        for heading in ("Prob.", "95 % interval", "Threshold"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("Where", overflow="fold")
        for finding in findings:
            table.add_row(*self._row(finding))
        return table

    def _row(self, finding: Finding) -> list[Text]:
        style = _STATUS_STYLES[finding.status]
        weight = "bold" if finding.status in {"present", "uncertain"} else ""
        row = [self._status(finding.status), Text(finding.label, weight)]
        if self._width >= _BARS_FIT_FROM:
            row.append(self._bar(finding, style))
        row.append(Text(_optional(finding.probability)))
        row.append(Text("-" if finding.interval is None else words.interval(*finding.interval)))
        row.append(Text(_optional(finding.threshold)))
        row.append(self._text("; ".join(words.place(region) for region in finding.regions)))
        return row

    def _status(self, status: Status) -> Text:
        return Text(f"{self._mark(status)} {words.STATUS_WORDS[status]}", _STATUS_STYLES[status])

    def _bar(self, finding: Finding, style: str) -> Text:
        """Draw a probability along its root, as on the page, with a tick at the threshold."""
        filled = round(_BAR_CELLS * (finding.probability or 0.0) ** 0.5)
        full, empty = ("#", ".") if self._plain else ("━", "┈")
        cells = [full] * filled + [empty] * (_BAR_CELLS - filled)
        if finding.threshold is not None:
            cells[min(_BAR_CELLS - 1, int(_BAR_CELLS * finding.threshold**0.5))] = "|" if self._plain else "┃"
        return Text("".join(cells), style)

    def _entry(self, finding: Finding) -> Group:
        """Say a finding in lines, where a table does not fit."""
        numbers = _optional(finding.probability)
        if finding.interval is not None:
            numbers += f" ({words.interval(*finding.interval)})"
        if finding.threshold is not None:
            numbers += f", threshold {words.percent(finding.threshold)}"
        lines: list[RenderableType] = [Text.assemble(self._status(finding.status), "  ", Text(finding.label, "bold"))]
        lines.append(self._indented(self._text(numbers)))
        lines += [self._indented(self._text(words.place(region))) for region in finding.regions]
        return Group(*lines)

    def _measurement(self, measurement: Measurement) -> Padding:
        told = f"{words.measure(measurement)}: {words.value(measurement)}"
        told += "" if measurement.reliable else " (not reliable)"
        told += f" - {measurement.note}" if measurement.note else ""
        return self._indented(self._text(told))

    def _sentence(self, sentence: Sentence) -> Table:
        marks = _PLAIN_VERDICT_MARKS if self._plain else _VERDICT_MARKS
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        text = self._text(sentence.text)
        if sentence.verdict != "supported":
            text.append(f" ({words.VERDICT_WORDS[sentence.verdict]})", _VERDICT_STYLES[sentence.verdict])
        grid.add_row(Text(marks[sentence.verdict], _VERDICT_STYLES[sentence.verdict]), text)
        return grid


def _optional(probability: float | None) -> str:
    return "-" if probability is None else words.percent(probability)
