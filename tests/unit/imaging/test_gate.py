from dataclasses import replace

import numpy as np
import pytest

from lucidray.domain.anatomy import Anatomy, Appearance
from lucidray.domain.note import Note
from lucidray.domain.protocols import GateThresholds
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.gate import judge, judge_pixels
from lucidray.models.fake import UPRIGHT, drawn_anatomy

THRESHOLDS = GateThresholds(
    lateral=0.5, not_chest=0.5, turned=0.5, inverted=0.5, mirrored=0.5, min_lung_fraction=0.02, min_lung_ratio=0.3
)
RIGHT_LUNG, LEFT_LUNG = 0, 1


def film(pixels: np.ndarray | None = None, **facts: object) -> Radiograph:
    if pixels is None:
        pixels = np.linspace(0, 1, 200 * 200, dtype=np.float32).reshape(200, 200)
    return Radiograph(pixels=pixels.astype(np.float32), name="film", format="array", **facts)


def codes(notes: tuple[Note, ...]) -> list[str]:
    return [note.code for note in notes]


def refused(appearance: Appearance = UPRIGHT, anatomy: Anatomy | None = None, **facts: object) -> list[str]:
    return codes(judge(film(**facts), appearance, anatomy or drawn_anatomy(), THRESHOLDS).refusal)


def warned(appearance: Appearance = UPRIGHT, anatomy: Anatomy | None = None, **facts: object) -> list[str]:
    verdict = judge(film(**facts), appearance, anatomy or drawn_anatomy(), THRESHOLDS)
    assert verdict.accepted
    return codes(verdict.warnings)


def without(organ: int, keep: slice | None = None) -> Anatomy:
    """The drawn chest without a lung, or with some rows of it only."""
    masks = drawn_anatomy().masks.copy()
    seen = masks[organ, keep].copy() if keep else None
    masks[organ] = False
    if keep:
        masks[organ, keep] = seen
    return Anatomy(masks)


def cut(left: float = 0.0, right: float = 0.0, top: float = 0.0, bottom: float = 0.0) -> Anatomy:
    """The drawn chest on a film of which shares were cut off, stretched again."""
    masks = drawn_anatomy(400).masks
    masks = masks[:, round(top * 400) : round((1 - bottom) * 400), round(left * 400) : round((1 - right) * 400)]
    rows, columns = (np.linspace(0, count - 1, 128).round().astype(int) for count in masks.shape[1:])
    return Anatomy(masks[:, rows][:, :, columns])


class TestPixels:
    def test_a_film_passes(self) -> None:
        assert judge_pixels(film()) == ()

    @pytest.mark.parametrize("shape", [(127, 400), (400, 127), (1, 1)])
    def test_thumbnails_are_too_small(self, shape: tuple[int, int]) -> None:
        assert codes(judge_pixels(film(np.random.default_rng(0).random(shape)))) == ["too_small"]

    def test_128_pixels_are_enough(self) -> None:
        assert judge_pixels(film(np.random.default_rng(0).random((128, 150)))) == ()

    @pytest.mark.parametrize("shape", [(200, 441), (441, 200)])
    def test_strips_are_no_chest(self, shape: tuple[int, int]) -> None:
        assert codes(judge_pixels(film(np.random.default_rng(0).random(shape)))) == ["not_chest"]

    @pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
    def test_one_grey_value_is_blank(self, value: float) -> None:
        assert codes(judge_pixels(film(np.full((200, 200), value)))) == ["blank"]

    def test_noise_of_a_grey_step_or_two_is_blank(self) -> None:
        pixels = 0.5 + np.random.default_rng(0).normal(0, 0.002, (200, 200))
        assert codes(judge_pixels(film(pixels))) == ["blank"]

    def test_a_page_of_text_is_blank(self) -> None:
        pixels = np.ones((300, 300))
        pixels[::20, 20:280] = 0.0
        assert codes(judge_pixels(film(pixels))) == ["blank"]

    def test_a_film_of_low_contrast_passes(self) -> None:
        assert judge_pixels(film(0.45 + 0.1 * np.random.default_rng(0).random((200, 200)))) == ()

    def test_wide_black_borders_pass(self) -> None:
        pixels = np.zeros((400, 400))
        pixels[100:300, 100:300] = np.linspace(0.1, 0.9, 200)
        assert judge_pixels(film(pixels)) == ()


class TestKind:
    def test_an_upright_frontal_film_is_accepted_without_a_word(self) -> None:
        verdict = judge(film(), UPRIGHT, drawn_anatomy(), THRESHOLDS)
        assert verdict.accepted
        assert verdict.warnings == ()
        assert (verdict.quarter_turns, verdict.invert) == (0, False)

    def test_a_lateral_film(self) -> None:
        assert refused(replace(UPRIGHT, frontal=0.2, lateral=0.79)) == ["lateral"]

    def test_a_lateral_header_outweighs_a_network_that_hesitates_or_not(self) -> None:
        assert refused(replace(UPRIGHT, frontal=0.6, lateral=0.39), view="lateral") == ["lateral"]
        assert refused(UPRIGHT, view="lateral") == ["lateral"]

    def test_an_oblique_header(self) -> None:
        assert refused(UPRIGHT, view="oblique") == ["oblique"]

    def test_a_picture_of_something_else_has_one_reason_only(self) -> None:
        nothing = Anatomy(np.zeros_like(drawn_anatomy().masks))
        appearance = replace(UPRIGHT, frontal=0.01, not_chest=0.98, turn=(0.1, 0.2, 0.3, 0.4), inverted=0.9)
        assert refused(appearance, nothing) == ["not_chest"]

    def test_neither_frontal_nor_anything_else(self) -> None:
        assert refused(replace(UPRIGHT, frontal=0.3, lateral=0.4, not_chest=0.3)) == ["lateral"]
        assert refused(replace(UPRIGHT, frontal=0.3, lateral=0.3, not_chest=0.4)) == ["not_chest"]

    @pytest.mark.parametrize("part", ["KNEE", "LEG", "SKULL", "ABDOMEN", "knee", "LOWER_LEG"])
    def test_another_body_part(self, part: str | None) -> None:
        assert refused(replace(UPRIGHT, frontal=0.8, not_chest=0.19), body_part=part) == ["not_chest"]
        assert warned(UPRIGHT, body_part=part) == ["body_part_disagrees"]

    @pytest.mark.parametrize(
        "part", [None, "", "CHEST", "PORT CHEST", "CHEST_ABDOMEN", "THORAX", "LUNGS", "RIBS", "XYZ"]
    )
    def test_chest_or_nothing_known(self, part: str | None) -> None:
        assert refused(replace(UPRIGHT, frontal=0.8, not_chest=0.19), body_part=part) == []
        assert warned(UPRIGHT, body_part=part) == []

    def test_hostile_text_in_the_header_stays_short_and_on_one_line(self) -> None:
        part = "KNEE \n\x1b[2J" + "x" * 500
        (note,) = judge(film(body_part=part), UPRIGHT, drawn_anatomy(), THRESHOLDS).warnings
        assert note.message.isprintable()
        assert len(note.message) < 200

    def test_a_coloured_picture_needs_a_sure_network(self) -> None:
        colour = (Note(code="colour", message="In colour."),)
        assert refused(replace(UPRIGHT, frontal=0.95, not_chest=0.04), warnings=colour) == ["not_chest"]
        assert refused(replace(UPRIGHT, frontal=0.99, not_chest=0.005), warnings=colour) == []


class TestLying:
    @pytest.mark.parametrize(
        ("turned_by", "code", "words", "cure"),
        [
            (1, "turned_270", "counter-clockwise", 3),
            (2, "turned_180", "upside down", 2),
            (3, "turned_90", "clockwise", 1),
        ],
    )
    def test_a_turned_film_says_which_way(self, turned_by: int, code: str, words: str, cure: int) -> None:
        turn = tuple(0.91 if k == turned_by else 0.03 for k in range(4))
        verdict = judge(film(), replace(UPRIGHT, turn=turn), drawn_anatomy(), THRESHOLDS)
        assert codes(verdict.refusal) == [code]
        assert words in verdict.refusal[0].message
        assert verdict.quarter_turns == cure
        assert verdict.fixable

    @pytest.mark.parametrize("turned_by", [1, 2, 3])
    def test_the_cure_sets_the_film_upright(self, turned_by: int) -> None:
        upright = np.arange(6.0).reshape(2, 3)
        turn = tuple(0.91 if k == turned_by else 0.03 for k in range(4))
        cure = judge(film(), replace(UPRIGHT, turn=turn), drawn_anatomy(), THRESHOLDS).quarter_turns
        assert np.array_equal(np.rot90(np.rot90(upright, turned_by), cure), upright)

    def test_clockwise_is_what_a_viewer_calls_clockwise(self) -> None:
        # Turned clockwise by 90 degrees the top of the film lies on the viewer's right.
        upright = np.array([[1, 1], [0, 0]])
        assert np.array_equal(np.rot90(upright, 3), [[0, 1], [0, 1]])

    def test_turned_and_inverted_are_both_named(self) -> None:
        appearance = replace(UPRIGHT, turn=(0.02, 0.02, 0.94, 0.02), inverted=0.97)
        verdict = judge(film(), appearance, without(RIGHT_LUNG), THRESHOLDS)
        assert codes(verdict.refusal) == ["turned_180", "inverted"]
        assert verdict.fixable
        assert verdict.invert

    def test_inverted_alone(self) -> None:
        verdict = judge(film(), replace(UPRIGHT, inverted=0.97), drawn_anatomy(), THRESHOLDS)
        assert codes(verdict.refusal) == ["inverted"]
        assert (verdict.quarter_turns, verdict.invert, verdict.fixable) == (0, True, True)

    def test_what_cannot_be_fixed_says_so(self) -> None:
        verdict = judge(film(), replace(UPRIGHT, frontal=0.1, lateral=0.89, inverted=0.97), drawn_anatomy(), THRESHOLDS)
        assert not verdict.fixable
        assert (verdict.quarter_turns, verdict.invert) == (0, False)


class TestLungs:
    def test_no_lungs_at_all(self) -> None:
        assert refused(anatomy=Anatomy(np.zeros_like(drawn_anatomy().masks))) == ["not_chest"]

    @pytest.mark.parametrize("organ", [RIGHT_LUNG, LEFT_LUNG])
    def test_a_white_hemithorax_is_read_with_a_warning(self, organ: int) -> None:
        assert warned(anatomy=without(organ)) == ["lung_not_seen"]
        assert warned(anatomy=without(organ, slice(0, 35))) == ["lung_not_seen"]

    def test_a_big_effusion_is_read_without_a_warning(self) -> None:
        assert warned(anatomy=without(LEFT_LUNG, slice(0, 64))) == []

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_a_film_without_room_for_a_lung_is_cropped(self, side: str) -> None:
        assert refused(anatomy=cut(**{side: 0.5})) == ["cropped"]

    @pytest.mark.parametrize("border", ["left", "right", "top", "bottom"])
    def test_a_lung_that_only_reaches_the_border_is_read_with_a_warning(self, border: str) -> None:
        share = {"left": 0.17, "right": 0.17, "top": 0.18, "bottom": 0.222}[border]
        assert warned(anatomy=cut(**{border: share})) == ["lung_at_border"]

    def test_wide_borders_are_read_with_a_warning(self) -> None:
        masks = np.zeros((5, 300, 300), dtype=bool)
        masks[:, 90:210, 90:210] = drawn_anatomy(120).masks
        few = replace(THRESHOLDS, min_lung_fraction=0.05)
        verdict = judge(film(), UPRIGHT, Anatomy(masks), few)
        assert verdict.accepted
        assert codes(verdict.warnings) == ["small_chest"]

    @pytest.mark.parametrize("border", ["left", "right", "top", "bottom"])
    def test_a_lung_that_runs_on_beyond_the_border_is_cropped(self, border: str) -> None:
        share = 0.32 if border in ("left", "right") else 0.45
        assert refused(anatomy=cut(**{border: share})) == ["cropped"]

    @pytest.mark.parametrize("border", ["left", "right", "top", "bottom"])
    def test_a_tight_film_is_accepted(self, border: str) -> None:
        assert warned(anatomy=cut(**{border: 0.12})) == []

    def test_specks_are_no_lung(self) -> None:
        masks = without(LEFT_LUNG).masks.copy()
        masks[LEFT_LUNG, ::4, 80:110:4] = True
        assert warned(anatomy=Anatomy(masks)) == ["lung_not_seen"]


class TestMirrored:
    def test_a_film_that_looks_mirrored_is_read_with_a_warning(self) -> None:
        assert warned(replace(UPRIGHT, mirrored=0.9)) == ["mirrored"]

    def test_a_header_that_says_so_is_enough(self) -> None:
        assert warned(UPRIGHT, orientation=("R", "F")) == ["mirrored"]

    @pytest.mark.parametrize("orientation", [None, ("L", "F"), ("L", "FA")])
    def test_an_ordinary_header_says_nothing(self, orientation: tuple[str, str] | None) -> None:
        assert warned(UPRIGHT, orientation=orientation) == []

    def test_the_warning_names_what_it_rests_on(self) -> None:
        both = judge(film(orientation=("R", "F")), replace(UPRIGHT, mirrored=0.9), drawn_anatomy(), THRESHOLDS)
        seen = judge(film(), replace(UPRIGHT, mirrored=0.9), drawn_anatomy(), THRESHOLDS)
        assert "the file says so" in both.warnings[0].message
        assert "file" not in seen.warnings[0].message


def test_children_come_with_a_warning() -> None:
    assert warned(age_years=17.9) == ["child"]
    assert warned(age_years=18.0) == []
