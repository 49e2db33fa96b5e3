"""The reading in a terminal: every meaning in words, colour only on top of it."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from lucidray.domain.judgement import Contradiction, Diagnosis
from lucidray.domain.note import Note
from lucidray.domain.reading import Finding, Measurement, Reading, Report, Sentence
from lucidray.domain.vocabulary import Status, Verdict
from lucidray.reporting import upscaled, words
from lucidray.reporting.judgement import Judged
from lucidray.reporting.judgement import show as show_judgement
from lucidray.reporting.labels import Labels, load_labels
from lucidray.reporting.page_words import load_words
from lucidray.wording.messages import say

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
    console.print(_Terminal(console, reading.report.language).page(reading))


class _Terminal:
    """Builds what fits one console."""

    def __init__(self, console: Console, language: str) -> None:
        self._language = language
        self._words = load_words(language)
        self._encoding = console.encoding
        self._plain = console.options.ascii_only
        self._width = console.width

    def page(self, reading: Reading) -> Group:
        """Put the whole reading together."""
        parts: list[RenderableType] = [self._head(reading)]
        parts += self._banners(reading)
        parts += self._upscaled(reading)
        if reading.accepted:
            parts += [self._title(self._words["probabilities"]), *self._findings(reading)]
            if reading.measurements:
                parts += [
                    self._title(self._words["measurements"]),
                    *(self._measurement(one) for one in reading.measurements),
                ]
            if reading.symptoms is not None:
                parts += [self._title(self._words["symptoms_told"]), self._indented(self._text(reading.symptoms))]
            judged = show_judgement(reading)
            labels = load_labels(reading.report.language)
            if judged.two_sources:
                parts += [self._title(labels.say("report_by", reader=judged.reader)), self._checked(judged, labels)]
            parts += self._report(reading.report)
            if reading.composed is not None:
                parts += [self._title(labels["own_report"]), *self._report(reading.composed)]
            parts += self._judgement(reading, judged, labels)
        else:
            parts.append(self._indented(self._text(self._words["refused_short"], "dim")))
        unreviewed = words.unreviewed(reading.report)
        if unreviewed:
            parts += [Text(), self._text(unreviewed, "bold yellow")]
        parts += [Text(), self._text(words.notice(reading), "bold reverse")]
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
        verdict = (
            self._text(self._words["accepted"], "bold green")
            if reading.accepted
            else self._text(self._words["refused"], "bold red")
        )
        known = self._words.join([f"{name}: {told}" for name, told in words.facts(reading.image, self._language)])
        lines = [Text.assemble(self._text(reading.image.name, "bold"), "  ", verdict), self._text(known, "dim")]
        if reading.upscaling is not None and not reading.degraded:
            told = self._words.say("upscaled_nothing", method=reading.upscaling.method)
            lines.append(self._text(told, "dim"))
        overall = reading.overall
        if overall is not None and overall.probability is not None:
            status = self._words.statuses[overall.status]
            told = f"{self._words['overall']}: {status}, {self._percent(overall.probability)}"
            if overall.threshold is not None:
                told += f" ({self._threshold(overall.threshold)})"
            lines.append(self._text(told, _STATUS_STYLES[overall.status]))
        if reading.risk is not None and reading.confidence is not None:
            labels = load_labels(reading.report.language)
            told = f"{labels['risk']}: {reading.risk.words}. {labels['confidence']}: {reading.confidence.words}."
            lines.append(self._text(told, _RISK_STYLES[reading.risk.level]))
            if reading.confidence.read_first:
                lines.append(self._text(f"{labels['read_first']}.", "bold red"))
        return Group(*lines)

    def _upscaled(self, reading: Reading) -> list[RenderableType]:
        lines = upscaled.told(reading)
        if not lines:
            return []
        return [self._title(self._words["upscaled_title"]), *(self._indented(self._text(line)) for line in lines)]

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
        told = self._text(f"{words.claimed(one.label, self._language)}, {labels.kinds[one.kind]}: ", "bold")
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
        told = [("tag_refused", self._said(note), "bold red") for note in reading.refusal]
        told += [("tag_child", child, "bold yellow")] if child else []
        told += [("tag_corrected", self._said(note), "bold yellow") for note in reading.image.corrections]
        others = [note for note in reading.warnings if not (child and note.code == words.CHILD)]
        told += [("tag_warning", self._said(note), "bold yellow") for note in others]
        if not told:
            return []
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for kind, message, style in told:
            grid.add_row(self._text(self._words[kind], style), self._text(message))
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
            names = self._words.join([self._words.findings[label] for label in reading.not_assessed])
            told = self._words.say("not_assessed_line", names=names)
            parts += [Text(), self._text(f"{self._mark('unsupported')} {told}")]
        prevalences = words.prevalences(reading)
        if prevalences:
            parts += [Text(), self._text(prevalences, "dim")]
        return parts

    def _table(self, findings: list[Finding]) -> Table:
        gap = 2 if self._width >= _BARS_FIT_FROM else 1
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
        table.add_column(self._text(self._words["status"]), no_wrap=True)
        table.add_column(self._text(self._words["finding"]), no_wrap=True)
        if self._width >= _BARS_FIT_FROM:
            table.add_column(self._text(self._words["scale_title"]), no_wrap=True)
        for heading in ("probability_short", "key_interval", "threshold_title"):
            table.add_column(self._text(self._words[heading]), justify="right", no_wrap=True)
        table.add_column(self._text(self._words["where"]), overflow="fold")
        for finding in findings:
            table.add_row(*self._row(finding))
        return table

    def _row(self, finding: Finding) -> list[Text]:
        style = _STATUS_STYLES[finding.status]
        weight = "bold" if finding.status in {"present", "uncertain"} else ""
        row = [self._status(finding.status), self._text(self._words.findings[finding.label], weight)]
        if self._width >= _BARS_FIT_FROM:
            row.append(self._bar(finding, style))
        row.append(self._text(self._optional(finding.probability)))
        row.append(self._text("-" if finding.interval is None else words.interval(*finding.interval, self._language)))
        row.append(self._text(self._optional(finding.threshold)))
        row.append(self._text("; ".join(words.place(region, self._language) for region in finding.regions)))
        return row

    def _status(self, status: Status) -> Text:
        return self._text(f"{self._mark(status)} {self._words.statuses[status]}", _STATUS_STYLES[status])

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
        numbers = self._optional(finding.probability)
        if finding.interval is not None:
            numbers += f" ({words.interval(*finding.interval, self._language)})"
        if finding.threshold is not None:
            numbers += f", {self._threshold(finding.threshold)}"
        lines: list[RenderableType] = [
            Text.assemble(self._status(finding.status), "  ", self._text(self._words.findings[finding.label], "bold"))
        ]
        lines.append(self._indented(self._text(numbers)))
        lines += [self._indented(self._text(words.place(region, self._language))) for region in finding.regions]
        return Group(*lines)

    def _measurement(self, measurement: Measurement) -> Padding:
        told = f"{words.measure(measurement, self._language)}: {words.value(measurement, self._language)}"
        told += "" if measurement.reliable else f" ({self._words['not_reliable']})"
        told += f" - {say(measurement.note, self._language)}" if measurement.note else ""
        return self._indented(self._text(told))

    def _sentence(self, sentence: Sentence) -> Table:
        marks = _PLAIN_VERDICT_MARKS if self._plain else _VERDICT_MARKS
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        text = self._text(sentence.text)
        if sentence.verdict != "supported":
            text.append_text(
                self._text(f" ({self._words.verdicts[sentence.verdict]})", _VERDICT_STYLES[sentence.verdict])
            )
        grid.add_row(Text(marks[sentence.verdict], _VERDICT_STYLES[sentence.verdict]), text)
        return grid

    def _said(self, note: Note) -> str:
        return say(note.message, self._language)

    def _percent(self, probability: float) -> str:
        return words.percent(probability, self._language)

    def _threshold(self, threshold: float) -> str:
        return self._words.say("threshold", value=self._percent(threshold))

    def _optional(self, probability: float | None) -> str:
        return "-" if probability is None else self._percent(probability)
