"""Who asks."""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from lucidray.server.problems import ForbiddenError
from lucidray.store.tokens import Role

LOCAL = "local"


@dataclass(frozen=True)
class Actor:
    """The person or program behind a request.

    Attributes
    ----------
    name : str
        A token's name, or ``local`` at the machine itself.
    role : Role
    via : {"local", "token", "cookie"}
        How it is known.
    """

    name: str
    role: Role
    via: Literal["local", "token", "cookie"]


def actor(request: Request) -> Actor:
    """Return who asks; the guard has seen to it that somebody does."""
    found: Actor = request.scope["lucidray_actor"]
    return found


def admin(request: Request) -> Actor:
    """Return who asks, and refuse whoever may not.

    Raises
    ------
    ForbiddenError
        The role is not `admin`.
    """
    found = actor(request)
    if found.role != "admin":
        raise ForbiddenError("this needs a token of the role admin")
    return found
