from dataclasses import replace
from pathlib import Path

import pytest
import readings

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox
from lucidray.datasets.propose import agreeing, propose
from lucidray.domain.claim import Claim
from lucidray.domain.errors import InputError
from lucidray.domain.reading import Reading, Region
from lucidray.domain.vocabulary import Label, Side, Zone


def region(side: Side, zone: Zone = "lower", left: float = 10.0) -> Region:
    return Region(
        id="region-x-1",
        box_xyxy_px=(left, 20, left + 30, 60),
        side=side,
        zone=zone,
        size_mm=None,
        size_fraction_thorax=0.1,
    )


def claim(label: Label, side: Side | None, zone: Zone | None = None) -> Claim:
    return Claim(label=label, polarity="present", side=side, zone=zone, sentence="So it says.")


@pytest.mark.parametrize(
    ("said", "pointed", "agrees"),
    [
        (claim("Effusion", "right"), {"Effusion": [region("right")]}, True),
        (claim("Effusion", "left"), {"Effusion": [region("right")]}, False),
        (claim("Effusion", None), {"Effusion": [region("right")]}, False),
        (claim("Effusion", "right", "upper"), {"Effusion": [region("right", "lower")]}, False),
        (claim("Effusion", "both"), {"Effusion": [region("right")]}, False),
        (claim("Effusion", "both"), {"Effusion": [region("right"), region("left")]}, True),
        (claim("Effusion", "both"), {"Effusion": [region("both")]}, True),
        (claim("Cardiomegaly", None), {"Cardiomegaly": [region("midline")]}, True),
        (claim("Pneumonia", "right"), {"Infiltration": [region("right")]}, True),
        (claim("Effusion", "right"), {"Infiltration": [region("right")]}, False),
        (claim("Effusion", "right"), {}, False),
    ],
)
def test_only_what_agrees_is_proposed(said: Claim, pointed: dict[str, list[Region]], agrees: bool) -> None:
    found, became = agreeing(said, pointed)
    assert bool(found) is agrees
    assert (became == "box proposed") is agrees


def film(report: str, boxes: tuple[PlacedBox, ...] = ()) -> ManifestFilm:
    return ManifestFilm("a.png", "p", "train", {}, boxes, report)


def of(*films: ManifestFilm) -> Manifest:
    return Manifest(films, Path())


def test_a_real_reading_gives_its_regions_and_the_reports_words() -> None:
    reading = readings.accepted_reading()
    finding = next(one for one in reading.findings if one.regions and one.regions[0].side in ("left", "right"))
    place = finding.regions[0]
    other = "left" if place.side == "right" else "right"
    done = propose(of(film(f"FINDINGS: {finding.label} on the {place.side}.")), lambda film: reading)
    box = done.manifest.films[0].boxes[0]
    assert (box.finding, box.origin, box.phrase) == (finding.label, "proposed", f"{finding.label} on the {place.side}.")
    assert box.xyxy_px in {tuple(one.box_xyxy_px) for one in finding.regions}
    wrong = propose(of(film(f"FINDINGS: {finding.label} on the {other}.")), lambda film: reading)
    assert wrong.manifest.films[0].boxes == ()
    negative = replace(film(f"FINDINGS: {finding.label} on the {place.side}."), truth={finding.label: "negative"})
    assert propose(of(negative), lambda film: reading).outcome == {"the labels call it absent": 1}
    denied = propose(of(film(f"FINDINGS: No {finding.label} on the {place.side}.")), lambda film: reading)
    assert denied.manifest.films[0].boxes == ()


def test_an_impression_without_the_zone_does_not_undo_the_zone() -> None:
    reading = readings.accepted_reading()
    finding = next(one for one in reading.findings if one.regions and one.regions[0].side in ("left", "right"))
    place = finding.regions[0]
    zone = "upper" if place.zone != "upper" else "lower"
    text = (
        f"FINDINGS: {finding.label} in the {place.side} {zone} zone.\nIMPRESSION: {finding.label} on the {place.side}."
    )
    assert propose(of(film(text)), lambda film: reading).manifest.films[0].boxes == ()


def test_drawn_boxes_stay_and_films_that_cannot_be_read_get_none() -> None:
    drawn = PlacedBox("Mass", (1, 2, 3, 4))

    def refuse(one: ManifestFilm) -> Reading:
        return readings.refused_reading()

    def fail(one: ManifestFilm) -> Reading:
        raise InputError("broken")

    done = propose(of(film("Right effusion.", (drawn,))), fail)
    assert done.manifest.films[0].boxes == (drawn,)
    assert propose(of(film("Right effusion.")), fail).outcome == {"film not readable": 1}
    assert propose(of(film("Right effusion.")), refuse).outcome == {"film refused by the gate": 1}
