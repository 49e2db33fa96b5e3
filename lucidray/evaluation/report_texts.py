"""How alike texts are, by kept libraries: BLEU and chrF (sacrebleu), ROUGE-L (rouge-score), METEOR (nltk).

BLEU is that of the corpus; the others are means over films. All compare words, not meaning: a report that is always
normal does well. What cannot be measured is null, with the reason.
"""

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from lucidray.evaluation.draws import Draws, Measured, Sums, ratio

TEXT_FIGURES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "chrf", "token_accuracy")
_BLEU_ORDERS = 4
_WORD = re.compile(r"\w+")
_HAN = re.compile(r"([一-鿿])")


class TextMeasures:
    """The libraries that are installed, loaded once, for texts of one language.

    Attributes
    ----------
    unavailable : dict
        Figures that cannot be measured here, with the reason and, where there is one, the cure.
    signature : dict
        What each library did, in its own words.
    """

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.unavailable: dict[str, str] = {}
        self.signature: dict[str, str] = {"token_accuracy": "lower-cased words in the same place, of the longer text"}
        self._bleu = self._chrf = self._rouge = self._meteor = None
        self._load_sacrebleu()
        self._load_rouge()
        self._load_meteor()

    def measure(self, texts: Sequence[str], references: Sequence[str], draws: Draws) -> dict[str, Measured | None]:
        """Compare each film's text with its reference.

        Parameters
        ----------
        texts, references : sequence of str
            One a film, in the same order; an empty text scores 0.
        draws : Draws
            Over the same films.
        """
        pairs = list(zip(texts, references, strict=True))
        figures: dict[str, Measured | None] = dict.fromkeys(TEXT_FIGURES)
        if self._bleu is not None:
            counts = np.array([self._bleu_counts(text, reference) for text, reference in pairs])
            for order in range(1, _BLEU_ORDERS + 1):
                figures[f"bleu_{order}"] = draws.measure(counts, lambda sums, order=order: self._bleu_of(sums, order))
        for name, score in (
            ("rouge_l", self._rouge and self._rouge_l),
            ("meteor", self._meteor and self._meteor_of),
            ("chrf", self._chrf and self._chrf_of),
            ("token_accuracy", self._token_accuracy),
        ):
            if score:
                values = [(score(text, reference) if text.strip() else 0.0, 1.0) for text, reference in pairs]
                figures[name] = draws.measure(values, ratio)
        return figures

    def _load_sacrebleu(self) -> None:
        metrics = self._module("sacrebleu.metrics", [f"bleu_{order}" for order in range(1, 5)] + ["chrf"])
        if metrics is None:
            return
        tokenize = "zh" if self.language == "zh" else "13a"
        self._bleu = metrics.BLEU(lowercase=True, tokenize=tokenize, effective_order=True)
        self._chrf = metrics.CHRF()
        self._sacrebleu = metrics.BLEU
        version = import_module("sacrebleu").__version__
        self.signature["bleu"] = f"sacrebleu {version}, corpus, lower-cased, {tokenize}, smoothing exp, 0 to 1"
        self.signature["chrf"] = f"sacrebleu {version}, mean over films, 0 to 1"

    def _load_rouge(self) -> None:
        rouge = self._module("rouge_score.rouge_scorer", ["rouge_l"])
        if rouge is None:
            return
        if self.language == "en":
            self._rouge = rouge.RougeScorer(["rougeL"], use_stemmer=True)
            self.signature["rouge_l"] = "rouge-score, F, Porter stems, mean over films"
        else:  # its own tokenizer drops every letter that is not a to z
            self._rouge = rouge.RougeScorer(["rougeL"], tokenizer=_Words(self.language))
            self.signature["rouge_l"] = "rouge-score, F, words without stemming, mean over films"

    def _load_meteor(self) -> None:
        if self.language != "en":
            self.unavailable["meteor"] = "METEOR's synonyms (WordNet) are English"
            return
        meteor = self._module("nltk.translate.meteor_score", ["meteor"])
        if meteor is None:
            return
        try:
            meteor.meteor_score([["lung"]], ["heart"])  # words that only WordNet could match
        except LookupError:
            self.unavailable["meteor"] = (
                "nltk's WordNet data is not installed: python -m nltk.downloader wordnet (or set NLTK_DATA)"
            )
            return
        self._meteor = meteor
        self.signature["meteor"] = "nltk, lower-cased words, mean over films"

    def _module(self, name: str, figures: list[str]) -> Any:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith("lucidray"):
                raise
            reason = f"{error.name} is not installed: pip install 'lucidray[metrics]'"
            self.unavailable |= dict.fromkeys(figures, reason)
            return None

    def _bleu_counts(self, text: str, reference: str) -> list[int]:
        assert self._bleu is not None  # noqa: S101 - asked for only where it was loaded
        score = self._bleu.sentence_score(text, [reference])
        return [*score.counts, *score.totals, score.sys_len, score.ref_len]

    def _bleu_of(self, sums: Sums, order: int) -> Sums:
        def one(row: Sums) -> float:
            counts = [round(count) for count in row]
            if counts[-1] == 0:
                return float("nan")
            if counts[-2] == 0:
                return 0.0
            score = self._sacrebleu.compute_bleu(
                counts[:order],
                counts[_BLEU_ORDERS : _BLEU_ORDERS + order],
                counts[-2],
                counts[-1],
                smooth_method="exp",
                max_ngram_order=order,
            )
            return float(score.score) / 100

        return np.array(one(sums) if sums.ndim == 1 else [one(row) for row in sums])

    def _rouge_l(self, text: str, reference: str) -> float:
        assert self._rouge is not None  # noqa: S101 - asked for only where it was loaded
        return float(self._rouge.score(reference, text)["rougeL"].fmeasure)

    def _meteor_of(self, text: str, reference: str) -> float:
        assert self._meteor is not None  # noqa: S101 - asked for only where it was loaded
        return float(self._meteor.meteor_score([words(reference)], words(text)))

    def _chrf_of(self, text: str, reference: str) -> float:
        assert self._chrf is not None  # noqa: S101 - asked for only where it was loaded
        return float(self._chrf.sentence_score(text, [reference]).score) / 100

    def _token_accuracy(self, text: str, reference: str) -> float:
        said, truth = words(text, self.language), words(reference, self.language)
        longer = max(len(said), len(truth))
        return sum(a == b for a, b in zip(said, truth, strict=False)) / longer if longer else 0.0


class _Words:
    """What rouge-score takes for a tokenizer."""

    def __init__(self, language: str) -> None:
        self._language = language

    def tokenize(self, text: str) -> list[str]:
        return words(text, self._language)


def words(text: str, language: str = "en") -> list[str]:
    """Cut a text into lower-cased words; Chinese into its characters."""
    return _WORD.findall((_HAN.sub(r" \1 ", text) if language == "zh" else text).lower())
