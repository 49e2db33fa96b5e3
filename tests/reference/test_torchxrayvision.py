"""TorchXRayVision by itself is the oracle: what its networks are fed, what they answer, and what its pickles may do."""

import math
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from borrowed_models import calm_network, home_at, make_torchvision_importable, save_random, torchxrayvision_home
from PIL import Image

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.prediction import UNCALIBRATED
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import LABELS
from lucidray.imaging.film import read_film
from lucidray.localization.regions import locate
from lucidray.localization.sides import find_thorax
from lucidray.models.fake import drawn_anatomy
from lucidray.models.registry import _XRV_FILES, CLASSIFIERS, missing_part, open_classifier

pytestmark = pytest.mark.extra
make_torchvision_importable()
torch = pytest.importorskip("torch", reason="needs lucidray[torchxrayvision]")
# Through lucidray first, so that the package's side effects are seen to be kept away.
backend = pytest.importorskip("lucidray.models.torchxrayvision", reason="needs lucidray[torchxrayvision]")
xrv = pytest.importorskip("torchxrayvision", reason="needs lucidray[torchxrayvision]")

NAMES = backend.known()
SPOTS = {"right": (0.3, 0.5), "left": (0.7, 0.5), "upper": (0.3, 0.3), "lower": (0.7, 0.68)}


def drawn(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height // 8, width // 8)).astype(np.float32)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)


def film(pixels: np.ndarray) -> Radiograph:
    return Radiograph(pixels=np.asarray(pixels, np.float32), name="film", format="array")


def test_the_table_names_the_packages_own_weights() -> None:
    listed = [row.name.partition(":") for row in CLASSIFIERS if row.extra == "torchxrayvision"]
    assert [name for _, _, name in listed] == list(NAMES)
    assert {name: backend.describe(name).path.name for name in NAMES} == _XRV_FILES


@pytest.mark.parametrize("name", NAMES)
def test_the_table_names_the_size_of_the_weights(name: str) -> None:
    row = next(row for row in CLASSIFIERS if row.name == f"torchxrayvision:{name}")
    network = backend.empty(backend.describe(name))
    size = sum(value.numel() * value.element_size() for value in network.state_dict().values()) / 1e6
    assert float(row.size.removesuffix(" MB")) == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize(("height", "width"), [(900, 700), (700, 900), (640, 640), (513, 702)])
@pytest.mark.parametrize("size", [224, 512])
def test_a_network_is_fed_what_the_package_feeds_it(tmp_path: Path, height: int, width: int, size: int) -> None:
    """From a file: by lucidray's own reading, and by the package's own example code."""
    path = tmp_path / "film.png"
    Image.fromarray(np.rint(255 * drawn(height, width)).astype(np.uint8)).save(path)
    ours, frame = backend.prepare(read_film(path).pixels, size)
    theirs = xrv.datasets.XRayResizer(size)(xrv.datasets.XRayCenterCrop()(xrv.utils.load_image(str(path))))
    assert ours.shape == (1, 1, size, size)
    assert ours.dtype == np.float32
    assert np.abs(ours[0] - theirs).max() < 0.01  # of a range of 2,048
    assert ours.min() < -600
    assert ours.max() > 600
    side = min(height, width)
    assert (frame.x1 - frame.x0) * width == pytest.approx(side)
    assert (frame.y1 - frame.y0) * height == pytest.approx(side)


def test_bright_is_dense_as_the_package_has_it() -> None:
    seen, _ = backend.prepare(np.full((300, 300), 1.0, np.float32), 224)
    assert seen.max() == pytest.approx(1024, abs=0.1)
    seen, _ = backend.prepare(np.zeros((300, 300), np.float32), 224)
    assert seen.min() == pytest.approx(-1024, abs=0.1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("name", ["densenet121-res224-all", "densenet121-res224-rsna", "resnet50-res512-all"])
def test_raw_scores_are_the_packages_answers_before_it_bends_them(home: Path, name: str) -> None:
    torch.manual_seed(7)
    spec = torchxrayvision_home(home, name)
    with home_at(home):
        ours = open_classifier(spec, device="cpu", threads=1)
        builder = xrv.models.ResNet if name.startswith("resnet") else xrv.models.DenseNet
        theirs = builder(weights=name)
    radiograph = film(0.5 + 0.02 * (drawn(400, 460) - 0.5))
    prediction = ours.predict(radiograph)
    with torch.inference_mode():
        seen = torch.from_numpy(backend.prepare(radiograph.pixels, theirs.input_resolution)[0])
        answers = dict(zip(theirs.targets, theirs(seen)[0], strict=True))
    points = dict(zip(theirs.targets, theirs.op_threshs, strict=True))
    compared: list[float] = []
    for label, score in prediction.scores.items():
        target = {"Pleural Thickening": "Pleural_Thickening"}.get(label, label)
        if target not in theirs.targets or math.isnan(points[target]):
            assert score.raw is None
            assert "no output" in str(score.unsupported_reason)
            continue
        assert score.raw is not None
        assert score.unsupported_reason == UNCALIBRATED
        share = torch.sigmoid(torch.tensor([[score.raw]]))
        bent = xrv.models.op_norm(share, points[target][None])
        assert float(bent) == pytest.approx(float(answers[target]), abs=2e-4)
        compared.append(float(bent))
    targets = [target for target in backend.describe(name).targets if target is not None]
    assert len(compared) == sum(target.replace("_", " ") in LABELS for target in targets)
    assert any(0.05 < share < 0.95 for share in compared), "the test needs answers that are not at their ends"


def test_a_finding_that_the_package_fills_with_a_half_is_never_scored(home: Path) -> None:
    spec = torchxrayvision_home(home, "densenet121-res224-rsna")
    with home_at(home):
        prediction = open_classifier(spec, device="cpu", threads=1).predict(film(drawn(300, 300)))
    scored = {label for label, score in prediction.scores.items() if score.raw is not None}
    assert scored == set(prediction.heatmaps) == {"Pneumonia"}
    assert all(score.probability is None for score in prediction.scores.values())


def test_jfhealthcare_answers_as_the_package_does(home: Path) -> None:
    torch.manual_seed(3)
    spec = torchxrayvision_home(home, backend.JFHEALTHCARE)
    weights = backend.describe(backend.JFHEALTHCARE)
    radiograph = film(drawn(520, 520))
    with home_at(home):
        ours = open_classifier(spec, device="cpu", threads=1).predict(radiograph)
        package = xrv.baseline_models.jfhealthcare.DenseNet.__new__(xrv.baseline_models.jfhealthcare.DenseNet)
        torch.nn.Module.__init__(package)
        package.apply_sigmoid, package.model = True, backend._build(backend.describe(backend.JFHEALTHCARE)).eval()
        with torch.inference_mode():
            theirs = package(torch.from_numpy(backend.prepare(radiograph.pixels, weights.size)[0]))[0]
    for target, share in zip(weights.targets, theirs.tolist(), strict=True):
        assert 1 / (1 + math.exp(-ours.scores[target].raw)) == pytest.approx(share, abs=1e-5)
    assert not ours.heatmaps


def test_maps_point_at_what_was_seen_on_its_own_side(home: Path) -> None:
    """A network whose only feature is brightness, through crop, resize and the way back."""
    name = "densenet121-res224-all"
    spec = torchxrayvision_home(home, name)

    class Bright(torch.nn.Module):
        def forward(self, pixels: "torch.Tensor") -> "torch.Tensor":
            return torch.nn.functional.avg_pool2d(pixels / 1024 + 1, 32)

    network = xrv.models.DenseNet(num_classes=18)
    network.features, network.classifier = Bright(), torch.nn.Linear(1, 18)
    torch.nn.init.constant_(network.classifier.weight, 6.0)
    torch.nn.init.constant_(network.classifier.bias, -4.0)
    with home_at(home):
        classifier = open_classifier(spec, device="cpu", threads=1)
    classifier._network = network.eval()
    thorax = find_thorax(drawn_anatomy())
    for shape in ((400, 520), (520, 400)):
        for where, (x, y) in SPOTS.items():
            rows, columns = np.indices(shape)
            near = (columns - x * shape[1]) ** 2 + (rows - y * shape[0]) ** 2 < 30**2
            radiograph = film(np.where(near, 1.0, 0.02))
            heatmap = classifier.predict(radiograph).heatmaps["Effusion"]
            regions = locate("Effusion", heatmap, thorax, radiograph)
            assert regions, (shape, where)
            assert where in (regions[0].side, regions[0].zone)
            x0, y0, x1, y1 = regions[0].box_xyxy_px
            assert x0 <= x * shape[1] <= x1
            assert y0 <= y * shape[0] <= y1


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
def test_a_whole_module_is_read_in_both_formats(tmp_path: Path, legacy: bool) -> None:
    name = "densenet121-res224-nih"
    torch.manual_seed(1)
    spec = torchxrayvision_home(tmp_path, name, legacy=legacy)
    torch.manual_seed(1)
    wanted = calm_network(backend.describe(name)).state_dict()
    with home_at(tmp_path):
        found = open_classifier(spec, device="cpu", threads=1)._network.state_dict()
    assert all(torch.equal(found[key], value) for key, value in wanted.items())


class Harmful:
    """What a pickle does that runs a command when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"{sys.executable} -c \"open(r'{self.mark}', 'w')\"",)


@pytest.mark.parametrize("name", ["densenet121-res224-all", "resnet50-res512-all", "jfhealthcare-densenet121"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(tmp_path: Path, name: str, legacy: bool) -> None:
    spec = torchxrayvision_home(tmp_path, name)
    mark = tmp_path / "ran"
    path = tmp_path / ".torchxrayvision" / "models_data" / backend.describe(name).path.name
    torch.save({"a": Harmful(mark)}, path, _use_new_zipfile_serialization=not legacy)
    with home_at(tmp_path), pytest.raises(ModelError) as caught:
        open_classifier(spec, device="cpu")
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Harmful(mark)))  # noqa: S301
    assert mark.exists(), "the test needs a pickle that does run something"


@pytest.mark.parametrize("content", [b"", b"\x80\x02}", b"PK\x03\x04 no archive"])
def test_damaged_weights_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    spec = torchxrayvision_home(tmp_path, "densenet121-res224-all")
    with home_at(tmp_path):
        backend.describe("densenet121-res224-all").path.write_bytes(content)
    with home_at(tmp_path), pytest.raises(ModelError, match="cannot be read") as caught:
        open_classifier(spec, device="cpu")
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_do_not_fit(tmp_path: Path) -> None:
    spec = torchxrayvision_home(tmp_path, "densenet121-res224-all")
    path = tmp_path / ".torchxrayvision" / "models_data" / backend.describe("densenet121-res224-all").path.name
    save_random(xrv.models.DenseNet(num_classes=7), path, whole=True)
    with home_at(tmp_path), pytest.raises(ModelError, match="does not fit the network"):
        open_classifier(spec, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_missing_weights_say_what_to_fetch_and_fetch_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr("socket.socket.connect", forbidden)
    monkeypatch.setattr("socket.getaddrinfo", forbidden)
    with home_at(tmp_path), pytest.raises(ModelError, match=r"wget https://github\.com/mlmed") as caught:
        open_classifier(f"torchxrayvision:{name}", device="cpu")
    assert str(tmp_path) in str(caught.value)


def test_unknown_weights_list_the_known_ones() -> None:
    with pytest.raises(UsageError, match="densenet121-res224-all"):
        open_classifier("torchxrayvision:chexnet")


def test_a_device_that_is_not_there_is_an_error(home: Path) -> None:
    spec = torchxrayvision_home(home, "densenet121-res224-rsna")
    with home_at(home):
        for device, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
            if not there:
                with pytest.raises(UsageError, match=f"device {device} is not there"):
                    open_classifier(spec, device=device)


def test_the_package_is_imported_without_its_side_effects() -> None:
    assert not any("jfhealthcare" in folder for folder in sys.path)


def test_the_table_knows_that_weights_are_there(home: Path) -> None:
    name = "densenet121-res224-rsna"
    torchxrayvision_home(home, name)
    row = next(row for row in CLASSIFIERS if row.name.endswith(name))
    with home_at(home):
        assert missing_part(row) == ""
