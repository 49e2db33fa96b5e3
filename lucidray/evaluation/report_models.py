"""Report metrics that are networks of their own: used only where they are asked for by name and installed.

They load weights of gigabytes, mostly from a hub, and their packages ask for versions of transformers that exclude each
other. None of them is part of an extra; each is installed by hand into an environment of its own.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from lucidray.domain.errors import MissingExtraError, ModelError

Score = Callable[[list[str], list[str]], list[float]]
"""Takes texts and references, gives one score a film."""


def _radgraph(texts: list[str], references: list[str]) -> list[float]:
    scorer = import_module("radgraph").F1RadGraph(reward_level="partial", model_type="radgraph-xl")
    return [float(score) for score in scorer(refs=references, hyps=texts)[1]]


def _ratescore(texts: list[str], references: list[str]) -> list[float]:
    cuda = bool(import_module("torch").cuda.is_available())
    scorer = import_module("RaTEScore").RaTEScore(use_gpu=cuda)
    return [float(score) for score in scorer.compute_score(texts, references)]


def _radeval(texts: list[str], references: list[str]) -> list[float]:
    evaluator = import_module("radeval").RadEval(metrics=["radeval_bertscore"], per_sample=True, show_progress=False)
    return [float(score) for score in evaluator(refs=references, hyps=texts)["radeval_bertscore"]]


def _crimson(texts: list[str], references: list[str]) -> list[float]:
    # The local model; its other way sends reports to a company's server, and is never taken.
    results = import_module("CRIMSON").CRIMSONScore(api="hf").evaluate_batch(references, texts)
    return [float(result["crimson_score"]) for result in results]


# Name: module, package, what it gives, how.
_MODELS: dict[str, tuple[str, str, str, Score]] = {
    "radgraph": ("radgraph", "radgraph", "F1 of entities and relations, partial, 0 to 1", _radgraph),
    "ratescore": ("RaTEScore", "RaTEScore", "0 to 1", _ratescore),
    "radeval": ("radeval", "radeval", "BERTScore of RadEval's own encoder, 0 to 1", _radeval),
    "crimson": ("CRIMSON", "crimson-score", "-1 to 1, by a language model on this machine", _crimson),
}
MODEL_FIGURES = tuple(_MODELS)


def unavailable(asked: Sequence[str]) -> dict[str, str]:
    """Return the figures that will be null, with the reason."""
    reasons: dict[str, str] = {}
    for name, (module, package, _, _) in _MODELS.items():
        if name not in asked:
            reasons[name] = f"not asked for: --with {name}, where {package} is installed"
        elif not _is_installed(module):
            reasons[name] = f"{package} is not installed: pip install {package}"
    return reasons


def score(name: str, texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """Score each film's text with one network; an empty text scores 0 without being asked about.

    Raises
    ------
    ModelError
        Its weights cannot be had, it has no such answer, or it failed.
    """
    asked = [row for row, text in enumerate(texts) if text.strip() and references[row].strip()]
    scores = [0.0] * len(texts)
    try:
        found = _MODELS[name][3]([texts[row] for row in asked], [references[row] for row in asked]) if asked else []
    except MissingExtraError:
        raise
    except Exception as error:  # whatever another project's package raises
        raise ModelError(f"{name} failed: {type(error).__name__}: {str(error).split(chr(10), 1)[0]}") from error
    if len(found) != len(asked):
        raise ModelError(f"{name} gave {len(found)} scores for {len(asked)} films")
    for row, value in zip(asked, found, strict=True):
        scores[row] = value
    return scores


def meaning(name: str) -> str:
    """Say what a figure is."""
    return _MODELS[name][2]


def _is_installed(module: str) -> Any:
    from importlib.util import find_spec  # noqa: PLC0415

    try:
        return find_spec(module) is not None
    except ValueError:  # a stub without a spec
        return True
