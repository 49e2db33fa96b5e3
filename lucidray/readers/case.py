"""One film as the composer sees it: the request, the words of its language, and what the symptoms say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import Finding
from lucidray.domain.vocabulary import Label, Status
from lucidray.readers.clinical import HEART, INFECTION, overlap_of
from lucidray.readers.phrases import Listing, Phrases, Style
from lucidray.readers.places import Cell, cells, sides
from lucidray.readers.symptoms import Symptom


@dataclass(frozen=True)
class Case:
    """What every section of the report is written from.

    Attributes
    ----------
    request : ReportRequest
    phrases : Phrases
    symptoms : tuple of Symptom or None
        None where nobody gave any.
    """

    request: ReportRequest
    phrases: Phrases
    symptoms: tuple[Symptom, ...] | None

    def of(self, labels: Iterable[Label], status: Status) -> list[Finding]:
        """Return the findings among `labels` that have the status, in the order of `labels`."""
        return [self._by_label[label] for label in labels if self._by_label[label].status == status]

    def finding(self, label: Label) -> Finding:
        """Return the finding of a label."""
        return self._by_label[label]

    @cached_property
    def _by_label(self) -> dict[Label, Finding]:
        return {finding.label: finding for finding in self.request.findings}

    @cached_property
    def assessed(self) -> list[Finding]:
        """Findings that the model can speak about."""
        return [finding for finding in self.request.findings if finding.status != "unsupported"]

    @cached_property
    def not_assessed(self) -> list[Finding]:
        """Findings that the model cannot speak about."""
        return [finding for finding in self.request.findings if finding.status == "unsupported"]

    @cached_property
    def mirrored(self) -> bool:
        """Whether the gate suspects that left and right are exchanged."""
        return any(warning.code == "mirrored" for warning in self.request.warnings)

    @cached_property
    def upscaled(self) -> bool:
        """Whether the film was upscaled before it was read."""
        return any(warning.code == "upscaled" for warning in self.request.warnings)

    @cached_property
    def given(self) -> list[str]:
        """Concepts that the symptoms name as there, each once. Named as there and as missing counts as there."""
        return list(dict.fromkeys(s.concept for s in self.symptoms or () if s.concept != "other" and not s.negated))

    @cached_property
    def denied(self) -> list[str]:
        """Concepts that the symptoms name as missing, each once."""
        return list(dict.fromkeys(s.concept for s in self.symptoms or () if s.concept != "other" and s.negated))

    @cached_property
    def infection(self) -> bool:
        """Whether the symptoms speak for an infection."""
        return not INFECTION.isdisjoint(self.given)

    def place(self, findings: Sequence[Finding]) -> frozenset[Cell]:
        """Return the zones of all regions of some findings; the heart's place goes without saying."""
        return frozenset(cells(region for finding in findings if finding.label != HEART for region in finding.regions))

    def subject(self, findings: Sequence[Finding]) -> str:
        """Return what a sentence over the findings is about: the finding, or the group that they overlap in."""
        overlap = overlap_of(findings[0].label)
        return findings[0].label if len(findings) == 1 or overlap is None else overlap

    def names(self, findings: Iterable[Finding], style: Style) -> Listing:
        """List what findings are called in running text."""
        return self.phrases.findings([finding.label for finding in findings], style)


def count_of(findings: Sequence[Finding]) -> int:
    """Return how many things a sentence over the findings speaks of, as far as grammar is concerned.

    A shadow across two zones of one lung is one; one in each lung are two. Only lesions are counted by their regions.
    """
    if findings[0].label in {"Mass", "Nodule"}:
        return max(len(finding.regions) for finding in findings) or 1
    both = sides(cells(region for finding in findings for region in finding.regions))
    return 2 if {"left", "right"} <= both else 1


def ids(findings: Iterable[Finding], *, regions: bool = True) -> list[str]:
    """Return the ids of findings, each followed by those of its regions."""
    return [
        name
        for finding in findings
        for name in (finding.id, *([region.id for region in finding.regions] if regions else []))
    ]
