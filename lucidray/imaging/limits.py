"""How much of a file lucidray is willing to look at. Checked from headers, before anything is decoded."""

from dataclasses import dataclass

from lucidray.domain.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Largest file and largest film.

    Attributes
    ----------
    max_bytes : int
        Of a file, and of a deflated file after it was inflated.
    max_pixels : int
        Rows times columns; the largest detectors and film scanners stay below 30 million.
    """

    max_bytes: int = 256 * 2**20
    max_pixels: int = 64_000_000

    def check_bytes(self, count: int) -> None:
        """Raise InputError where a file of `count` bytes is empty or too large."""
        if count == 0:
            raise InputError("the file is empty")
        if count > self.max_bytes:
            raise InputError(f"{count:,} bytes are more than the limit of {self.max_bytes:,}")

    def check_size(self, width: int, height: int) -> None:
        """Raise InputError where an image of that many pixels is empty or too large."""
        if width < 1 or height < 1:
            raise InputError(f"an image of {width} x {height} pixels is empty")
        if width * height > self.max_pixels:
            raise InputError(f"{width:,} x {height:,} pixels are more than the limit of {self.max_pixels:,}")


DEFAULT_LIMITS = Limits()
