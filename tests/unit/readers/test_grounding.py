"""Places in a model's text: where they land on the film, and what cannot be a place."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.box import Box
from lucidray.readers.grounding import MAX_BOXES, ground
from lucidray.readers.letterbox import padded, stretched

SQUARE = stretched(1000, 1000, 896, 896)
PORTRAIT = padded(600, 1000, 500)  # the film covers columns 100 to 400 of the picture


def named(grounded) -> list[tuple[str, tuple[int, ...]]]:
    return [(box.name, tuple(round(value) for value in box.box)) for box in grounded.boxes]


def test_paligemma_writes_y_before_x_in_1024_bins() -> None:
    found = ground("<loc0256><loc0512><loc0512><loc0768> effusion ; <loc0000><loc0000><loc1023><loc1023> chest", SQUARE)
    assert named(found) == [("effusion", (500, 250, 750, 500)), ("chest", (0, 0, 999, 999))]
    assert found.text == "effusion ; chest"
    assert found.dropped == 0


def test_medgemma_writes_y_before_x_in_thousandths() -> None:
    raw = 'There is an effusion.\n```json\n[{"box_2d": [250, 500, 500, 750], "label": "effusion"}]\n```\nDone.'
    found = ground(raw, SQUARE)
    assert named(found) == [("effusion", (500, 250, 750, 500))]
    assert found.text == "There is an effusion.\n\nDone."


@pytest.mark.parametrize(
    "raw",
    [
        '[{"box_2d": [250, 500, 500, 750], "label": "effusion"}]',
        '{"box_2d": [250, 500, 500, 750], "label": "effusion"}',
        '```json\n{"label": "effusion", "box_2d": [250.0, 500, 500, 750]}\n```',
        '```\n[\n {"box_2d": [250, 500, 500, 750],\n "label": "effusion"}\n]\n```',
        '```JSON\n[{"box_2d": [[250, 500, 500, 750]], "label": "effusion"}]```',
    ],
)
def test_every_way_of_writing_the_same_box(raw: str) -> None:
    found = ground(f"Before. {raw} After.", SQUARE)
    assert named(found) == [("effusion", (500, 250, 750, 500))]
    assert found.text.split() == ["Before.", "After."]
    assert found.dropped == 0


def test_a_list_that_was_cut_off_keeps_its_whole_boxes() -> None:
    raw = 'Text.\n```json\n[{"box_2d": [1, 2, 300, 400], "label": "a"}, {"box_2d": [10, 20, 30, 4'
    found = ground(raw, SQUARE)
    assert named(found) == [("a", (2, 1, 400, 300))]
    assert found.dropped == 1
    assert found.text == "Text."


def test_maira_writes_x_before_y_in_100_bins_and_means_their_middle() -> None:
    raw = (
        "<obj>There is a right effusion.<box><x10><y20><x55><y60></box></obj><obj> The heart is normal.</obj>"
        "<obj>Nodules.<box><x00><y00><x09><y09></box><box><x90><y90><x99><y99></box></obj>"
    )
    found = ground(raw, SQUARE)
    assert named(found) == [
        ("There is a right effusion.", (105, 205, 555, 605)),
        ("Nodules.", (5, 5, 95, 95)),
        ("Nodules.", (905, 905, 995, 995)),
    ]
    assert found.text == "There is a right effusion. The heart is normal. Nodules."
    assert found.dropped == 0


def test_free_text_has_no_places_and_is_left_alone() -> None:
    raw = "Heart [normal] <5 cm. Ratio {0.48}. No effusion; no box."
    assert ground(raw, SQUARE).text == raw
    assert ground(raw, SQUARE).boxes == ()
    assert ground(raw, SQUARE).dropped == 0


def test_boxes_come_back_through_the_padding() -> None:
    inside = ground('{"box_2d": [0, 200, 500, 500], "label": "a"}', PORTRAIT)
    assert named(inside) == [("a", (0, 0, 300, 500))]
    across = ground('{"box_2d": [0, 0, 500, 500], "label": "a"}', PORTRAIT)
    assert named(across) == [("a", (0, 0, 300, 500))]
    beside = ground('{"box_2d": [0, 0, 500, 190], "label": "a"}', PORTRAIT)
    assert (beside.boxes, beside.dropped) == ((), 1)


@pytest.mark.parametrize(
    "raw",
    [
        '{"box_2d": [500, 500, 250, 750], "label": "reversed"}',
        '{"box_2d": [250, 500, 250, 750], "label": "flat"}',
        '{"box_2d": [250, 500, 500, 1200], "label": "outside"}',
        '{"box_2d": [-5, 500, 500, 600], "label": "outside"}',
        '{"box_2d": [NaN, 500, 500, 750], "label": "nan"}',
        '{"box_2d": [0, 0, Infinity, 750], "label": "inf"}',
        '{"box_2d": [true, false, true, true], "label": "bool"}',
        '{"box_2d": ["1", "2", "3", "4"], "label": "words"}',
        '{"box_2d": [1, 2, 3], "label": "three"}',
        '{"box_2d": null, "label": "none"}',
        '{"box_2d": [1, 2, 3, 1' + "0" * 400 + '], "label": "huge"}',
        "{'box_2d': [1, 2, 3, 4], 'label': 'quotes'}",
        '{"box_2d": [1, 2, 3, 4}',
        '{"box_2d": {"y": 1}}',
        "<loc0500><loc0500><loc0250><loc0750> reversed",
        "<loc0500><loc0500><loc0250> three",
        "<loc0500><loc0500><loc0750><loc1024> outside",
        "<obj>a<box><x10><y20><x05><y60></box></obj>",
        "<obj>a<box><x10><y20><x100><y60></box></obj>",
        "<obj>a<box><y10><x20><y55><x60></box></obj>",
        "<obj>a<box></box></obj>",
        "<obj>a<box><x10><y20>",
        "a</box>",
    ],
)
def test_what_cannot_be_a_box_is_dropped_and_counted_once(raw: str) -> None:
    found = ground(raw + " End.", SQUARE)
    assert found.boxes == ()
    assert found.dropped == 1
    assert "box_2d" not in found.text
    assert not any(mark in found.text for mark in ("<loc", "<box", "<x", "<y", "<obj"))


def test_a_token_that_was_cut_off_is_not_text() -> None:
    assert ground("Effusion. <loc0100><loc0100><loc0200><loc0200> a <loc01", SQUARE).text == "Effusion. a"


def test_too_many_boxes_are_dropped_and_counted() -> None:
    raw = json.dumps([{"box_2d": [0, 0, 10 + n % 900, 10], "label": str(n)} for n in range(500)])
    found = ground(raw, SQUARE)
    assert len(found.boxes) == MAX_BOXES
    assert found.dropped == 500 - MAX_BOXES
    assert found.text == ""


def test_a_name_is_one_harmless_line() -> None:
    raw = json.dumps({"box_2d": [0, 0, 10, 10], "label": "a\n\x1b[31mred\u202e" + "x" * 500})
    (box,) = ground(raw, SQUARE).boxes
    assert box.name.isprintable()
    assert len(box.name) <= 120


# Each is a megabyte of what made a careless pattern take time without end: it must be through in a moment.
@pytest.mark.parametrize(
    "piece",
    [
        "<box>",
        "<obj>",
        "</box>",
        "<x10>",
        "<loc0001>",
        "<loc0001> ",
        "<loc",
        "[",
        "{",
        "}",
        '{"box_2d":',
        "```json",
        "[{",
        '{"box_2d": [1,2,3,4]},',
        '"box_2d"',
        "<box></box>",
        "<obj><box><x10><y10>",
        " ",
        "\n",
        "\t<",
        "<seg001>",
        '[[[{"box_2d":[1]}',
    ],
)
def test_a_megabyte_of_anything_is_through_in_a_moment(piece: str) -> None:
    found = ground("Text. " + piece * (1_000_000 // len(piece)), PORTRAIT)
    assert len(found.boxes) <= MAX_BOXES


@given(st.text(st.sampled_from(list('<>/[]{}`",: \nabjosonlcxyloc0159.-')), max_size=200))
def test_no_text_makes_it_fail_and_boxes_are_on_the_film(raw: str) -> None:
    found = ground(raw, PORTRAIT)
    for box in found.boxes:
        assert 0 <= box.box.x0 < box.box.x1 <= 600
        assert 0 <= box.box.y0 < box.box.y1 <= 1000


@st.composite
def film_boxes(draw: st.DrawFn) -> Box:
    x0 = draw(st.integers(0, 500))
    y0 = draw(st.integers(0, 900))
    return Box(x0, y0, draw(st.integers(x0 + 20, 600)), draw(st.integers(y0 + 20, 1000)))


@given(film_boxes())
def test_each_family_brings_a_box_back_to_within_its_bin(box: Box) -> None:
    on_picture = PORTRAIT.to_picture(box)
    x0, y0, x1, y1 = (value / 500 for value in on_picture)
    bins = [min(1023, round(value * 1024)) for value in (y0, x0, y1, x1)]
    paligemma = "".join(f"<loc{value:04d}>" for value in bins) + " a"
    thousandths = [round(value * 1000) for value in (y0, x0, y1, x1)]
    medgemma = json.dumps({"box_2d": thousandths, "label": "a"})
    hundredths = [min(99, math.floor(value * 100)) for value in (x0, y0, x1, y1)]
    maira = "<obj>a<box><x{}><y{}><x{}><y{}></box></obj>".format(*hundredths)
    for raw, bin_px in ((paligemma, 1000 / 1024), (medgemma, 1.0), (maira, 10.0)):
        found = ground(raw, PORTRAIT)
        assert found.dropped == 0
        assert found.boxes[0].box == pytest.approx(tuple(box), abs=bin_px)
