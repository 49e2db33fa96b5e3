"""A small film brought to a size that can be read, and whether it is still the same film."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from lucidray.domain.errors import ModelError
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.imaging.upscaling import chain, check, enlarge, lanczos
from lucidray.models.upscale_lanczos import LanczosUpscaler


@dataclass(frozen=True)
class Stub:
    """An upscaler that repeats pixels, and then does what it is told to."""

    factor: int = 4
    name: str = "stub"
    add: float = 0.0
    cut: int = 0
    used: ModelUsed = field(default_factory=lambda: ModelUsed(role="upscaler", name="stub", version="0", sha256=None))

    def upscale(self, pixels):
        large = pixels.repeat(self.factor, axis=0).repeat(self.factor, axis=1) + np.float32(self.add)
        return large[: len(large) - self.cut]


def film(height: int, width: int) -> Radiograph:
    y, x = np.mgrid[:height, :width] / max(height, width)
    return Radiograph((0.5 + 0.4 * np.sin(9 * x) * np.cos(7 * y)).astype(np.float32), "film", "array")


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((28, 28), [(112, 112), (224, 224)]),
        ((56, 56), [(224, 224)]),
        ((112, 112), [(448, 448), (224, 224)]),
        ((64, 64), [(256, 256), (224, 224)]),
        ((28, 35), [(112, 140), (224, 280)]),
        ((150, 223), [(600, 892), (224, 333)]),
    ],
)
def test_steps_end_at_224_pixels_and_keep_the_shape(size: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    assert [step.shape for step in chain(film(*size).pixels, LanczosUpscaler())] == sizes


def test_another_factor_takes_more_steps() -> None:
    assert [step.shape for step in chain(film(28, 28).pixels, Stub(factor=2))] == [(56, 56), (112, 112), (224, 224)]


def test_a_large_film_is_left_alone_and_that_is_told() -> None:
    large = film(224, 300)
    same, told = enlarge(large, Stub(add=0.5))
    assert same is large
    assert not told.applied
    assert told.sizes_px == [(300, 224)]
    assert told.consistency is None


def test_an_upscaled_film_keeps_its_original_and_says_so() -> None:
    small = film(28, 28)
    larger, told = enlarge(small, LanczosUpscaler())
    assert larger.pixels.shape == (224, 224)
    assert larger.original is small
    assert larger.upscaled_by == "lanczos"
    assert [note.code for note in larger.warnings] == ["upscaled"]
    assert told.sizes_px == [(28, 28), (112, 112), (224, 224)]
    assert told.consistency is not None
    assert told.consistency.agrees
    assert told.added_max is not None
    assert told.added_max < 0.05  # two steps of Lanczos are nearly one


def test_what_is_another_film_is_warned_of() -> None:
    larger, told = enlarge(film(56, 56), Stub(add=0.1))
    assert told.consistency is not None
    assert not told.consistency.agrees
    assert told.consistency.mean_difference == pytest.approx(0.1, abs=0.02)
    assert [note.code for note in larger.warnings] == ["upscaled", "upscaled_disagrees"]


def test_the_check_by_hand() -> None:
    original = np.zeros((2, 2), np.float32)
    upscaled = np.zeros((4, 4), np.float32)
    assert check(original, upscaled).psnr_db is None
    upscaled[:2, :2] = [[0.4, 0.0], [0.0, 0.0]]  # its area average is 0.1, in one of four pixels
    found = check(original, upscaled)
    assert found.max_difference == pytest.approx(0.1)
    assert found.mean_difference == pytest.approx(0.025)
    assert found.psnr_db == pytest.approx(10 * np.log10(4 / 0.01), abs=0.01)


@pytest.mark.parametrize("stub", [Stub(cut=1), Stub(add=float("nan"))], ids=["size", "nan"])
def test_what_is_no_film_is_a_fault_of_the_model(stub: Stub) -> None:
    with pytest.raises(ModelError, match="stub"):
        enlarge(film(28, 28), stub)


def test_lanczos_is_pillows_and_stays_in_range() -> None:
    edge = np.zeros((8, 8), np.float32)
    edge[:, 4:] = 1.0
    made = lanczos(edge, 32, 32)
    assert made.min() == 0.0
    assert made.max() == 1.0
    assert np.array_equal(made, LanczosUpscaler().upscale(edge))
