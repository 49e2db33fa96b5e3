import sys
from functools import partial

import pytest

from lucidray.evaluation.draws import Draws
from lucidray.evaluation.report_texts import TextMeasures, words

TEXTS = [
    "There is a small left pleural effusion. The heart is enlarged.",
    "The lungs are clear.",
    "No pneumothorax",
    "",
]
REFERENCES = [
    "Small pleural effusion on the left. Heart size is enlarged.",
    "Lungs are clear bilaterally. No effusion.",
    "No pneumothorax",
    "Normal chest.",
]
DRAWS = Draws([str(row) for row in range(len(TEXTS))], times=100)


@pytest.mark.extra
def test_bleu_and_chrf_as_sacrebleu_has_them() -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    figures = TextMeasures().measure(TEXTS, REFERENCES, DRAWS)
    for order in (1, 2, 3, 4):
        bleu = sacrebleu.BLEU(lowercase=True, max_ngram_order=order).corpus_score(TEXTS, [REFERENCES])
        assert figures[f"bleu_{order}"].value == pytest.approx(bleu.score / 100)
    chrf = [
        sacrebleu.CHRF().sentence_score(text, [reference]).score
        for text, reference in zip(TEXTS, REFERENCES, strict=True)
    ]
    assert figures["chrf"].value == pytest.approx(sum(chrf[:3]) / 400)


@pytest.mark.extra
def test_rouge_as_rouge_score_has_it() -> None:
    rouge = pytest.importorskip("rouge_score.rouge_scorer")
    scorer = rouge.RougeScorer(["rougeL"], use_stemmer=True)
    wanted = [
        scorer.score(reference, text)["rougeL"].fmeasure for text, reference in zip(TEXTS, REFERENCES, strict=True)
    ]
    measured = TextMeasures().measure(TEXTS, REFERENCES, DRAWS)["rouge_l"]
    assert measured.value == pytest.approx(sum(wanted) / 4)
    assert measured.figure.low <= measured.value <= measured.figure.high


@pytest.mark.extra
@pytest.mark.parametrize("language", ["fr", "ar", "zh"])
def test_other_alphabets_are_compared_too(language) -> None:
    pytest.importorskip("rouge_score")
    text = {"fr": "épanchement pleural à gauche", "ar": "انصباب جنبي أيسر", "zh": "左侧胸腔积液"}[language]
    figures = TextMeasures(language).measure([text], [text], Draws(["a"], 20))
    for name in ("rouge_l", "bleu_1", "token_accuracy"):
        assert figures[name].value == pytest.approx(1)
    assert figures["meteor"] is None


def test_what_is_not_installed_is_null_with_the_cure(monkeypatch) -> None:
    for name in ("sacrebleu.metrics", "rouge_score.rouge_scorer", "nltk.translate.meteor_score"):
        monkeypatch.setitem(sys.modules, name, None)
    measures = TextMeasures()
    figures = measures.measure(TEXTS, REFERENCES, DRAWS)
    assert {name for name, figure in figures.items() if figure is None} == set(measures.unavailable)
    assert set(measures.unavailable) == {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "chrf", "rouge_l", "meteor"}
    assert all("pip install 'lucidray[metrics]'" in reason for reason in measures.unavailable.values())


@pytest.mark.extra
def test_meteor_without_its_data_is_null_and_never_downloaded(monkeypatch) -> None:
    nltk = pytest.importorskip("nltk")
    module = pytest.importorskip("nltk.translate.meteor_score")

    def missing(*_arguments):
        raise LookupError("Resource wordnet not found.")

    monkeypatch.setattr(nltk, "download", lambda *_: pytest.fail("it was downloaded"))
    monkeypatch.setattr(module, "meteor_score", missing)
    measures = TextMeasures()
    assert measures.measure(TEXTS, REFERENCES, DRAWS)["meteor"] is None
    assert "nltk.downloader wordnet" in measures.unavailable["meteor"]


@pytest.mark.extra
def test_meteor_is_nltks_mean_over_films(monkeypatch) -> None:
    module = pytest.importorskip("nltk.translate.meteor_score")

    class NoSynonyms:
        def synsets(self, _word):
            return []

    whole = partial(module.meteor_score, wordnet=NoSynonyms())
    monkeypatch.setattr(module, "meteor_score", whole)
    figures = TextMeasures().measure(TEXTS, REFERENCES, DRAWS)
    pairs = zip(TEXTS[:3], REFERENCES[:3], strict=True)
    wanted = [whole([words(reference)], words(text)) for text, reference in pairs]
    assert figures["meteor"].value == pytest.approx(sum(wanted) / 4)


def test_token_accuracy_counts_words_in_the_same_place() -> None:
    measures = TextMeasures()
    pairs = (("a b c", "a b c", 1), ("a b", "A x", 0.5), ("b a", "a b", 0), ("a", "a b c d", 0.25), ("", "a", 0))
    for text, reference, wanted in pairs:
        figures = measures.measure([text], [reference], Draws(["one"], 20))
        assert figures["token_accuracy"].value == wanted
