"""View, side, orientation, spacing, age and sex as the header says, and what becomes of nonsense."""

import dataclasses
from typing import Any

import pytest
from dicom_fixtures import RAMP, code_item, encode, film_dataset, film_dicom, sequence

from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.dicom_patient import parse_age
from lucidray.imaging.film import read_film


def film(**attributes: Any) -> Radiograph:
    return read_film(film_dicom(RAMP, **attributes))


def codes(radiograph: Radiograph) -> list[str]:
    return [note.code for note in radiograph.warnings]


@pytest.mark.parametrize(
    ("stated", "view"),
    [
        ("PA", "PA"),
        ("AP", "AP"),
        ("ap", "AP"),
        ("LL", "lateral"),
        ("RL", "lateral"),
        ("LATERAL", "lateral"),
        ("LAT", "lateral"),
        ("RAO", "oblique"),
        ("AP SUPINE", "AP supine"),
        ("AP_SUPINE", "AP supine"),
        ("SUPINE", "AP supine"),
    ],
)
def test_view_position(stated: str, view: str) -> None:
    radiograph = film(ViewPosition=stated)
    assert radiograph.view == view
    assert radiograph.warnings == ()


def test_missing_view_is_unknown() -> None:
    assert film().view == "unknown"
    assert film(ViewPosition="").warnings == ()


@pytest.mark.parametrize(
    ("stated", "code"), [("LLD", "view_decubitus"), ("RLD", "view_decubitus"), ("XY;7", "view_not_understood")]
)
def test_odd_views_are_unknown_and_told(stated: str, code: str) -> None:
    radiograph = film(ViewPosition=stated)
    assert radiograph.view == "unknown"
    assert codes(radiograph) == [code]


@pytest.mark.parametrize(
    ("code", "view"),
    [("272479007", "PA"), ("R-10206", "AP"), ("399067008", "lateral"), ("399135007", "oblique"), ("0", "unknown")],
)
def test_view_code_sequence(code: str, view: str) -> None:
    assert film(ViewCodeSequence=sequence(code_item(code))).view == view


@pytest.mark.parametrize(
    ("description", "view"),
    [
        ("CHEST PA", "PA"),
        ("Thorax p.a.", "PA"),
        ("CHEST_AP", "AP"),
        ("Chest LAT", "lateral"),
        ("Chest PA and LAT", "unknown"),
        ("PANORAMA", "unknown"),
        ("PAIN", "unknown"),
    ],
)
def test_descriptions_are_the_last_resort_and_told(description: str, view: str) -> None:
    radiograph = film(SeriesDescription=description)
    assert radiograph.view == view
    assert codes(radiograph) == ([] if view == "unknown" else ["view_from_description"])


@pytest.mark.parametrize(
    ("attributes", "note"),
    [
        ({"PatientPosition": "HFS"}, []),
        ({"PatientOrientationCodeSequence": sequence(code_item("F-10340", "SRT"))}, []),
        (
            {
                "PatientOrientationCodeSequence": sequence(
                    code_item("102538003", PatientOrientationModifierCodeSequence=sequence(code_item("40199007")))
                )
            },
            [],
        ),
        ({"SeriesDescription": "Thorax liegend"}, ["supine_from_description"]),
    ],
)
def test_ap_films_of_patients_who_lie_are_supine(attributes: dict[str, Any], note: list[str]) -> None:
    radiograph = film(ViewPosition="AP", **attributes)
    assert radiograph.view == "AP supine"
    assert codes(radiograph) == note
    assert film(ViewPosition="PA", **attributes).view == "PA"


@pytest.mark.parametrize(
    ("stated", "laterality"), [("L", "left"), ("R", "right"), ("B", "both"), ("U", None), ("", None)]
)
def test_laterality(stated: str, laterality: str | None) -> None:
    assert film(ImageLaterality=stated).laterality == laterality
    assert film(Laterality=stated).laterality == laterality


def test_image_laterality_goes_before_laterality() -> None:
    assert film(ImageLaterality="R", Laterality="L").laterality == "right"


@pytest.mark.parametrize(
    ("stated", "note"),
    [
        (["L", "F"], []),
        (["LF", "FR"], []),
        (["R", "F"], ["orientation_declared_mirrored"]),
        (["L", "H"], ["orientation_declared_mirrored"]),
        (["F", "L"], ["orientation_declared_mirrored"]),
        (["H", "R"], ["orientation_declared_mirrored"]),
        (["R", "H"], ["orientation_declared_turned"]),
        (["F", "R"], ["orientation_declared_turned"]),
        (["H", "L"], ["orientation_declared_turned"]),
    ],
)
def test_declared_orientation_is_kept_and_told(stated: list[str], note: list[str]) -> None:
    radiograph = film(ViewPosition="PA", PatientOrientation=stated)
    assert radiograph.orientation == tuple(stated)
    assert codes(radiograph) == note


def test_orientation_of_a_lateral_film_is_no_matter_for_sides() -> None:
    assert codes(film(ViewPosition="LL", PatientOrientation=["A", "F"])) == []


@pytest.mark.parametrize("stated", [["L"], ["L", "F", "A"], ["?", "F"], ["L", ""]])
def test_nonsense_orientation_is_dropped(stated: list[str]) -> None:
    assert film(PatientOrientation=stated).orientation is None


@pytest.mark.parametrize(
    ("attributes", "spacing", "source"),
    [
        ({"ImagerPixelSpacing": ["0.143", "0.143"]}, (0.143, 0.143), "ImagerPixelSpacing (at the detector)"),
        ({"PixelSpacing": ["0.2", "0.1"]}, (0.2, 0.1), "PixelSpacing (not calibrated)"),
        (
            {"PixelSpacing": ["0.2", "0.2"], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.2, 0.2),
            "PixelSpacing (calibrated: FIDUCIAL)",
        ),
        (
            {"NominalScannedPixelSpacing": ["0.17", "0.17"]},
            (0.17, 0.17),
            "NominalScannedPixelSpacing (on the scanned film)",
        ),
        ({"ImagerPixelSpacing": ["0.1", "0.1"], "PixelSpacing": ["0.1", "0.1"]}, (0.1, 0.1), "ImagerPixelSpacing"),
        ({}, None, None),
    ],
)
def test_spacing_and_its_source(
    attributes: dict[str, Any], spacing: tuple[float, float] | None, source: str | None
) -> None:
    radiograph = film(**attributes)
    assert radiograph.pixel_spacing_mm == spacing
    assert radiograph.spacing_source is source or (radiograph.spacing_source or "").startswith(source or "-")
    assert radiograph.warnings == ()


def test_spacing_at_the_detector_goes_before_a_calibrated_one_and_both_are_told() -> None:
    radiograph = film(
        ImagerPixelSpacing=["0.2", "0.2"], PixelSpacing=["0.18", "0.18"], PixelSpacingCalibrationType="GEOMETRY"
    )
    assert radiograph.pixel_spacing_mm == (0.2, 0.2)
    (note,) = radiograph.warnings
    assert note.code == "spacing_alternative"
    assert "0.18" in note.message


@pytest.mark.parametrize(
    "stated",
    ["0.000\\0.000", "-0.1\\0.1", "NaN\\0.1", "abc\\def", "0.1", "0.1\\0.1\\0.1", "9\\9", "0.001\\0.001", "inf\\inf"],
)
def test_impossible_spacing_is_none_with_a_warning(stated: str) -> None:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        radiograph = film(**{keyword: stated})
        assert radiograph.pixel_spacing_mm is None
        assert radiograph.spacing_source is None
        assert codes(radiograph) == ["spacing_invalid"]


def test_an_impossible_spacing_does_not_hide_a_good_one() -> None:
    radiograph = film(ImagerPixelSpacing="0\\0", PixelSpacing=["0.2", "0.2"])
    assert radiograph.pixel_spacing_mm == (0.2, 0.2)
    assert codes(radiograph) == ["spacing_invalid"]


def test_magnification_is_told_and_not_applied() -> None:
    radiograph = film(ImagerPixelSpacing=["0.2", "0.2"], EstimatedRadiographicMagnificationFactor="1.15")
    assert radiograph.pixel_spacing_mm == (0.2, 0.2)
    assert codes(radiograph) == ["magnification"]


def test_pixels_that_are_not_square_are_told_where_no_spacing_says_so() -> None:
    assert codes(film(PixelAspectRatio=["2", "1"])) == ["pixel_aspect"]
    assert codes(film(PixelAspectRatio=["1", "1"])) == []
    assert codes(film(PixelAspectRatio=["2", "1"], PixelSpacing=["0.2", "0.1"])) == []


@pytest.mark.parametrize(
    ("stated", "years"),
    [
        ("045Y", 45),
        ("006M", 0.5),
        ("012W", 84 / 365.25),
        ("003D", 3 / 365.25),
        ("45", 45),
        ("45y", 45),
        (" 7 Y ", 7),
        ("000Y", 0),
        ("Y", None),
        ("-5Y", None),
        ("4.5Y", None),
        ("old", None),
        ("", None),
    ],
)
def test_age_strings(stated: str, years: float | None) -> None:
    parsed = parse_age(stated)
    assert parsed is None if years is None else parsed == pytest.approx(years)


@pytest.mark.parametrize("stated", ["412Y", "121Y", "XXXY", "9999"])
def test_impossible_ages_are_unknown_with_a_warning(stated: str) -> None:
    radiograph = film(PatientAge=stated)
    assert radiograph.age_years is None
    assert codes(radiograph) == ["age_implausible"]
    assert not radiograph.is_child


def test_age_from_dates_prefers_the_acquisition_to_a_rewritten_study_date() -> None:
    dates = {"PatientBirthDate": "19400305", "StudyDate": "20240101"}
    radiograph = film(AcquisitionDate="19950926", ContentDate="20000101", **dates)
    assert radiograph.age_years == pytest.approx(55.56, abs=0.01)
    assert codes(radiograph) == ["age_from_dates"]
    assert "Acquisition Date" in radiograph.warnings[0].message
    assert film(ContentDate="1995.09.26", **dates).age_years == pytest.approx(55.56, abs=0.01)
    assert film(**dates).age_years == pytest.approx(83.83, abs=0.01)
    assert film(AcquisitionDateTime="19950926120000.000+0100", **dates).age_years == pytest.approx(55.56, abs=0.01)


@pytest.mark.parametrize(("birth", "taken"), [("20240305", "20200101"), ("18000101", "20200101")])
def test_dates_that_contradict_each_other_give_no_age(birth: str, taken: str) -> None:
    radiograph = film(PatientBirthDate=birth, AcquisitionDate=taken)
    assert radiograph.age_years is None
    assert codes(radiograph) == ["age_implausible"]


@pytest.mark.parametrize("birth", ["19401350", "", "unknown", "0000"])
def test_nonsense_birth_dates_are_no_age(birth: str) -> None:
    radiograph = film(PatientBirthDate=birth, AcquisitionDate="20200101")
    assert radiograph.age_years is None
    assert radiograph.warnings == ()


def test_stated_age_that_contradicts_the_dates_is_kept_and_told() -> None:
    radiograph = film(PatientAge="010Y", PatientBirthDate="19500101", AcquisitionDate="20200101")
    assert radiograph.age_years == 10
    assert codes(radiograph) == ["age_contradictory"]


@pytest.mark.parametrize(("stated", "sex"), [("F", "female"), ("M", "male"), ("O", "other"), ("", None), ("X", None)])
def test_sex(stated: str, sex: str | None) -> None:
    assert film(PatientSex=stated).sex == sex


def test_identity_is_uids_and_never_the_patient() -> None:
    radiograph = film(AccessionNumber="SECRET-7", InstitutionName="SECRET")
    assert radiograph.identity is not None
    assert radiograph.identity.sop_instance_uid == "1.2.3.4"
    assert radiograph.body_part == "CHEST"
    assert "SECRET" not in repr(dataclasses.asdict(radiograph)).upper()


def test_hostile_text_is_kept_off_the_terminal() -> None:
    radiograph = film(
        ViewPosition="\x1b[31mPA\r\nX", BodyPartExamined="CHEST\x1b]0;pwned\x07", StudyInstanceUID="1.2;rm"
    )
    assert radiograph.identity is not None
    assert radiograph.identity.study_instance_uid is None
    text = (radiograph.body_part or "") + "".join(note.message for note in radiograph.warnings)
    assert text.isprintable()


@pytest.mark.parametrize("charset", ["NONSENSE", "ISO_IR 192", "\\ISO 2022 IR 87", "GB18030", ""])
def test_character_sets_never_cost_the_film(charset: str) -> None:
    dataset = film_dataset(RAMP, ViewPosition="PA", PatientName=None)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "M\xfcller^J\xf6rg"
    whole = encode(dataset)
    stated = charset.encode().ljust(len(charset) + len(charset) % 2)
    plain = b"\x08\0\x05\0CS\x0a\0ISO_IR 100"
    assert plain in whole
    changed = whole.replace(plain, b"\x08\0\x05\0CS" + len(stated).to_bytes(2, "little") + stated)
    assert read_film(changed).view == "PA"
