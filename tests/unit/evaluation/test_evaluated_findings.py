"""Figures of findings: scikit-learn's values, counts, groups, controls; and predictions on disk."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lucidray.domain.errors import InputError, OutputError
from lucidray.evaluation.collection import Film, gather, limited
from lucidray.evaluation.label_files.table import LabelledFilm
from lucidray.evaluation.predict import Said
from lucidray.evaluation.predictions import NAME, Cache, read_given
from lucidray.evaluation.run import predict_all, spread
from lucidray.evaluation.scored import Scored

pytestmark = pytest.mark.extra
metrics = pytest.importorskip("sklearn.metrics", reason="needs lucidray[evaluate]")
from lucidray.evaluation.figures import best_threshold, measure
from lucidray.evaluation.findings import evaluate, refusals


def labelled(number: int, truth: dict[str, str], **facts) -> Film:
    facts = {"patient": f"p{number // 2}", "source": "here", **facts}
    return Film(f"here/{number}.png", None, LabelledFilm(f"{number}.png", truth, **facts))


@pytest.fixture
def sample() -> tuple[list[Film], dict[str, Said]]:
    """Two hundred films of a hundred patients; effusion is ranked well, mass has no probability, hernia is rare."""
    rng = np.random.default_rng(0)
    films, said = [], {}
    for number in range(200):
        there = bool(rng.random() < 0.3)
        mass = bool(rng.random() < 0.2)
        truth = {
            "Effusion": "positive" if there else "negative",
            "Mass": "uncertain" if number % 10 == 0 else "positive" if mass else "negative",
            "Hernia": "positive" if number == 3 else "negative",
        }
        film = labelled(
            number, truth, view="AP" if rng.random() < 0.5 else "PA", sex="male" if number % 2 else "female"
        )
        score = float(rng.normal(1.5 * there))
        probability = 1 / (1 + np.exp(1.2 - score))
        films.append(film)
        said[film.key] = Said(
            "assessed",
            "",
            {"Effusion": probability, "Hernia": 0.01 + 0.001 * (number % 3)},
            {"Effusion": score, "Mass": float(rng.normal(mass)), "Hernia": -4.0},
            {"Effusion": 0.3, "Hernia": 0.05},
        )
    said[films[0].key] = Said("refused", "turned_90")
    said[films[1].key] = Said("unreadable", "broken")
    return films, said


def test_figures_are_those_of_scikit_learn(sample) -> None:
    target = Scored(*sample).target("Effusion")
    assert target is not None
    assert target.probability is not None
    truth, probability = target.truth, target.probability
    found = measure(truth, target.score, probability, target.threshold)
    called = probability >= 0.3
    assert found["auroc"] == pytest.approx(metrics.roc_auc_score(truth, probability))
    assert found["auprc"] == pytest.approx(metrics.average_precision_score(truth, probability))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(truth, probability))
    assert found["f1"] == pytest.approx(metrics.f1_score(truth, called))
    assert found["sensitivity"] == pytest.approx(metrics.recall_score(truth, called))
    assert found["specificity"] == pytest.approx(metrics.recall_score(~truth, ~called))
    best = metrics.f1_score(truth, probability >= best_threshold(truth, probability))
    assert found["f1_best"] == pytest.approx(best)
    assert found["f1_best"] >= found["f1"]


def test_rates_at_ninety_percent_can_be_had_with_a_threshold(sample) -> None:
    target = Scored(*sample).target("Effusion")
    assert target is not None
    found = measure(target.truth, target.score, None, None)
    rates = []
    for cut in np.unique(target.score):
        called = target.score >= cut
        rates.append((called[target.truth].mean(), (~called[~target.truth]).mean()))
    assert found["sensitivity_at_90_specificity"] == pytest.approx(max(a for a, b in rates if b >= 0.9))
    assert found["specificity_at_90_sensitivity"] == pytest.approx(max(b for a, b in rates if a >= 0.9))
    assert "ece" not in found


def test_refused_films_are_in_no_figure_and_named(sample) -> None:
    scored = Scored(*sample)
    result = evaluate(scored, resamples=20)
    effusion = result["findings"]["Effusion"]
    assert effusion["n"] == 198
    assert sum(effusion["confusion"].values()) == 198
    assert refusals(scored)["reasons"] == {"turned_90": 1, "unreadable": 1}
    assert refusals(scored)["films"][0]["film"] == "here/0.png"


def test_a_finding_without_a_probability_is_ranked_only(sample) -> None:
    mass = evaluate(Scored(*sample), resamples=20)["findings"]["Mass"]
    assert not mass["has_probability"]
    assert set(mass["figures"]) == {
        "auroc",
        "auprc",
        "sensitivity_at_90_specificity",
        "specificity_at_90_sensitivity",
    }
    assert mass["left_out"]["uncertain"] == 19


def test_a_rare_finding_gets_no_figure(sample) -> None:
    hernia = evaluate(Scored(*sample), resamples=20)["findings"]["Hernia"]
    assert (hernia["figures"], hernia["n_positive"]) == (None, 1)


def test_every_figure_lies_in_its_interval_and_is_counted(sample) -> None:
    result = evaluate(Scored(*sample), resamples=100)
    for found in result["findings"].values():
        for figure in (found["figures"] or {}).values():
            assert figure["low"] <= figure["value"] <= figure["high"]
            assert figure["n"] == found["n"]
            assert 0 < figure["n_patients"] <= figure["n"]
    json.dumps(result, allow_nan=False)


def test_a_mean_says_over_how_many_of_fourteen(sample) -> None:
    means = evaluate(Scored(*sample), resamples=20)["means"]["here"]
    assert means["told"] == "2 of 14"
    assert means["findings"] == ["Effusion", "Mass"]


def test_controls_know_nothing(sample) -> None:
    controls = evaluate(Scored(*sample), blank={"Effusion": 0.07}, resamples=20)["findings"]["Effusion"]["controls"]
    assert 0.35 < controls["view_alone_auroc"] < 0.65
    assert 0.35 < controls["shuffled_auroc"] < 0.65
    assert controls["blank_film"] == {"auroc": 0.5, "answer": 0.07}
    assert controls["always_normal"]["sensitivity"] == 0.0


def test_the_view_is_a_shortcut_where_it_tells_the_truth() -> None:
    films = [
        labelled(n, {"Mass": "positive" if n % 2 else "negative"}, view="AP" if n % 2 else "PA") for n in range(40)
    ]
    said = {film.key: Said("assessed", "", {"Mass": 0.5}) for film in films}
    controls = evaluate(Scored(films, said), resamples=20)["findings"]["Mass"]["controls"]
    assert controls["view_alone_auroc"] == 1.0


def test_a_source_that_is_recognised_earns_nothing_within_sources() -> None:
    # All positives of `a`, none of `b`: the score knows the source and nothing else.
    films, said = [], {}
    for number in range(80):
        source = "a" if number < 40 else "b"
        positive = number % 4 == 0 if source == "a" else number % 20 == 0
        film = labelled(number, {"Mass": "positive" if positive else "negative"}, source=source)
        films.append(film)
        said[film.key] = Said("assessed", "", {"Mass": 0.9 if source == "a" else 0.1})
    mass = evaluate(Scored(films, said), resamples=20)["findings"]["Mass"]
    assert mass["figures"]["auroc"]["value"] > 0.6
    assert mass["auroc_within_sources"]["value"] == 0.5


@pytest.mark.parametrize(("rule", "positive", "n"), [("leave-out", 5, 10), ("positive", 10, 15), ("negative", 5, 15)])
def test_uncertain_labels_count_as_one_says(rule, positive: int, n: int) -> None:
    states = ["positive"] * 5 + ["negative"] * 5 + ["uncertain"] * 5
    films = [labelled(number, {"Mass": state}) for number, state in enumerate(states)]
    said = {film.key: Said("assessed", "", {"Mass": number / 20}) for number, film in enumerate(films)}
    target = Scored(films, said, uncertain=rule).target("Mass")
    assert target is not None
    assert (target.positives, len(target.truth)) == (positive, n)
    silent = Scored([labelled(99, {})], {"here/99.png": Said("assessed", "", {"Mass": 0.1})})
    assert silent.target("Mass") is None


@pytest.fixture
def on_disk(tmp_path: Path) -> list[Film]:
    films = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        path.write_bytes(b"film" * (number + 1))
        films.append(Film(f"x/{number}.png", path, LabelledFilm(f"{number}.png", {})))
    return films


def answer(film: Film) -> Said:
    return Said("assessed", "", {"Mass": 0.25}, {"Mass": -1.0986123}, {"Mass": 0.3})


def test_a_broken_run_goes_on(tmp_path: Path, on_disk: list[Film]) -> None:
    asked = []

    def breaks(film: Film) -> Said:
        asked.append(film.key)
        if film.key == "x/2.png":
            raise RuntimeError("stopped")
        return answer(film)

    with pytest.raises(RuntimeError):
        predict_all(on_disk, breaks, Cache(tmp_path, "m"))
    assert not list(tmp_path.glob("*.part"))
    again = []
    said = predict_all(on_disk, lambda film: again.append(film.key) or answer(film), Cache(tmp_path, "m"))
    assert again == ["x/2.png", "x/3.png"]
    assert said == {film.key: answer(film) for film in on_disk}


def test_other_models_and_changed_files_are_read_again(tmp_path: Path, on_disk: list[Film]) -> None:
    cache = Cache(tmp_path, "m")
    for film in on_disk:
        cache.put(film, answer(film))
    cache.save()
    assert Cache(tmp_path, "other").get(on_disk[0]) is None
    assert Cache(tmp_path, "m").get(on_disk[0]) == answer(on_disk[0])
    on_disk[0].path.write_bytes(b"another film")
    assert Cache(tmp_path, "m").get(on_disk[0]) is None


def test_a_strange_table_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("mine\n1\n")
    with pytest.raises(OutputError, match="not a table of predictions"):
        Cache(tmp_path, "m")


@pytest.mark.parametrize("workers", [1, 3])
def test_films_come_back_in_order(workers: int) -> None:
    assert list(spread(lambda n: n * n, range(20), workers)) == [(n, n * n) for n in range(20)]


def test_predictions_of_any_model(tmp_path: Path) -> None:
    films = [labelled(number, {}) for number in range(4)]
    path = tmp_path / "theirs.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("image", "Pleural_Effusion", "Pleural_Effusion threshold", "outcome"),
                ("0.png", "0.2", "0.5", ""),
                ("1", "", "", "refused"),
                ("2.png", "1.7", "", ""),
            ]
        )
    said, faults = read_given(path, films)
    assert said["here/0.png"] == Said("assessed", "", {"Effusion": 0.2}, {}, {"Effusion": 0.5})
    assert said["here/1.png"].outcome == "refused"
    assert set(said) == {"here/0.png", "here/1.png"}
    assert len(faults) == 3
    assert "1.7 is not between 0 and 1" in faults[0]
    path.write_text("image,colour\n0.png,red\n")
    with pytest.raises(InputError, match="one of probabilities"):
        read_given(path, films)


def test_images_are_found_by_name_and_missing_ones_named(tmp_path: Path) -> None:
    for name in ("films/a.png", "films/deep/b.jpg", "films/one/c.png", "films/two/c.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "labels.csv").write_text("image,Mass\na,1\nsomewhere/b.jpg,0\nc.png,1\nd.png,1\n")
    collection = gather([tmp_path / "labels.csv"], tmp_path / "films")
    assert [film.path.name for film in collection.films] == ["a.png", "b.jpg"]
    assert ["2 files have this name" in collection.missing[0], "no such file" in collection.missing[1]] == [True, True]
    with pytest.raises(InputError, match="none of the 4 labelled films"):
        gather([tmp_path / "labels.csv"], _empty(tmp_path))


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_limit_spreads_evenly() -> None:
    films = [labelled(number, {}) for number in range(10)]
    assert [film.label.image for film in limited(films, 3)] == ["0.png", "3.png", "6.png"]
    assert limited(films, None) == films
