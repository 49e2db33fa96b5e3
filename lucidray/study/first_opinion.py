"""The first opinion: a baseline network on the films as they are, fitted here or loaded, and which films it misread."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import ModelError
from lucidray.domain.protocols import Classifier
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import Label
from lucidray.evaluation.draws import Figure
from lucidray.evaluation.measures import auroc, patient_interval
from lucidray.evaluation.segmentation import share
from lucidray.models.model_card import CARD_NAME, read_card
from lucidray.models.registry import EMBEDDED, backend_module, open_classifier
from lucidray.models.uncalibrated import logit
from lucidray.study.small_films import Collection, SmallFilms

Called = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FirstOpinion:
    """What the baseline says of the test films.

    Attributes
    ----------
    name : str
    version : str
    score : (N,) float64
        Logits above the network's own operating point: from 0 on it calls the finding.
    """

    name: str
    version: str
    score: Scores

    @property
    def called(self) -> Called:
        """Which films it calls."""
        return self.score >= 0


def is_architecture(spec: str) -> bool:
    """Whether a name asks for a network to be fitted, and is not that of a classifier that is there."""
    return spec != EMBEDDED and ":" not in spec


def fit_baseline(
    spec: str, films: Collection, folder: Path, sources: tuple[str, ...], finding: Label, **options: Any
) -> Path:
    """Fit a network of timm on the training films, or take the finished one that lies in `folder`.

    Parameters
    ----------
    spec : str
        Architecture of timm.
    films : Collection
    folder : Path
        Of the run; a run that was stopped goes on from its checkpoint.
    sources : tuple of str
        What the card says of the training films.
    options
        `size`, `epochs`, `seed`, and `threads`, `device`, `report` of `lucidray.training.baseline.fit`.

    Raises
    ------
    MissingExtraError
        PyTorch or timm is not installed.
    UsageError
        The folder holds a run with other settings.
    """
    training = backend_module("lucidray.training.baseline", "train,timm")
    given = {key: options.pop(key, None) for key in ("size", "epochs", "seed")}
    settings = {key: value for key, value in given.items() if value is not None}
    config = training.BaselineConfig(architecture=spec, **settings)
    data = films.about(sources)
    if (folder / CARD_NAME).is_file():
        training.check_run(folder, config, data)
        return folder
    parts = (training.LabelledFilms(part.pixels, part.truth) for part in (films.train, films.val))
    started = (folder / "checkpoint.pt").is_file()
    if started:
        training.check_run(folder, config, data)
    training.fit(*parts, folder, config, data=data, finding=finding, resume=started, **options)
    return folder


def open_baseline(spec: str, finding: Label, *, device: str, threads: int) -> tuple[Classifier, float]:
    """Open a classifier, and say from which logit on it calls the finding.

    Raises
    ------
    ModelError
        See `open_classifier`; or the model does not score the finding.
    """
    classifier = open_classifier(spec, device=device, threads=threads)
    cut = 0.0
    kind, _, folder = spec.partition(":")
    if kind in ("timm", "onnx"):
        raw = read_card(Path(folder).expanduser()).raw_model()
        if finding not in raw.outputs.index:
            raise ModelError(f"{spec} does not score {finding}: it cannot be the first opinion")
        cut = raw.operating_logits.get(finding, 0.0)
    return classifier, cut


def first_opinion(
    classifier: Classifier, cut: float, films: SmallFilms, finding: Label, age_years: float | None
) -> FirstOpinion:
    """Have the baseline look at every film as it is, without upscaling and without the gate.

    Raises
    ------
    ModelError
        It does not score the finding.
    """
    scores = []
    for place, pixels in enumerate(films.pixels):
        film = Radiograph(pixels=pixels, name=f"test {place}", format="array", age_years=age_years)
        score = classifier.predict(film).scores[finding]
        if score.probability is not None and score.threshold is not None:
            # On the scale of logits, with the model's own threshold as zero: films differ in theirs at most by age.
            scores.append(float(logit(score.probability) - logit(score.threshold)))
        elif score.raw is not None:
            scores.append(score.raw - cut)
        else:
            raise ModelError(f"{classifier.used.name} does not score {finding}: {score.unsupported_reason}")
    return FirstOpinion(classifier.used.name, classifier.used.version, np.array(scores))


def figures(opinion: FirstOpinion, truth: Called) -> dict[str, Any]:
    """Accuracy, sensitivity and specificity (Wilson), and AUROC (bootstrap of films), with the counts behind them."""
    called = opinion.called
    names = np.array([str(place) for place in range(len(truth))])
    ranked = patient_interval(auroc, truth, opinion.score, names)
    return {
        "accuracy": _rate(int((called == truth).sum()), len(truth)),
        "sensitivity": _rate(int((called & truth).sum()), int(truth.sum())),
        "specificity": _rate(int((~called & ~truth).sum()), int((~truth).sum())),
        "auroc": Figure(value=ranked.value, low=ranked.low, high=ranked.high, n=ranked.n),
    }


def published() -> list[dict[str, Any]]:
    """Return what others report on the official test films, each with its source."""
    found: list[dict[str, Any]] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))[
        "pneumoniamnist"
    ]
    return found


def _rate(hits: int, n: int) -> Figure:
    found = share(hits, n)
    return Figure(value=found.value, low=found.low, high=found.high, n=n)
