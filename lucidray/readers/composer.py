"""`Composer`: the reader that is always there. It writes from decided findings by rules, so it invents nothing.

Verdicts: what is said plainly of a present or absent finding is `supported`, whatever advice comes with it; what is
hedged, and how the symptoms relate to the findings, is `unverified`; what is said over two sources that disagree is
`contradicted`.
Symptoms choose words and advice in IMPRESSION, and only there; they never change a probability, a status or a location.
"""

from lucidray.domain.answer import Answer
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed, Report
from lucidray.readers.case import Case
from lucidray.readers.description import write_findings, write_locations
from lucidray.readers.impression import write_impression
from lucidray.readers.phrases import load_phrases
from lucidray.readers.symptoms import parse
from lucidray.version import VERSION


class Composer:
    """Writes a report from findings, regions and measurements, sentence by sentence with its evidence."""

    @property
    def used(self) -> ModelUsed:
        """Name and version, for the reading's provenance; rules have no weights, so there is no hash."""
        return ModelUsed(role="reader", name="composer", version=VERSION, sha256=None)

    def read(self, request: ReportRequest) -> Answer:
        """Write the report, and give it as an answer whose sentences carry their evidence."""
        report = self.write(request)
        return Answer(text=report.text, report=report)

    def write(self, request: ReportRequest) -> Report:
        """Write the report.

        Parameters
        ----------
        request : ReportRequest
            All 14 findings, their statuses decided.

        Returns
        -------
        Report
            No sentence speaks of an unsupported finding, except the one in IMPRESSION that names what was not assessed.

        Raises
        ------
        UsageError
            There is no table for the language, or the symptoms are too long.
        """
        phrases = load_phrases(request.language)
        # Text without a letter is nothing given.
        typed = request.symptoms is not None and any(char.isalpha() for char in request.symptoms)
        case = Case(request, phrases, tuple(parse(request.symptoms)) if request.symptoms and typed else None)
        return Report(
            language=request.language,
            headings=phrases.headings,
            wording=phrases.review,
            findings=write_findings(case),
            locations=write_locations(case),
            impression=write_impression(case),
        )
