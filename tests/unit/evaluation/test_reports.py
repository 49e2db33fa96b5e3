import sys
from types import SimpleNamespace

import pytest
from sayings import extract

from lucidray.domain.errors import InputError, ModelError
from lucidray.evaluation.report_tables import Pairs, Record
from lucidray.evaluation.reports import Options, evaluate_reports
from lucidray.evaluation.reports_page import render, table


def pairs(count=24, predict=lambda truth, _row: truth, labels=False, probabilities=None) -> Pairs:
    """Every third film has a mass, every second an effusion; the reader says what `predict` makes of the truth."""
    predictions, references = [], []
    for row in range(count):
        text = f"Film {row}: " + ("Mass left" if row % 3 == 0 else "no Mass")
        text += ". Effusion." if row % 2 else "."
        predictions.append(Record(str(row), None, predict(text, row), None, {}, probabilities or {}))
        known = {"Mass": "present" if row % 3 == 0 else "absent"} if labels else None
        references.append(Record(str(row), f"p{row // 2}", None if labels else text, known))
    return Pairs(predictions, references, ["lost"], [], "name")


def measure(found: Pairs, **options):
    return evaluate_reports(found, Options(extract=extract, resamples=200, **options))


def value(scores, system, figure):
    found = scores.systems[system].figures[figure]
    return None if found is None else found.value


def test_a_reader_that_is_always_right_beats_everything() -> None:
    # Probabilities that are the same on every film make the nearest neighbour anybody.
    scores = measure(pairs(probabilities={"Effusion": 0.5}), blank="Effusion.")
    assert value(scores, "reader", "f1_macro_14") == 1
    assert value(scores, "always-normal", "f1_micro_14") == 0
    assert 0 < value(scores, "blank-film", "f1_micro_14") < 1
    assert value(scores, "shuffled-film", "f1_micro_14") < 1
    assert scores.verdict.startswith("reader beats always-normal, shuffled-film, nearest-neighbour, blank-film on F1 ")
    assert (scores.films.scored, scores.films.patients, scores.unit) == (24, 12, "patient")
    assert scores.films.only_predicted_names == ["lost"]


def test_a_neighbour_that_is_as_good_is_told() -> None:
    scores = measure(pairs())
    assert value(scores, "nearest-neighbour", "f1_macro_14") == 1
    assert scores.systems["nearest-neighbour"].meaning.endswith("by the words of the reader's answers")
    assert scores.verdict.startswith("reader does NOT beat nearest-neighbour on F1 macro, 14 and F1 micro, 14")


def test_a_reader_that_says_the_same_of_every_film_is_told_so() -> None:
    scores = measure(pairs(predict=lambda _truth, _row: "Effusion."), blank="Effusion.")
    assert value(scores, "reader", "f1_micro_14") == value(scores, "blank-film", "f1_micro_14")
    assert "does NOT beat" in scores.verdict
    assert {one.control for one in scores.comparisons if not one.beaten} >= {"shuffled-film", "blank-film"}


def test_the_same_seed_gives_the_same_figures() -> None:
    noisy = pairs(predict=lambda truth, row: truth if row % 4 else "no Mass.")
    assert measure(noisy, blank="") == measure(noisy, blank="")
    assert measure(noisy, seed=1) != measure(noisy, seed=2)


def test_films_of_which_nothing_is_said_count_as_missed() -> None:
    scores = measure(pairs(predict=lambda truth, row: "" if row == 0 else truth))
    assert scores.films.silent == 1
    assert scores.systems["reader"].findings["Mass"].false_negative == 1


def test_labels_give_claims_and_no_words() -> None:
    scores = measure(pairs(labels=True))
    assert scores.references == "labels"
    assert value(scores, "reader", "f1_macro_14") == 1
    # Effusion has no label: what is said of it is not counted.
    assert scores.systems["reader"].findings["Effusion"].false_positive == 0
    assert value(scores, "reader", "token_accuracy") is None
    assert scores.unavailable["rouge_l"] == "the references are labels, not reports"


def test_nothing_to_measure() -> None:
    with pytest.raises(InputError, match="no reference"):
        measure(Pairs([Record("a", None, "x", None)], [Record("a", None, None, None)], [], [], "name"))
    with pytest.raises(InputError, match="no report about 'a'"):
        measure(
            Pairs([Record("a", None, None, {"Mass": "present"})], [Record("a", None, "Mass", None)], [], [], "name")
        )


def test_one_patient_alone_has_no_shuffle() -> None:
    scores = measure(pairs(2))
    assert "shuffled-film" not in scores.systems
    assert scores.unavailable["shuffled-film"] == "there is one patient only"


def test_networks_are_asked_only_by_name(monkeypatch) -> None:
    def asked(**_options):
        pytest.fail("it was asked")

    monkeypatch.setitem(sys.modules, "radgraph", SimpleNamespace(F1RadGraph=asked, __spec__=SimpleNamespace()))
    assert measure(pairs()).unavailable["radgraph"].startswith("not asked for: --with radgraph")


@pytest.mark.parametrize(
    ("name", "module", "stub"),
    [
        (
            "radgraph",
            "radgraph",
            {"F1RadGraph": lambda **_: lambda refs, hyps: (0.5, [0.25 for _ in hyps], [], [])},
        ),
        ("radeval", "radeval", {"RadEval": lambda **_: lambda refs, hyps: {"radeval_bertscore": [0.25 for _ in hyps]}}),
        (
            "crimson",
            "CRIMSON",
            {
                "CRIMSONScore": lambda api: SimpleNamespace(
                    evaluate_batch=lambda r, h: [{"crimson_score": 0.25} for _ in h]
                )
            },
        ),
    ],
)
def test_a_network_that_is_installed_is_asked(monkeypatch, name, module, stub) -> None:
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(__spec__=SimpleNamespace(), **stub))
    scores = measure(pairs(predict=lambda truth, row: "" if row < 12 else truth), models=(name,))
    assert value(scores, "reader", name) == pytest.approx(0.125)
    assert name in scores.signature


def test_a_network_that_fails_or_is_missing_is_told(monkeypatch) -> None:
    assert "pip install RaTEScore" in measure(pairs(), models=("ratescore",)).unavailable["ratescore"]

    def broken(**_options):
        raise OSError("no weights")

    monkeypatch.setitem(sys.modules, "radgraph", SimpleNamespace(F1RadGraph=broken, __spec__=SimpleNamespace()))
    with pytest.raises(ModelError, match="radgraph failed: OSError: no weights"):
        measure(pairs(), models=("radgraph",))


def test_the_page_and_the_table_hold_every_figure() -> None:
    scores = measure(pairs(), reader="<b>mine</b>")
    page = render(scores)
    assert "<b>mine" not in page
    assert "&lt;b&gt;mine" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert scores.verdict.split(" ", 1)[1] in page
    head, rows = table(scores)
    assert head[1] == "<b>mine</b>"
    assert "F1 macro, 14" in [row[0] for row in rows]
    assert all(len(row) == len(head) for row in rows)
