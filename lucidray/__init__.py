"""lucidray: a chest radiograph in, a reading you can check out. Research use only, not for clinical diagnosis."""

from typing import TYPE_CHECKING, Any

from lucidray.version import VERSION as __version__

if TYPE_CHECKING:
    from lucidray.api import Lucidray, load, read
    from lucidray.domain.reading import Reading

__all__ = ["Lucidray", "Reading", "__version__", "load", "read"]

_HOMES = {
    "Lucidray": "lucidray.api",
    "load": "lucidray.api",
    "read": "lucidray.api",
    "Reading": "lucidray.domain.reading",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `lucidray --help` does not load networks."""
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lucidray' has no attribute {name!r}")
