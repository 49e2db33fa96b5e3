"""What the service is told when it starts."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from lucidray.imaging.limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True)
class ServerConfig:
    """How the service behaves.

    Attributes
    ----------
    host, port
        Where it listens; port 0 takes any free one.
    require_token : bool
        Ask everybody for a token, on a loopback address too.
    allowed_hosts : tuple of str
        Names, beside addresses and ``localhost``, by which people call this machine.
    show_identity : bool
        Show file names, the patient's name and ID, and UIDs in lists.
    playground : Path or None
        A folder whose films the playground may read.
    limits : Limits
        Of one film.
    language : str
        Of reports where nobody says otherwise.
    fix_orientation : bool
        Likewise.
    upscale : str or None
        Who upscales films that are too small, where nobody says otherwise; None refuses them.
    workers : int
        Films that are read at the same time.
    queue : int
        Films that may wait; more are sent away with 503.
    time_limit_s : float
        For one film.
    lease_s : float
        After how long without a sign of life another process takes over a film.
    max_files : int
        Films in one upload.
    idle_s : float
        How long a client may say nothing in the middle of a request.
    least_bytes_per_s : float
        A body that comes more slowly than this on the whole is given up.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    require_token: bool = False
    allowed_hosts: tuple[str, ...] = ()
    show_identity: bool = False
    playground: Path | None = None
    limits: Limits = DEFAULT_LIMITS
    language: str = "en"
    fix_orientation: bool = False
    upscale: str | None = None
    workers: int = 2
    queue: int = 32
    time_limit_s: float = 120.0
    lease_s: float = 30.0
    max_files: int = 64
    idle_s: float = 15.0
    least_bytes_per_s: float = 10_000.0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def needs_token(self) -> bool:
        """Whether everybody has to show a token."""
        return self.require_token or not self.is_loopback

    @property
    def max_body_bytes(self) -> int:
        """Largest upload: two films of the largest size, and what is said around them."""
        return 2 * self.limits.max_bytes + 2**20


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine can reach; a name other than ``localhost`` never counts."""
    if host.lower().rstrip(".") == "localhost":
        return True
    address = ip_address(host)
    return address is not None and address.is_loopback


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, with or without the brackets of a URL, or None where it is a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
