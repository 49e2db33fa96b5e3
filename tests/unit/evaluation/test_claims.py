import pytest

from lucidray.evaluation.claims import keywords, measure_agreement
from lucidray.evaluation.openi import CodedReport

EFFUSION = frozenset(("Effusion",))
NONE = frozenset[str]()


def reports() -> list[CodedReport]:
    """12 coded and claimed, 3 coded and denied, 2 claimed and not coded, 4 neither, 1 in doubt, 2 coded as doubtful."""
    texts = [
        *[("Small effusion.", EFFUSION, NONE)] * 12,
        *[("No effusion.", EFFUSION, NONE)] * 3,
        *[("Small effusion.", NONE, NONE)] * 2,
        *[("No effusion.", NONE, NONE)] * 4,
        ("Possible effusion.", EFFUSION, NONE),
        *[("Small effusion.", NONE, EFFUSION)] * 2,
    ]
    return [CodedReport(str(number), *each) for number, each in enumerate(texts)]


def test_counts_and_figures():
    result = measure_agreement(reports(), "all", draws=200)
    effusion = next(each for each in result.labels if each.label == "Effusion")
    assert (effusion.coded, effusion.claimed, effusion.both) == (16, 14, 12)
    assert (effusion.claimed_absent, effusion.coded_though_absent) == (7, 3)
    assert (effusion.uncertain, effusion.coded_and_uncertain) == (1, 1)
    assert effusion.precision.value == pytest.approx(12 / 14, abs=1e-4)
    assert effusion.recall.value == pytest.approx(12 / 16, abs=1e-4)
    assert effusion.f1.value == pytest.approx(24 / 30, abs=1e-4)
    assert effusion.f1_with_uncertain.value == pytest.approx(26 / 31, abs=1e-4)
    assert effusion.keyword_f1.value == pytest.approx(32 / 38, abs=1e-4)
    assert effusion.f1.low < effusion.f1.value < effusion.f1.high


def test_macro_is_over_findings_with_enough_reports():
    result = measure_agreement(reports(), "all", draws=100)
    assert result.macro_labels == ["Effusion"]
    assert result.macro_f1.value == pytest.approx(0.8, abs=1e-4)
    assert result.macro_f1_always_absent.value == 0
    mass = next(each for each in result.labels if each.label == "Mass")
    assert mass.f1.value is None


def test_same_seed_same_intervals():
    assert measure_agreement(reports(), "all", draws=100) == measure_agreement(reports(), "all", draws=100)
    assert measure_agreement(reports(), "all", draws=100) != measure_agreement(reports(), "all", draws=100, seed=1)


def test_keywords_take_denials_for_findings():
    assert keywords("No effusion or pneumothorax. Heart normal.") == {"Effusion", "Pneumothorax"}
