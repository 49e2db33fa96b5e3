"""What a model says of a film, without the report: read, judged by the gate, scored."""

from dataclasses import dataclass, field
from typing import Literal

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.errors import InputError
from lucidray.domain.prediction import Prediction, Score
from lucidray.domain.protocols import Classifier, Segmenter
from lucidray.domain.radiograph import Radiograph
from lucidray.evaluation.collection import Film
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY
from lucidray.imaging import gate
from lucidray.imaging.film import Source, read_film
from lucidray.imaging.limits import DEFAULT_LIMITS, Limits
from lucidray.pipeline import Request, look, with_given_facts

Outcome = Literal["assessed", "refused", "unreadable"]


@dataclass(frozen=True)
class Said:
    """A model's scores of one film.

    Attributes
    ----------
    outcome : {"assessed", "refused", "unreadable"}
    reason : str
        Why it was not assessed: the gate's codes, or what was wrong with the file.
    probability, raw, threshold : dict
        By finding and for "Any abnormality"; a finding without a probability is not in the first and third.
    """

    outcome: Outcome
    reason: str = ""
    probability: dict[str, float] = field(default_factory=dict)
    raw: dict[str, float] = field(default_factory=dict)
    threshold: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Seen:
    """A film that was accepted, with everything that was found on it."""

    film: Radiograph
    anatomy: Anatomy
    prediction: Prediction


def see(
    film: Film,
    segmenter: Segmenter,
    classifier: Classifier,
    *,
    source: Source | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Seen | Said:
    """Read a film as `interpret` does, up to the scores; age, sex and view of the label file hold where it has them.

    Parameters
    ----------
    film : Film
    segmenter, classifier : the models
    source : optional
        Instead of the film's own file: the same film, changed.
    limits : Limits

    Returns
    -------
    Seen, or Said with the reason where the film is refused or cannot be read.
    """
    taken = film.path if source is None else source
    if taken is None:
        raise ValueError("a film without a file cannot be read")
    label = film.label
    request = Request(
        age_years=label.age_years, sex=label.sex, view=None if label.view == "unknown" else label.view, limits=limits
    )
    try:
        radiograph = with_given_facts(read_film(taken, limits=limits, name=label.image), request)
    except InputError as error:
        return Said("unreadable", str(error))
    refusal = gate.judge_pixels(radiograph)
    if not refusal:
        radiograph, anatomy, verdict = look(radiograph, segmenter, fix=False)
        refusal = verdict.refusal
    if refusal:
        return Said("refused", " ".join(note.code for note in refusal))
    return Seen(radiograph, anatomy, classifier.predict(radiograph))


def by_name(prediction: Prediction) -> dict[str, Score]:
    """Return all scores, the overall one among them."""
    return {**{str(label): score for label, score in prediction.scores.items()}, ANY_ABNORMALITY: prediction.overall}


def say(seen: Seen | Said) -> Said:
    """Reduce what was seen to scores."""
    if isinstance(seen, Said):
        return seen
    scores = by_name(seen.prediction)
    return Said(
        "assessed",
        probability={name: score.probability for name, score in scores.items() if score.probability is not None},
        raw={name: score.raw for name, score in scores.items() if score.raw is not None},
        threshold={name: score.threshold for name, score in scores.items() if score.threshold is not None},
    )
