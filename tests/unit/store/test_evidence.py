from dataclasses import replace

import numpy as np
import pytest
from readings import accepted_reading, refused_reading, synthetic_film

from lucidray.domain.errors import InputError
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Evidence
from lucidray.imaging.upscaling import enlarge
from lucidray.models.upscale_lanczos import LanczosUpscaler
from lucidray.store.evidence import pack, unpack


def test_evidence_comes_back_as_it_was() -> None:
    reading = accepted_reading()
    again = unpack(pack(reading.evidence), reading.evidence.film, reading)
    assert again.heatmaps.keys() == reading.evidence.heatmaps.keys()
    for label, heatmap in reading.evidence.heatmaps.items():
        np.testing.assert_array_equal(again.heatmaps[label].values, heatmap.values)
        assert again.heatmaps[label].cut == heatmap.cut
    np.testing.assert_array_equal(again.anatomy.masks, reading.evidence.anatomy.masks)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_film_is_turned_and_inverted_as_it_was_read(turns: int, inverted: bool) -> None:
    reading = accepted_reading(quarter_turns=turns)
    read = reading.evidence.film
    stored = replace(read, pixels=np.ascontiguousarray(np.rot90(read.pixels, -turns)), quarter_turns=0, corrections=())
    if inverted:
        read = read.inverted(Note(code="inverted", message="Bright and dark were exchanged before reading."))
    evidence = Evidence(read, reading.evidence.heatmaps, reading.evidence.anatomy)
    again = unpack(pack(evidence), stored, reading).film
    np.testing.assert_array_equal(again.pixels, read.pixels)
    assert again.quarter_turns == turns
    assert [note.code for note in again.corrections] == [note.code for note in read.corrections]


def test_a_film_refused_before_it_was_segmented_has_no_organs() -> None:
    reading = refused_reading(synthetic_film())
    evidence = Evidence(reading.evidence.film, {}, None)
    again = unpack(pack(evidence), evidence.film, reading)
    assert (again.anatomy, again.heatmaps) == (None, {})


@pytest.mark.parametrize("packed", [b"", b"PK\3\4 no archive", pack(accepted_reading().evidence)[:-200]])
def test_damaged_evidence_is_said_to_be_damaged(packed: bytes) -> None:
    reading = accepted_reading()
    with pytest.raises(InputError, match="damaged"):
        unpack(packed, reading.evidence.film, reading)


@pytest.mark.parametrize("turns", [0, 1])
def test_an_upscaled_film_comes_back_as_it_was_read(turns: int) -> None:
    small = Radiograph(synthetic_film(40, 30), "small.png", "PNG", pixel_spacing_mm=(5.0, 4.0))
    read, told = enlarge(small, LanczosUpscaler())
    if turns:
        read = read.turned(turns, Note(code="turned", message="Turned by 90 degrees counter-clockwise before reading."))
    reading = accepted_reading().model_copy(update={"upscaling": told, "degraded": True})
    again = unpack(pack(Evidence(read, {}, None)), small, reading).film
    np.testing.assert_allclose(again.pixels, read.pixels, atol=1e-5)
    assert again.upscaled_by == "lanczos"
    assert again.stored_size_px == (30, 40)
    assert again.stored_spacing_mm == (5.0, 4.0)
    assert again.original is not None
    np.testing.assert_array_equal(again.original.pixels, np.rot90(small.pixels, turns))
