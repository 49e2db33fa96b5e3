"""What a trained classifier is worth: figures on test films with intervals and controls, plots, one page."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from lucidray.datasets.manifest import ManifestFilm
from lucidray.domain.radiograph import Sex, View
from lucidray.domain.reading import NOTICE
from lucidray.evaluation import findings, plots
from lucidray.evaluation.collection import Film
from lucidray.evaluation.figures import ranking
from lucidray.evaluation.label_files.table import LabelledFilm
from lucidray.evaluation.page import findings_page
from lucidray.evaluation.scored import Scored
from lucidray.training.backbone_calibration import said
from lucidray.training.backbone_config import Uncertain
from lucidray.training.backbone_films import Films
from lucidray.training.run_folder import write_text
from lucidray.version import VERSION

Logits = npt.NDArray[np.float32]
_RESAMPLES = 500
_STYLE = (
    "svg{background:#fff}text{fill:#555;font:10px system-ui,sans-serif}.title{font-size:12px;font-weight:600;fill:#111}"
    ".tick,.axis,.small{text-anchor:middle}.side{text-anchor:end}.count{text-anchor:middle;font-size:17px;fill:#111}"
    "path{fill:none;stroke-width:1}.grid{stroke:#ddd}.chance{stroke:#888;stroke-dasharray:4 4}"
    ".curve{stroke:#0b5cad;stroke-width:2}.bar{stroke:#0b5cad;stroke-width:2;opacity:.55}.dot{fill:#0b5cad}"
    ".cell{fill:#0b5cad;stroke:#fff;stroke-width:2}"
)


def scored(
    films: Films, rows: npt.NDArray[np.int64], logits: Logits, entries: Mapping[str, Any], uncertain: Uncertain
) -> Scored:
    """Put answers and truth together as `evaluate findings` does, so that the same figures come of them."""
    chosen = [_film(films.rows[int(row)]) for row in rows]
    answers = said(films.outputs, logits, entries)
    return Scored(chosen, {film.key: one for film, one in zip(chosen, answers, strict=True)}, uncertain=uncertain)


def measure(
    one: Scored,
    *,
    blank: Mapping[str, float],
    model: Mapping[str, Any],
    uncertain: Uncertain,
    uncalibrated: str | None,
    left_out: int,
    resamples: int = _RESAMPLES,
) -> dict[str, Any]:
    """Measure all outputs on test films.

    Parameters
    ----------
    one : Scored
    blank : mapping
        What the network says of a film without content, by finding.
    model : mapping
        What it is called.
    uncertain : str
        What uncertain labels counted as.
    uncalibrated : str or None
        Why no output is calibrated.
    left_out : int
        Test films of people whom the calibration does not hold for.
    """
    result: dict[str, Any] = {
        "kind": "findings",
        "lucidray": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
        "model": [dict(model)],
        "split": "test films of the run's manifest, as prepared and without the gate; calibration and thresholds are of"
        " its validation films",
        "uncalibrated": uncalibrated,
        "options": {"uncertain": uncertain, "unsaid": "leave-out", "resamples": resamples, "limit": None},
        "films": {
            "labelled": len(one.films) + left_out,
            "missing": left_out,
            "assessed": len(one.films),
            "refused": 0,
            "unreadable": 0,
        },
        "patients": len(set(one.patients.tolist())),
        "missing": [f"{left_out} test films are of another age group than the calibration"] if left_out else [],
        "shortcuts": None,
        "not_assessed": {"reasons": {}, "films": []},
        "data": [],
    }
    return result | findings.evaluate(one, blank=blank, resamples=resamples)


def union(films: Films, rows: npt.NDArray[np.int64], logits: Logits) -> dict[str, Any] | None:
    """Measure whether a film has any of several diseases, by the greatest of their scores; None for a single output.

    A film counts as positive where one of them is, as negative where all of them are known not to be.
    """
    if len(films.outputs) < 2:
        return None
    truth = films.truth[rows]
    known = (truth == 1).any(axis=1) | (truth == 0).all(axis=1)
    positive = (truth[known] == 1).any(axis=1)
    figure = ranking(positive, logits[known].max(axis=1).astype(np.float64), films.patients[rows[known]], _RESAMPLES)
    return {
        "name": " or ".join(films.outputs),
        "n": int(known.sum()),
        "n_positive": int(positive.sum()),
        "auroc": figure,
    }


def write(folder: Path, result: Mapping[str, Any], one: Scored) -> list[Path]:
    """Write `findings.json`, `findings.html` and a folder of plots; return the plots."""
    write_text(folder / "findings.json", json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / "findings.html", findings_page(dict(result), one))
    targets = one.targets()
    written = []
    for name, found in result["findings"].items():
        if found["figures"] is None:
            continue
        target = targets[name]
        shapes = {"roc": plots.roc(target), "precision-recall": plots.precision_recall(target)}
        if target.probability is not None:
            shapes["reliability"] = plots.reliability(target.truth, target.probability)
        if "confusion" in found:
            shapes["confusion"] = plots.confusion(found["confusion"])
        for kind, svg in shapes.items():
            path = folder / "plots" / f"{name.lower().replace(' ', '-')}-{kind}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, standalone(svg))
            written.append(path)
    return written


def standalone(svg: str) -> str:
    """Make a file of its own of a plot that takes its style from a page."""
    head, _, rest = svg.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_STYLE}</style>{rest}\n'


def told(result: Mapping[str, Any]) -> Sequence[str]:
    """Say the figures, a line a finding."""
    lines = []
    for name, found in result["findings"].items():
        figures = found["figures"]
        words = "too few test films of one class for a figure"
        if figures is not None:
            words = f"test AUROC {_figure(figures['auroc'])}, shuffled {found['controls']['shuffled_auroc']:.2f}"
            if "ece" in figures:
                words += f", ECE {_figure(figures['ece'])}"
        lines.append(f"{name:<20} {found['n_positive']:>5,} of {found['n']:>6,}  {words}")
    return lines


def _figure(found: Mapping[str, Any]) -> str:
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _film(film: ManifestFilm) -> Film:
    view: View = film.view if film.view in get_args(View) else "unknown"  # type: ignore[assignment]
    sex: Sex | None = film.sex if film.sex in get_args(Sex) else None  # type: ignore[assignment]
    label = LabelledFilm(
        image=film.film,
        truth=film.truth,
        patient=film.patient,
        age_years=film.age_years,
        sex=sex,
        view=view,
        source=film.source or "collection",
    )
    return Film(film.film, None, label)
