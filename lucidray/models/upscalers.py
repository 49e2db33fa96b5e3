"""Which upscalers there are: one table for people, and one door to open what they choose.

A backend is imported when it is opened, so that nobody pays for a package that nobody asked for.
"""

from lucidray.domain.backend import Backend
from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Upscaler
from lucidray.models.device import check_device
from lucidray.models.upscale_lanczos import LANCZOS, LanczosUpscaler

UPSCALERS: tuple[Backend, ...] = (
    Backend(
        name=LANCZOS,
        module="lucidray.models.upscale_lanczos",
        extra=None,
        licence="Apache-2.0",
        gated=False,
        sends_data_away=False,
        weights="",
        size="",
        ran_real_weights=None,
        note="interpolation; adds no texture",
    ),
)


def load_upscaler(name: str, device: str = "auto", threads: int = 0) -> Upscaler:
    """Open an upscaler by its name in the table.

    Parameters
    ----------
    name : str
        For example ``lanczos``.
    device : "auto", "cuda", "mps" or "cpu"
    threads : int
        On the processor; 0 takes one a core.

    Raises
    ------
    UsageError
        There is no such upscaler, or the device is not there.
    """
    check_device(device)
    if name == LANCZOS:
        return LanczosUpscaler()
    known = ", ".join(backend.name for backend in UPSCALERS)
    raise UsageError(f"upscaler {name!r} is not known; lucidray knows {known}")
