"""Moved to `lucidray.models.prepare`; import it from there."""

from lucidray.models.prepare import resize, square

__all__ = ["resize", "square"]
