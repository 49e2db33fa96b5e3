"""Small films on the main path: refused without the option; with it degraded, in their own pixels."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.answer import Answer, NamedBox
from lucidray.domain.box import Box
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed, Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.imaging.upscaling import enlarge
from lucidray.localization.measurements import measure
from lucidray.localization.regions import locate_all
from lucidray.localization.sides import find_thorax
from lucidray.models.fake import UPRIGHT, FakeClassifier, FakeSegmenter, drawn_anatomy
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.composer import Composer
from lucidray.readers.phrases import available_languages
from lucidray.reasoning.status import decide
from lucidray.wording.messages import translate

ALL = dict.fromkeys(LABELS, 0.1)


def pixels(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / height
    return (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)


def models(*, upscale: bool = True, hot: tuple[float, float] = (0.3, 0.65), **parts) -> Models:
    classifier = FakeClassifier({**ALL, "Effusion": 0.9}, hot_xy=hot)
    upscaler = LanczosUpscaler() if upscale else None
    return replace(Models(FakeSegmenter(), classifier, Composer(), upscaler), **parts)


def effusion(reading: Reading):
    return next(box for box in reading.boxes if box.label == "Effusion")


@pytest.mark.parametrize("side", [28, 127])
def test_without_the_option_the_size_rule_holds(side: int) -> None:
    reading = interpret(pixels(side, side), models(upscale=False))
    assert [note.code for note in reading.refusal] == ["too_small"]
    assert "128" in reading.refusal[0].message
    assert not reading.degraded
    assert reading.upscaling is None


def test_with_it_the_reading_is_degraded_and_says_so() -> None:
    reading = interpret(pixels(28, 28), models())
    assert reading.accepted
    assert reading.degraded
    assert reading.upscaling is not None
    assert reading.upscaling.method == "lanczos"
    assert "warning-upscaled" in reading.evidence_ids
    assert reading.report.findings[0].evidence == ["warning-upscaled"]
    assert reading.report.findings[0].verdict == "unverified"
    assert next(model.role for model in reading.provenance.models) == "upscaler"
    assert "upscaling" in reading.provenance.timings_ms


def test_below_28_pixels_nothing_helps() -> None:
    reading = interpret(pixels(27, 40), models())
    assert [note.code for note in reading.refusal] == ["too_small"]
    assert "28" in reading.refusal[0].message


def test_a_large_film_reads_as_without_the_option() -> None:
    with_it, without = (interpret(pixels(224, 224), models(upscale=upscale)) for upscale in (True, False))
    assert not with_it.degraded
    assert with_it.upscaling is not None
    assert not with_it.upscaling.applied
    assert all(model.role != "upscaler" for model in with_it.provenance.models)
    told = {"provenance", "upscaling"}
    assert with_it.model_dump(exclude=told) == without.model_dump(exclude=told)


@pytest.mark.parametrize(("hot", "side"), [((0.3, 0.65), "right"), ((0.7, 0.65), "left")])
def test_boxes_are_in_pixels_of_the_file(hot: tuple[float, float], side: str) -> None:
    small = interpret(pixels(56, 56), models(hot=hot))
    large = interpret(pixels(448, 448), models(hot=hot))
    assert (small.image.width_px, small.image.height_px) == (56, 56)
    a, b = effusion(small), effusion(large)
    assert (a.side, a.zone) == (b.side, b.zone)
    assert a.side == side
    assert np.array(a.box_xyxy_px) * 8 == pytest.approx(np.array(b.box_xyxy_px), abs=0.5)
    assert a.size_fraction_thorax == b.size_fraction_thorax
    widths = {one.name: one.value for one in small.measurements}, {one.name: one.value for one in large.measurements}
    assert widths[0]["heart_width"] * 8 == pytest.approx(widths[1]["heart_width"], abs=0.5)
    assert widths[0]["cardiothoracic_ratio"] == widths[1]["cardiothoracic_ratio"]


def test_sizes_in_millimetres_do_not_grow() -> None:
    """The same extent at an eighth of the pixels: the spacing is eight times as wide, the sizes are the same."""
    whole = Radiograph(pixels(448, 448), "film", "DICOM", pixel_spacing_mm=(0.8, 0.7))
    small = Radiograph(pixels(56, 56), "film", "DICOM", pixel_spacing_mm=(6.4, 5.6))
    upscaled, _ = enlarge(small, LanczosUpscaler())
    assert upscaled.original is small
    anatomy, sizes = drawn_anatomy(), []
    for film in (whole, upscaled):
        thorax = find_thorax(anatomy)
        prediction = FakeClassifier({**ALL, "Effusion": 0.9}).predict(film)
        measured = measure(film, thorax)
        findings = locate_all(decide(prediction, film, measured)[0], prediction.heatmaps, anatomy, film)
        region = next(finding for finding in findings if finding.label == "Effusion").regions[0]
        sizes.append((region.size_mm, [one.value for one in measured], [one.unit for one in measured]))
    assert sizes[0] == sizes[1]
    assert sizes[0][2] == ["1", "mm", "mm"]


class SeesTurned(FakeSegmenter):
    """Takes landscape films for films turned by 90 degrees clockwise."""

    def segment(self, pixels):
        turned = pixels.shape[1] > pixels.shape[0]
        return self.anatomy, replace(UPRIGHT, turn=(0.01, 0.01, 0.01, 0.97)) if turned else UPRIGHT


def test_a_film_that_is_turned_and_small_points_at_its_own_pixels() -> None:
    request = Request(fix_orientation=True)
    upright = interpret(pixels(60, 40), models(segmenter=SeesTurned()), request)
    lying = interpret(np.ascontiguousarray(np.rot90(pixels(60, 40), -1)), models(segmenter=SeesTurned()), request)
    assert upright.accepted
    assert lying.accepted
    assert lying.degraded
    assert (lying.image.width_px, lying.image.height_px) == (60, 40)
    box = Box(*effusion(upright).box_xyxy_px).turned(-1, 40, 60)
    assert np.array(effusion(lying).box_xyxy_px) == pytest.approx(np.array(box), abs=0.11)
    assert effusion(lying).side == effusion(upright).side
    assert effusion(lying).zone == effusion(upright).zone


class Points:
    """A reader that looks at the film that it is given, and boxes its left half."""

    used = ModelUsed(role="reader", name="points", version="0", sha256=None)

    def read(self, request):
        self.saw = request.film.pixels.shape
        box = Box(0.0, 0.0, request.film.width_px / 2, float(request.film.height_px))
        return Answer("There is a right pleural effusion.", (NamedBox("effusion", box),))


def test_a_reader_sees_the_upscaled_film_and_its_boxes_come_back_to_the_file() -> None:
    reader = Points()
    reading = interpret(pixels(28, 28), models(reader=reader))
    assert reader.saw == (224, 224)
    assert reading.reader_regions[0].box_xyxy_px == (0.0, 0.0, 14.0, 28.0)
    assert reading.reader_regions[0].side == "right"


def test_a_refused_one_is_told_as_upscaled_too() -> None:
    lateral = FakeSegmenter(replace(UPRIGHT, frontal=0.02, lateral=0.97))
    reading = interpret(pixels(28, 28), models(segmenter=lateral))
    assert not reading.accepted
    assert reading.degraded
    assert reading.findings == []


def test_risk_is_not_low_where_nothing_was_assessed() -> None:
    nothing = FakeClassifier({})
    nothing = replace(nothing, overall=0.1)
    reading = interpret(pixels(28, 28), models(classifier=nothing))
    assert all(finding.probability is None for finding in reading.findings if finding.label != "Cardiomegaly")
    assert reading.risk is None


@pytest.mark.parametrize("language", [one for one in available_languages() if one != "en"])
def test_warnings_are_said_in_every_language(language: str) -> None:
    reading = interpret(pixels(28, 28), models(), Request(language=language))
    for note in reading.warnings:
        if note.code.startswith("upscaled"):
            said = translate(note.message, language)
            assert said is not None
            assert said != note.message
            assert "28" in said or note.code != "upscaled"
    english = interpret(pixels(28, 28), models()).report.findings[0].text
    assert reading.report.findings[0].text != english


def test_a_png_of_28_pixels_goes_the_same_way(tmp_path) -> None:
    path = tmp_path / "small.png"
    Image.fromarray((255 * pixels(28, 28)).astype(np.uint8)).save(path)
    assert interpret(path, models()).degraded
