"""Session secrets and cookies: what lets a page of this service change things, and no other page.

The secret is random, one a process, and given out by a request that no other site can read (there is no CORS) and that
no rebound name can make (the Host is checked). A cookie holds the id of a token and the time when it ends, signed with
a key of the process; it comes with every request of the page, images too, and never suffices to change anything.
"""

import hashlib
import hmac
import secrets
import time

HEADER = "X-Lucidray-Session"
LASTS_S = 12 * 3600


class Sessions:
    """The secrets of one process."""

    def __init__(self) -> None:
        self.secret = secrets.token_urlsafe(32)
        self._key = secrets.token_bytes(32)

    def is_secret(self, text: str | None) -> bool:
        """Whether a request carries the session secret."""
        return text is not None and hmac.compare_digest(text.encode("latin-1", "replace"), self.secret.encode())

    def cookie(self, token_id: str) -> str:
        """Make the cookie of somebody who showed a token."""
        told = f"{token_id}.{int(time.time()) + LASTS_S}"
        return f"{told}.{self._sign(told)}"

    def token_of(self, cookie: str) -> str | None:
        """Return the id of the token that a cookie stands for, or None where it is not ours or has run out."""
        told, _, signature = cookie.rpartition(".")
        token_id, _, ends = told.rpartition(".")
        if not hmac.compare_digest(signature.encode("latin-1", "replace"), self._sign(told).encode()):
            return None
        return token_id if ends.isdigit() and int(ends) > time.time() else None

    def _sign(self, told: str) -> str:
        return hmac.new(self._key, told.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
