"""The baseline of a study: it learns, goes on where it was stopped, and ends as a folder that can be opened."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from borrowed_models import make_torchvision_importable
from small_films import write_collection

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.radiograph import Radiograph
from lucidray.study.small_films import read_collection

pytestmark = pytest.mark.extra
torch = pytest.importorskip("torch", reason="needs lucidray[train]")
make_torchvision_importable()
pytest.importorskip("timm", reason="needs lucidray[timm]")

from lucidray.models.registry import open_classifier
from lucidray.training.baseline import BaselineConfig, LabelledFilms, build, check_run, fit, one_cycle, varied

CONFIG = BaselineConfig(architecture="resnet10t", size=32, epochs=3, batch=16, warmup=0.2, drop_path=0.0)


@pytest.fixture
def films(tmp_path: Path):
    return read_collection(write_collection(tmp_path / "films.npz", {"train": 32, "val": 12, "test": 12}))


def labelled(part) -> LabelledFilms:
    return LabelledFilms(part.pixels, part.truth)


def trained(films, folder: Path, config: BaselineConfig = CONFIG, **options):
    data = films.about(("drawn",))
    return fit(labelled(films.train), labelled(films.val), folder, config, data=data, threads=1, **options)


def test_it_learns_and_ends_as_a_folder_that_opens(films, tmp_path: Path) -> None:
    said: list[str] = []
    folder = trained(films, tmp_path / "run", replace(CONFIG, epochs=8, ema=0.8), report=said.append)
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["loss"] < 0.7 * metrics[0]["loss"]
    assert max(one["validation_auroc"] for one in metrics) > 0.9
    assert len(said) == len(metrics)
    assert "AUROC" in said[0]
    card = json.loads((folder / "card.json").read_text())
    assert card["training"]["data"] == ["drawn"]
    assert json.loads((folder / "data.json").read_text())["splits"]["train"]["films"] == 64
    classifier = open_classifier(f"timm:{folder}", device="cpu", threads=1)
    scores = []
    for pixels in films.test.pixels:
        score = classifier.predict(Radiograph(pixels=pixels, name="f", format="array", age_years=3.0)).scores
        assert score["Pneumonia"].probability is None  # never calibrated, never shown
        scores.append(score["Pneumonia"].raw)
    assert np.mean((np.array(scores) >= 0) == films.test.truth) > 0.7


def test_a_resumed_run_ends_where_the_uninterrupted_one_does(films, tmp_path: Path) -> None:
    whole = trained(films, tmp_path / "whole")

    class StoppedError(Exception):
        pass

    def stop(_: str) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        trained(films, tmp_path / "parts", report=stop)
    assert not (tmp_path / "parts" / "card.json").exists()
    parts = trained(films, tmp_path / "parts", resume=True)
    assert (whole / "card.json").read_text() == (parts / "card.json").read_text()
    assert (whole / "metrics.jsonl").read_text() == (parts / "metrics.jsonl").read_text()


def test_a_run_is_only_gone_on_with_as_it_was_begun(films, tmp_path: Path) -> None:
    folder = trained(films, tmp_path / "run", replace(CONFIG, epochs=1))
    check_run(folder, replace(CONFIG, epochs=1), films.about(("drawn",)))
    with pytest.raises(UsageError, match="epochs"):
        check_run(folder, CONFIG, films.about(("drawn",)))
    with pytest.raises(UsageError, match="other films"):
        check_run(folder, replace(CONFIG, epochs=1), films.about(("others",)))
    with pytest.raises(UsageError, match="exists"):
        trained(films, folder)
    with pytest.raises(UsageError, match="does not exist"):
        trained(films, tmp_path / "new", resume=True)


def test_it_stops_early(films, tmp_path: Path) -> None:
    # Labels of the validation films turned round: the better it learns, the worse it gets there.
    turned = replace(labelled(films.val), truth=~films.val.truth)
    config = replace(CONFIG, epochs=12, patience=2, ema=0.5)
    folder = fit(labelled(films.train), turned, tmp_path / "run", config, data=films.about(("drawn",)), threads=1)
    assert len((folder / "metrics.jsonl").read_text().splitlines()) < 12


def test_a_maxvit_is_built_for_small_films() -> None:
    network = build("maxvit_pico_rw_256", 64).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 1)
    with pytest.raises(ModelError, match="no architecture"):
        build("maxvit_of_nobody", 64)
    with pytest.raises(ModelError, match="cannot build"):
        build("maxvit_pico_rw_256", 50)


def test_variations_follow_from_the_generator_and_stay_near() -> None:
    film = torch.rand(6, 1, 32, 32)
    one, other = (varied(film, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, varied(film, np.random.default_rng(4)))
    assert one.shape == film.shape


def test_the_rate_rises_and_falls() -> None:
    rates = [one_cycle(step / 100, 0.1) for step in range(100)]
    assert max(rates) == pytest.approx(rates[10], abs=0.02)
    assert rates[0] < 0.1
    assert rates[-1] < 0.01


def test_the_defaults_are_those_that_the_command_tells() -> None:
    assert asdict(BaselineConfig())["architecture"] == "maxvit_pico_rw_256"
    assert (BaselineConfig().size, BaselineConfig().epochs) == (64, 5)
