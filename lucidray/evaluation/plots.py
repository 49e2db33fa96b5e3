"""Small plots as SVG that takes its colours from the page: ROC, precision and recall, reliability, confusion."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.evaluation.measures import Scores, Truth
from lucidray.evaluation.scored import Target
from lucidray.evaluation.segmentation import share

_SIDE, _LEFT, _TOP = 200.0, 40.0, 22.0  # of the square that is drawn in, and of its margins
_WIDTH, _HEIGHT = _LEFT + _SIDE + 12, _TOP + _SIDE + 36
_MOST_POINTS = 150
_BINS = 10


def roc(target: Target) -> str:
    """Sensitivity over 1 - specificity, with the model's own cut where all films share one."""
    from sklearn.metrics import roc_curve  # noqa: PLC0415

    fpr, tpr, _ = roc_curve(target.truth, target.score)
    parts = ['<path class="chance" d="' + _path([0, 1], [0, 1]) + '"/>']
    parts.append('<path class="curve" d="' + _path(*_thinned(fpr, tpr)) + '"/>')
    if target.probability is not None and target.threshold is not None:
        called = target.probability >= target.threshold
        x = float(called[~target.truth].mean())
        y = float(called[target.truth].mean())
        parts.append(_dot(x, y, f"own threshold: sensitivity {y:.2f}, specificity {1 - x:.2f}"))
    return _frame("ROC", "1 - specificity", "sensitivity", parts)


def precision_recall(target: Target) -> str:
    """Precision over recall; the dashed line is the prevalence, which is what chance reaches."""
    from sklearn.metrics import precision_recall_curve  # noqa: PLC0415

    precision, recall, _ = precision_recall_curve(target.truth, target.score)
    prevalence = float(target.truth.mean())
    parts = ['<path class="chance" d="' + _path([0, 1], [prevalence, prevalence]) + '"/>']
    parts.append('<path class="curve" d="' + _path(*_thinned(recall[::-1], precision[::-1])) + '"/>')
    return _frame("Precision and recall", "recall", "precision", parts)


def reliability(truth: Truth, probability: Scores) -> str:
    """How often a finding is there over how likely it was said to be, in ten groups of equally many films.

    Bars are Wilson's 95 % intervals; the axes end at the greatest value shown, for rare findings sit in one corner.
    """
    order = np.argsort(probability, kind="stable")
    groups = [group for group in np.array_split(order, min(_BINS, len(order))) if len(group)]
    points = [(float(probability[group].mean()), share(int(truth[group].sum()), len(group))) for group in groups]
    top = min(1.0, 1.1 * max(max(x, rate.high) for x, rate in points))
    parts = ['<path class="chance" d="' + _path([0, 1], [0, 1]) + '"/>']
    for x, rate in points:
        low, high = (_y(end / top) for end in (rate.low, rate.high))
        parts.append(f'<path class="bar" d="M{_x(x / top):.1f} {low:.1f}V{high:.1f}"/>')
        parts.append(_dot(x / top, rate.value / top, f"said {x:.3f}, was {rate.value:.3f} of {rate.n} films"))
    xs, ys = [x / top for x, _ in points], [rate.value / top for _, rate in points]
    parts.append('<path class="curve" d="' + _path(xs, ys) + '"/>')
    return _frame("Reliability", "probability said", "share that has it", parts, top=top)


def confusion(counts: dict[str, int]) -> str:
    """Films by truth and call at the own threshold, shaded by their share of the row."""
    cells = []
    half = _SIDE / 2
    rows = (("has it", "true_positive", "false_negative"), ("has it not", "false_positive", "true_negative"))
    for row, (_, first, second) in enumerate(rows):
        total = max(counts[first] + counts[second], 1)
        for column, name in enumerate((first, second)):
            x, y = _LEFT + column * half, _TOP + row * half
            part = counts[name] / total
            cells.append(
                f'<rect class="cell" x="{x}" y="{y}" width="{half}" height="{half}"'
                f' fill-opacity="{0.08 + 0.5 * part:.2f}"/>'
                f'<text class="count" x="{x + half / 2}" y="{y + half / 2}">{counts[name]:,}</text>'
                f'<text class="small" x="{x + half / 2}" y="{y + half / 2 + 18}">{100 * part:.0f} %</text>'
            )
        middle = _TOP + row * half + half / 2
        cells.append(
            f'<text class="tick" transform="rotate(-90 {_LEFT - 10} {middle})" x="{_LEFT - 10}" y="{middle}">'
            f"{rows[row][0]}</text>"
        )
    for column, name in enumerate(("called", "not called")):
        cells.append(f'<text class="tick" x="{_LEFT + column * half + half / 2}" y="{_TOP + _SIDE + 16}">{name}</text>')
    return _svg("Confusion at the own threshold", "".join(cells))


def intervals(rows: Sequence[tuple[str, dict[str, Any] | None, str]]) -> str:
    """Values in [0, 1] with their intervals, one a line, each with a name and a remark."""
    left, wide, step = 120.0, 150.0, 24.0
    height = step * len(rows) + 26
    parts = []
    for share_ in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + wide * share_
        kind = "chance" if share_ == 0.5 else "grid"
        parts.append(f'<path class="{kind}" d="M{x:.1f} 4V{height - 20:.1f}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 6:.1f}">{share_:g}</text>')
    for number, (name, figure, remark) in enumerate(rows):
        y = step * number + 16
        parts.append(f'<text class="name" x="{left - 8}" y="{y + 4}">{escape(name)}</text>')
        if figure is None:
            parts.append(f'<text class="remark" x="{left + 6}" y="{y + 4}">{escape(remark)}</text>')
            continue
        low, value, high = (left + wide * float(figure[key]) for key in ("low", "value", "high"))
        parts.append(f'<path class="bar" d="M{low:.1f} {y}H{high:.1f}"/>')
        parts.append(f'<circle class="dot" cx="{value:.1f}" cy="{y}" r="4"/>')
        parts.append(f'<text class="remark" x="{left + wide + 10}" y="{y + 4}">{escape(remark)}</text>')
    width = left + wide + 96
    told = "; ".join(name if figure is None else f"{name} {figure['value']:.2f}" for name, figure, _ in rows)
    return (
        f'<svg class="intervals" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(told)}">'
        f"{''.join(parts)}</svg>"
    )


def _frame(title: str, across: str, up: str, parts: Sequence[str], top: float = 1.0) -> str:
    grid = []
    for share_ in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(share_), _y(share_)
        grid.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{_TOP + _SIDE}M{_LEFT} {y:.1f}H{_LEFT + _SIDE}"/>')
        grid.append(f'<text class="tick" x="{x:.1f}" y="{_TOP + _SIDE + 14}">{share_ * top:.2g}</text>')
        grid.append(f'<text class="tick side" x="{_LEFT - 6}" y="{y + 3:.1f}">{share_ * top:.2g}</text>')
    axes = (
        f'<text class="axis" x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + 30}">{across}</text>'
        f'<text class="axis" transform="rotate(-90 10 {_TOP + _SIDE / 2})" x="10" y="{_TOP + _SIDE / 2}">{up}</text>'
    )
    return _svg(title, "".join([*grid, *parts, axes]))


def _svg(title: str, inside: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" aria-label="{escape(title)}">'
        f'<text class="title" x="{_LEFT}" y="13">{escape(title)}</text>{inside}</svg>'
    )


def _dot(x: float, y: float, told: str) -> str:
    return f'<circle class="dot" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="3.5"><title>{escape(told)}</title></circle>'


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{_x(x):.1f} {_y(y):.1f}" for x, y in zip(xs, ys, strict=True))


def _x(share_: float) -> float:
    return _LEFT + _SIDE * share_


def _y(share_: float) -> float:
    return _TOP + _SIDE * (1 - share_)


def _thinned(xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Keep at most so many points, evenly spread, first and last among them."""
    keep = np.unique(np.linspace(0, len(xs) - 1, min(len(xs), _MOST_POINTS)).astype(np.int64))
    return xs[keep].tolist(), ys[keep].tolist()
