"""Models of timm, transformers and open_clip: these packages by themselves are the oracles."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from borrowed_models import LABELS, clip_folder, make_torchvision_importable, open_clip_folder, timm_folder, write_card
from PIL import Image

from lucidray.domain.errors import ModelError
from lucidray.domain.radiograph import Radiograph
from lucidray.models.preparation import Preparation
from lucidray.models.registry import open_classifier
from lucidray.models.zero_shot import SHIPPED_PROMPTS

pytestmark = pytest.mark.extra
make_torchvision_importable()
torch = pytest.importorskip("torch", reason="needs PyTorch")


def drawn(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height // 6, width // 6)).astype(np.float32)
    grey = np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)
    return np.float32(np.rint(255 * grey) / 255)


def film(pixels: np.ndarray) -> Radiograph:
    return Radiograph(pixels=np.asarray(pixels, np.float32), name="film", format="array")


def as_rgb(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).convert("RGB")


# -- preparation


@pytest.mark.parametrize(("height", "width"), [(300, 300), (411, 300), (300, 517)])
@pytest.mark.parametrize(("crop_share", "interpolation"), [(1.0, "bicubic"), (0.875, "bilinear"), (0.9, "bicubic")])
def test_a_cut_is_the_one_that_timm_makes(height: int, width: int, crop_share: float, interpolation: str) -> None:
    timm_data = pytest.importorskip("timm.data", reason="needs lucidray[timm]")
    pixels = drawn(height, width)
    theirs = timm_data.create_transform(
        input_size=(3, 96, 96),
        interpolation=interpolation,
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.3, 0.4),
        crop_pct=crop_share,
    )(as_rgb(pixels))
    ours, _ = Preparation(
        (96, 96),
        fit="crop",
        crop_share=crop_share,
        interpolation=interpolation,
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.3, 0.4),
    ).apply(pixels)
    # Pillow rounds to eight bits in between: half a step, through a deviation of 0.2.
    assert np.abs(ours[0] - theirs.numpy()).max() < 2.5 / 255 / 0.2
    assert np.abs(ours[0] - theirs.numpy()).mean() < 0.5 / 255 / 0.2


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.parametrize(("height", "width"), [(200, 200), (260, 200), (200, 330)])
def test_a_film_is_prepared_as_transformers_prepares_it(tmp_path: Path, kind: str, height: int, width: int) -> None:
    transformers = pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")
    from lucidray.models.zero_shot_hf import read_preparation

    folder = clip_folder(tmp_path, kind)
    pixels = drawn(height, width)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    theirs = processor(images=as_rgb(pixels), return_tensors="np")["pixel_values"][0]
    ours, _ = read_preparation(folder).apply(pixels)
    assert ours[0].shape == theirs.shape
    assert np.abs(ours[0] - theirs).max() < 3 / 255 / 0.26


def test_a_film_is_prepared_as_open_clip_prepares_it(tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip", reason="needs lucidray[zero-shot]")
    from lucidray.models.zero_shot_open_clip import _preparation

    folder = open_clip_folder(tmp_path)
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    preparation = _preparation(open_clip.get_model_preprocess_cfg(model), folder)
    for height, width in ((200, 200), (260, 200), (200, 330)):
        pixels = drawn(height, width)
        ours, _ = preparation.apply(pixels)
        assert np.abs(ours[0] - preprocess(as_rgb(pixels)).numpy()).max() < 3 / 255 / 0.26


# -- timm


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_timm_folder_answers_as_its_network_does(tmp_path: Path, suffix: str) -> None:
    timm = pytest.importorskip("timm", reason="needs lucidray[timm]")
    folder = timm_folder(tmp_path, heatmap={"kind": "cam"}, suffix=suffix)
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=len(LABELS), in_chans=1).eval()
    radiograph = film(drawn(150, 130))
    prediction = open_classifier(f"timm:{folder}", device="cpu", threads=1).predict(radiograph)
    seen, _ = Preparation((48, 48), 1, "crop", 0.9, mean=(0.5,), std=(0.25,)).apply(radiograph.pixels)
    with torch.inference_mode():
        theirs = network(torch.from_numpy(seen))[0]
    assert prediction.scores["Effusion"].raw == pytest.approx(float(theirs[4]), abs=1e-4)
    assert prediction.scores["Mass"].raw is None


@pytest.mark.parametrize("architecture", ["resnet18", "densenet121", "tf_efficientnet_lite0"])
def test_networks_that_pool_by_the_mean_have_exact_maps(tmp_path: Path, architecture: str) -> None:
    folder = timm_folder(tmp_path, architecture, heatmap={"kind": "cam"})
    prediction = open_classifier(f"timm:{folder}", device="cpu", threads=1).predict(film(drawn(150, 130)))
    assert set(prediction.heatmaps) == {"Atelectasis", "Pleural Thickening", "Effusion", "Hernia"}


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "convnext_atto"])
def test_networks_that_do_not_are_told_when_they_are_opened(tmp_path: Path, architecture: str) -> None:
    folder = timm_folder(tmp_path, architecture, heatmap={"kind": "cam"})
    with pytest.raises(ModelError, match="cam"):
        open_classifier(f"timm:{folder}", device="cpu")


def test_weights_that_are_not_the_networks_are_refused(tmp_path: Path) -> None:
    folder = timm_folder(tmp_path)
    whole = json.loads((folder / "card.json").read_text())
    for changes, said in (
        ({"architecture": "resnet34"}, "does not fit the network"),
        ({"architecture": "hf-hub:timm/resnet18.a1_in1k"}, "no architecture"),
        ({"architecture": None}, "no architecture"),
        ({"output": {"kind": "logits", "labels": ["Mass"]}}, "does not fit the network"),
        ({"output": {"kind": "probabilities", "labels": LABELS}}, "answers logits"),
    ):
        write_card(folder, **{**whole, **changes})
        with pytest.raises(ModelError, match=said) as caught:
            open_classifier(f"timm:{folder}", device="cpu")
        assert "\n" not in str(caught.value)


def test_a_pickled_network_is_no_weights(tmp_path: Path) -> None:
    folder = timm_folder(tmp_path, suffix=".pth")
    torch.save(torch.nn.Linear(2, 2), folder / "weights.pth")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        open_classifier(f"timm:{folder}", device="cpu")


# -- zero-shot


def test_the_shipped_prompts_speak_of_all_findings() -> None:
    from lucidray.domain.vocabulary import LABELS as FINDINGS

    assert list(json.loads(SHIPPED_PROMPTS.read_text())["findings"]) == list(FINDINGS)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_score_is_the_likeness_with_one_sentence_less_that_with_the_other(tmp_path: Path, kind: str) -> None:
    transformers = pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")
    folder = clip_folder(tmp_path, kind)
    pair = {"present": ["a nodule"], "absent": ["no nodule is seen"]}
    (folder / "prompts.json").write_text(json.dumps({"findings": {"Nodule": pair}}))
    pixels = drawn(180, 180)
    prediction = open_classifier(f"zero-shot:hf:{folder}", device="cpu", threads=1).predict(film(pixels))
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    padding = "max_length" if kind == "siglip" else "longest"
    tokens = tokenizer(["a nodule", "no nodule is seen"], padding=padding, max_length=128, return_tensors="pt")
    pixel_values = transformers.AutoImageProcessor.from_pretrained(folder)(images=as_rgb(pixels), return_tensors="pt")
    with torch.inference_mode():
        answer = model(**tokens, **pixel_values).logits_per_image[0]
    assert prediction.scores["Nodule"].raw == pytest.approx(float(answer[0] - answer[1]), abs=2e-2)
    assert abs(float(answer[0] - answer[1])) > 0.05, "the test needs sentences that differ"
    assert all(score.raw is None for label, score in prediction.scores.items() if label != "Nodule")


def test_open_clip_answers_as_it_does_by_itself(tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip", reason="needs lucidray[zero-shot]")
    folder = open_clip_folder(tmp_path)
    pair = {"present": ["a nodule"], "absent": ["no nodule is seen"]}
    (folder / "prompts.json").write_text(json.dumps({"findings": {"Nodule": pair}}))
    pixels = drawn(180, 180)
    prediction = open_classifier(f"zero-shot:open_clip:{folder}", device="cpu", threads=1).predict(film(pixels))
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a nodule", "no nodule is seen"])
    with torch.inference_mode():
        image, text, scale = model.eval()(preprocess(as_rgb(pixels))[None], tokens)[:3]
        answer = scale * image[0] @ text.T
    assert prediction.scores["Nodule"].raw == pytest.approx(float(answer[0] - answer[1]), abs=2e-2)
    assert abs(float(answer[0] - answer[1])) > 0.02, "the test needs sentences that differ"


def test_occlusion_is_asked_for_in_the_prompts(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path)
    pair = {"present": ["a nodule"], "absent": ["no nodule is seen"]}
    (folder / "prompts.json").write_text(json.dumps({"findings": {"Nodule": pair}, "occlusion_grid": 3}))
    classifier = open_classifier(f"zero-shot:hf:{folder}", device="cpu", threads=1)
    heatmaps = classifier.predict(film(drawn(180, 240))).heatmaps
    assert set(heatmaps) == {"Nodule"}
    columns = (np.arange(heatmaps["Nodule"].values.shape[1]) + 0.5) / heatmaps["Nodule"].values.shape[1]
    assert not heatmaps["Nodule"].values[:, columns < 0.12].any(), "the model never saw the cut-off borders"


@pytest.mark.parametrize("builder", [clip_folder, open_clip_folder])
def test_a_folder_without_weights_is_an_error_and_no_random_network(tmp_path: Path, builder) -> None:
    folder = builder(tmp_path / "a")
    library = "hf" if builder is clip_folder else "open_clip"
    for path in folder.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(ModelError, match="weights are missing"):
        open_classifier(f"zero-shot:{library}:{folder}", device="cpu")


def test_weights_that_lack_a_part_are_an_error_and_no_random_part(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = clip_folder(tmp_path / "a")
    state = load_file(folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing .*visual_projection"):
        open_classifier(f"zero-shot:hf:{folder}", device="cpu")


def test_a_model_that_was_never_downloaded_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr("socket.getaddrinfo", forbidden)
    for library in ("hf", "open_clip"):
        with pytest.raises(ModelError, match="hf download microsoft/never-there"):
            open_classifier(f"zero-shot:{library}:microsoft/never-there", device="cpu")
        with pytest.raises(ModelError, match="weights are missing: no folder"):
            open_classifier(f"zero-shot:{library}:{tmp_path / 'nowhere'}", device="cpu")


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "a")
    mark = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(mark)!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "modeling_own.Own", "AutoModel": "modeling_own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_classifier(f"zero-shot:hf:{folder}", device="cpu")
    assert not mark.exists()


def test_a_model_that_knows_no_text_is_an_error(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs lucidray[zero-shot]")
    folder = clip_folder(tmp_path / "a")
    small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    transformers.ViTModel(transformers.ViTConfig(image_size=32, patch_size=8, **small)).save_pretrained(folder)
    with pytest.raises(ModelError, match="does not hold text against images"):
        open_classifier(f"zero-shot:hf:{folder}", device="cpu")


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ("{", "cannot be read"),
        ('{"findings": {}}', "findings"),
        ('{"findings": {"Nodul": {"present": ["a"], "absent": ["b"]}}}', "findings.Nodul"),
        ('{"findings": {"Nodule": {"present": ["a"], "absent": []}}}', "absent"),
        ('{"findings": {"Nodule": {"present": ["a"], "absent": ["%s"]}}}' % ("long " * 99), "a prompt has"),
    ],
)
def test_prompts_that_do_not_hold_are_one_clear_error(tmp_path: Path, prompts: str, said: str) -> None:
    folder = clip_folder(tmp_path)
    (folder / "prompts.json").write_text(prompts)
    with pytest.raises(ModelError, match=said) as caught:
        open_classifier(f"zero-shot:hf:{folder}", device="cpu")
    assert "\n" not in str(caught.value)


def test_a_preprocessor_that_is_not_understood_is_an_error(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "a")
    path = folder / "preprocessor_config.json"
    whole = json.loads(path.read_text())
    for changes in ({"resample": 0}, {"do_center_crop": False}, {"do_resize": False}, {"size": {"longest_edge": 32}}):
        path.write_text(json.dumps({**whole, **changes}))
        with pytest.raises(ModelError, match="preprocessor_config"):
            open_classifier(f"zero-shot:hf:{folder}", device="cpu")
    shutil.rmtree(folder)
