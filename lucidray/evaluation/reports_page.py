"""The measures of reports as a page and as lines for a terminal."""

from typing import Any

from lucidray.evaluation import sheet
from lucidray.evaluation.draws import Figure
from lucidray.evaluation.reports import ReportScores

NAMES = {
    "f1_micro_14": "F1 micro, 14",
    "f1_macro_14": "F1 macro, 14",
    "f1_micro_5": "F1 micro, 5",
    "f1_macro_5": "F1 macro, 5",
    "side_agreement": "side agrees",
    "side_swapped": "left for right",
    "zone_agreement": "zone agrees",
    "box_iou": "box IoU",
    "box_hits_iou_50": "boxes with IoU ≥ 0.5",
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR",
    "chrf": "chrF",
    "token_accuracy": "token accuracy",
    "radgraph": "RadGraph F1",
    "ratescore": "RaTEScore",
    "radeval": "RadEval",
    "crimson": "CRIMSON",
}
GROUPS: dict[str, tuple[str, ...]] = {
    "Claims": (
        "f1_micro_14",
        "f1_macro_14",
        "f1_micro_5",
        "f1_macro_5",
        "side_agreement",
        "side_swapped",
        "zone_agreement",
        "box_iou",
        "box_hits_iou_50",
    ),
    "Words": ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "chrf", "token_accuracy"),
    "Networks": ("radgraph", "ratescore", "radeval", "crimson"),
}


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
