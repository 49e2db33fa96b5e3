"""Results as one web page that needs nothing else: no network, no script, both themes, any width."""

import base64
import hashlib
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from lucidray.domain.reading import NOTICE
from lucidray.evaluation import plots
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY
from lucidray.evaluation.scored import Scored
from lucidray.reporting.words import plain

FIGURE_NAMES = {
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "specificity_at_90_sensitivity": "specificity at 90 % sensitivity",
    "sensitivity": "sensitivity at the own threshold",
    "specificity": "specificity at the own threshold",
    "f1": "F1 at the own threshold",
    "f1_best": "F1 at the best threshold of these films",
    "ece": "expected calibration error",
    "brier": "Brier score",
}


def findings_page(result: dict[str, Any], scored: Scored) -> str:
    """Write the results of `evaluate findings` with their plots.

    Parameters
    ----------
    result : dict
        What the JSON holds.
    scored : Scored
        The films behind it, for the curves.
    """
    targets = scored.targets()
    drawn: dict[str, list[Markup]] = {}
    for name, found in result["findings"].items():
        if found["figures"] is None:
            continue
        target = targets[name]
        shapes = [plots.roc(target), plots.precision_recall(target)]
        if target.probability is not None:
            shapes.append(plots.reliability(target.truth, target.probability))
        if "confusion" in found:
            shapes.append(plots.confusion(found["confusion"]))
        drawn[name] = [_safe(shape) for shape in shapes]
    overview = [
        (name, (found["figures"] or {}).get("auroc"), _counted(found)) for name, found in result["findings"].items()
    ]
    groups = {
        name: {
            kind: _safe(
                plots.intervals([(group, entry["auroc"], _counted(entry)) for group, entry in found_groups.items()])
            )
            for kind, found_groups in found.get("groups", {}).items()
        }
        for name, found in result["findings"].items()
    }
    return render(
        "findings.html",
        result,
        title="Findings, evaluated",
        overview=_safe(plots.intervals(overview)),
        plots=drawn,
        groups=groups,
        names=FIGURE_NAMES,
        abnormality=ANY_ABNORMALITY,
    )


def render(template: str, result: dict[str, Any], **values: Any) -> str:
    """Fill a template; its own policy lets the page load nothing but what it carries."""
    style = _source("evaluation.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    # The style sheet is our own file.
    return _environment().get_template(template).render(
        result=result, style=Markup(style), policy=policy, notice=NOTICE, **values  # noqa: S704
    )  # fmt: skip


def figure(found: dict[str, Any] | None, digits: int = 2) -> str:
    """Say a figure with its interval."""
    if found is None:
        return "too few films"
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def _counted(found: dict[str, Any]) -> str:
    """Say how many films are behind a figure, and how many are positive."""
    return f"{found['n_positive']:,} of {found['n']:,}"


def _safe(svg: str) -> Markup:
    """Trust our own drawing: every text in it was escaped when it was drawn."""
    return Markup(svg)  # noqa: S704


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lucidray.evaluation"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"figure": figure, "plain": plain, "thousands": lambda count: f"{count:,}"}
    return environment


@cache
def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None  # noqa: S101 - it was given above
    return loader.get_source(_environment(), name)[0]
