import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from lucidray.domain.box import Box
from lucidray.domain.mask import components, extent, largest

masks = arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))


@given(masks)
def test_pieces_are_those_of_scipy(mask: np.ndarray) -> None:
    labelled, count = ndimage.label(mask, structure=np.ones((3, 3)))
    expected = {(labelled == number).tobytes() for number in range(1, count + 1)}
    pieces = components(mask)
    assert {piece.tobytes() for piece in pieces} == expected
    areas = [int(piece.sum()) for piece in pieces]
    assert areas == sorted(areas, reverse=True)


@given(masks)
def test_largest_is_the_first_piece(mask: np.ndarray) -> None:
    pieces = components(mask)
    assert np.array_equal(largest(mask), pieces[0] if pieces else mask)


@given(masks)
def test_extent_is_the_tightest_box(mask: np.ndarray) -> None:
    box = extent(mask)
    if box is None:
        assert not mask.any()
        return
    x0, y0, x1, y1 = (int(edge) for edge in box)
    assert mask.sum() == mask[y0:y1, x0:x1].sum()
    assert mask[y0, :].any()
    assert mask[y1 - 1, :].any()
    assert mask[:, x0].any()
    assert mask[:, x1 - 1].any()


def test_extent_counts_edges_not_centres() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[1:3, 2] = True
    assert extent(mask) == Box(2, 1, 3, 3)
