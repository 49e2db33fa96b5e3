"""The measures of reports as a page and as lines for a terminal."""

from typing import Any

from lucidray.evaluation import sheet
from lucidray.evaluation.draws import Figure
from lucidray.evaluation.report_figures import GROUPS, NAMES
from lucidray.evaluation.reports import ReportScores


def render(scores: ReportScores) -> str:
    """Write the measures as one self-contained HTML page."""
    return sheet.render("lucidray.evaluation", "reports.html", scores=scores, names=NAMES, groups=_shown(scores))


def table(scores: ReportScores) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table: one row a figure that the reader has, one column a system."""
    systems = list(scores.systems)
    head = ["figure", *(scores.reader if name == "reader" else name.replace("-", " ") for name in systems)]
    rows = [
        [NAMES[figure], *(cell(scores.systems[name].figures.get(figure)) for name in systems)]
        for figures in _shown(scores).values()
        for figure in figures
    ]
    return head, rows


def cell(figure: Figure | None) -> str:
    """Write a figure, and its interval below it: a table of five systems has to fit into 80 columns."""
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f}\n{figure.low:.3f}-{figure.high:.3f}"


def reasons(scores: ReportScores) -> list[tuple[str, str]]:
    """Return what is null and why, figures with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in scores.unavailable.items():
        by_reason.setdefault(reason, []).append(NAMES.get(name, name))
    return [(", ".join(names), reason) for reason, names in by_reason.items()]


def _shown(scores: ReportScores) -> dict[str, list[str]]:
    """Leave out figures that no system has."""

    def has(figure: str) -> bool:
        return any(system.figures.get(figure) is not None for system in scores.systems.values())

    groups: dict[str, Any] = {name: [figure for figure in figures if has(figure)] for name, figures in GROUPS.items()}
    return {name: figures for name, figures in groups.items() if figures}
